// Two proofs. The store proves what lies on the disk: checksums, hashes, signatures, chunks. Then the tree is proved to
// be what the log says: the feeds are copied into memory as they lie on the disk, opened there like any store, and
// replayed into a second tree, whose dump must equal that of the live one. The copy needs no lock, so this works while
// the volume is mounted; ops that come meanwhile are left out of the replay by counting.

#include <absl/strings/str_replace.h>
#include <copse/base/executor.h>
#include <copse/base/memory_storage.h>
#include <copse/base/random.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/tree_replica.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "cli/snapshots.h"
#include "cli/volume_commands.h"

namespace copse::cli {
namespace {

const char kCopy[] = "/store";

absl::Status CopyFile(base::Storage& from, const std::string& from_path, base::Storage& to,
                      const std::string& to_path) {
  constexpr std::size_t kPieceBytes = 1 << 20;
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<base::File> source,
                         from.Open(from_path, base::Storage::OpenMode::kRead));
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<base::File> copy, to.Open(to_path, base::Storage::OpenMode::kCreate));
  std::vector<char> piece(kPieceBytes);
  for (std::uint64_t offset = 0;;) {
    COPSE_ASSIGN_OR_RETURN(const std::size_t count, source->ReadAt(offset, piece));
    if (count == 0) return absl::OkStatus();
    COPSE_RETURN_IF_ERROR(copy->WriteAt(offset, {piece.data(), count}));
    offset += count;
  }
}

absl::Status CopyDirectory(base::Storage& from, const std::string& from_path, base::Storage& to,
                           const std::string& to_path) {
  COPSE_RETURN_IF_ERROR(to.CreateDirectory(to_path));
  COPSE_ASSIGN_OR_RETURN(const std::vector<base::Storage::Entry> entries, from.List(from_path));
  for (const base::Storage::Entry& entry : entries) {
    const std::string source = from_path + "/" + entry.name;
    const std::string copy = to_path + "/" + entry.name;
    COPSE_RETURN_IF_ERROR(entry.is_directory ? CopyDirectory(from, source, to, copy)
                                             : CopyFile(from, source, to, copy));
  }
  return absl::OkStatus();
}

/// All of a store but chunks and staged contents: these have no part in the tree. Snapshots only where asked for.
absl::Status CopyLog(base::Storage& from, const std::string& store, bool with_snapshots, base::Storage& to) {
  const std::string copy = kCopy;
  COPSE_RETURN_IF_ERROR(to.CreateDirectory(copy));
  for (const char* file : {"/format", "/identity"}) {
    COPSE_RETURN_IF_ERROR(CopyFile(from, store + file, to, copy + file));
  }
  for (const char* directory : {"/chunks", "/staging"}) COPSE_RETURN_IF_ERROR(to.CreateDirectory(copy + directory));
  COPSE_RETURN_IF_ERROR(CopyDirectory(from, store + "/feeds", to, copy + "/feeds"));
  const std::string snapshots = store + "/snapshots";
  const bool has_any = with_snapshots && from.Stat(snapshots).ok();
  return has_any ? CopyDirectory(from, snapshots, to, copy + "/snapshots") : absl::OkStatus();
}

enum class Beginning { kLog, kSnapshot };

/// The dump of a tree made of nothing but what lies on the disk, as far as `known` goes; nothing if a snapshot has been
/// made that goes further. Adds to `notes` what is said of snapshots.
absl::StatusOr<std::optional<std::string>> DumpOfReplay(OpenVolume& opened, const crdt::VersionVector& known,
                                                        Beginning beginning, std::vector<std::string>& notes) {
  base::MemoryStorage disk;
  COPSE_RETURN_IF_ERROR(CopyLog(opened.storage(), opened.store().path(), beginning == Beginning::kSnapshot, disk));
  base::SystemRandom random;
  base::ManualExecutor executor([&] { return opened.clock().Monotonic(); });
  crdt::NullJournal journal;
  const replica::Identity& identity = opened.store().identity();
  std::optional<crdt::TreeReplica> tree;
  tree.emplace(identity.actor, journal, fs::ValidateFileSystemOp);
  const auto replay = [&](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) -> absl::Status {
    const std::uint64_t wanted = known[actor] > first ? known[actor] - first : 0;
    ops = ops.first(std::min<std::uint64_t>(wanted, ops.size()));
    return ops.empty() ? absl::OkStatus() : tree->Ingest(actor, first, ops).status();
  };
  replica::Store::Options store_options;
  if (beginning == Beginning::kSnapshot) {
    store_options.restorer = [&](std::vector<crdt::ImageBuffer> parts) -> absl::Status {
      tree.emplace(identity.actor, journal, fs::ValidateFileSystemOp);
      return LoadSnapshot(std::move(parts), *tree);
    };
  }
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<replica::Store> copy,
                         replica::Store::Open({disk, opened.clock(), random, executor}, kCopy, store_options, replay));
  for (const std::string& note : copy->notes()) {
    notes.push_back(absl::StrReplaceAll(note, {{std::string(kCopy) + "/", opened.store().path() + "/"}}));
  }
  if (!known.Covers(tree->version())) return std::nullopt;
  fs::Volume::Options options;
  options.staging_directory = std::string(kCopy) + "/staging";
  options.volume_key = identity.volume_key;
  options.read_only = true;
  std::vector<std::string> staging_notes;
  COPSE_ASSIGN_OR_RETURN(
      const std::unique_ptr<fs::Volume> volume,
      fs::Volume::Open({disk, opened.clock(), executor, *copy, journal}, *tree, options, staging_notes));
  return volume->Dump();
}

}  // namespace

absl::StatusOr<Json> Verify(const VolumeContext& context) {
  OpenVolume& opened = context.opened;
  if (!opened.read_only()) COPSE_RETURN_IF_ERROR(opened.volume().Flush());
  COPSE_ASSIGN_OR_RETURN(replica::Store::Verification found, opened.store().Verify());

  crdt::VersionVector known;
  const std::string live = opened.volume().Dump(&known);
  // The dump may show ops that are younger than the flush.
  if (!opened.read_only()) COPSE_RETURN_IF_ERROR(opened.volume().Flush());
  std::vector<std::string> notes;
  const auto replayed = DumpOfReplay(opened, known, Beginning::kLog, notes);
  if (!replayed.ok()) {
    found.problems.push_back("the log cannot be replayed: " + std::string(replayed.status().message()));
  } else if (*replayed != live) {
    found.problems.push_back(
        "replaying the log gives another tree than the one in use; keep STORE/feeds and report it");
  }
  const auto restored = DumpOfReplay(opened, known, Beginning::kSnapshot, notes);
  if (!restored.ok()) {
    found.problems.push_back("the snapshot cannot be gone on from: " + std::string(restored.status().message()));
  } else if (*restored && replayed.ok() && *restored != *replayed) {
    found.problems.push_back("the newest snapshot gives another tree than the log; remove " + opened.store().path() +
                             "/snapshots");
  }
  for (const std::string& note : notes) found.problems.push_back(note + "; remove it");
  return Json{{"store", opened.store().path()},
              {"frames", found.frames},
              {"ops", found.ops},
              {"chunks", found.chunks},
              {"chunks_missing", found.chunks_missing},
              {"problems", found.problems},
              {"ineffective_grants", found.ineffective_grants}};
}

}  // namespace copse::cli
