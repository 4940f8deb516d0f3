// Snapshots save time and change nothing: what a start makes of one and of the ops after it is what it would have made
// of all ops. So whoever starts with one is compared with a second replica made of a copy of the disk, by the log
// alone.
#include <copse/base/status_macros.h>

#include <algorithm>

#include "simulation/checks.h"
#include "simulation/world.h"

namespace copse::simulation {
namespace {

constexpr std::uint64_t kDiskBytes = std::uint64_t{1} << 39;
const std::string kSnapshots = std::string(Machine::kStore) + "/snapshots";
constexpr std::string_view kSuffix = ".snapshot";

/// Those that a start may use, and not what a crash left of one that was being written.
std::vector<std::string> SnapshotsOn(base::MemoryStorage& disk) {
  std::vector<std::string> paths;
  const auto entries = disk.List(kSnapshots);
  if (!entries.ok()) return paths;
  for (const auto& entry : *entries) {
    if (entry.name.size() > kSuffix.size() && entry.name.substr(entry.name.size() - kSuffix.size()) == kSuffix) {
      paths.push_back(kSnapshots + "/" + entry.name);
    }
  }
  return paths;
}

/// Whether `tail`, which was replayed on top of a snapshot, is what the log has there, up to its end.
bool IsTailOf(const std::vector<test::OpRun>& tail, const std::vector<test::OpRun>& all) {
  std::map<crdt::ActorId, std::vector<crdt::Op>> feeds;
  for (const test::OpRun& run : all) feeds[run.actor].insert(feeds[run.actor].end(), run.ops.begin(), run.ops.end());
  return std::all_of(tail.begin(), tail.end(), [&](const test::OpRun& run) {
    const std::vector<crdt::Op>& feed = feeds[run.actor];
    return run.first + run.ops.size() <= feed.size() &&
           std::equal(run.ops.begin(), run.ops.end(), feed.begin() + static_cast<std::ptrdiff_t>(run.first));
  });
}

}  // namespace

void World::NoteDiskBefore(Member& member) {
  base::MemoryStorage& disk = member.machine->disk();
  member.disk_before = SnapshotsOn(disk).empty() ? nullptr : disk.Copy();
}

absl::Status World::CheckRestored(Member& member, fs::Volume& shown) {
  ++outcome_.faults["start with a snapshot"];
  // Of a disk that is damaged the log alone may be refused, or end where it is damaged, and the snapshot go further.
  if (member.is_tainted) return absl::OkStatus();
  member.disk_before->SetFreeBytes(kDiskBytes);
  auto replayed = test::ReplayAll(*member.disk_before, Machine::kStore, crypto_.signatures);
  COPSE_RETURN_IF_ERROR(replayed.status());
  crdt::TreeReplica& tree = member.machine->tree();
  if (!(tree.version() == replayed->version)) return absl::DataLossError("a snapshot and its tail are not all ops");
  if (!IsTailOf(member.replayed, replayed->runs)) return absl::DataLossError("the tail is not what the log has there");
  if (tree.lamport_counter() != replayed->lamport_counter) return absl::DataLossError("a snapshot has another clock");
  if (member.machine->store().StableTime() != replayed->stable_time) {
    return absl::DataLossError("a snapshot knows of others' clocks what the log does not, or the other way round");
  }
  if (shown.Dump() != replayed->dump) {
    return absl::DataLossError("a snapshot and its tail are another volume than all ops");
  }
  member.replayed = std::move(replayed->runs);
  return absl::OkStatus();
}

void World::CheckSnapshotNotes(Member& member) {
  if (member.is_tainted) return;
  for (const std::string& note : member.machine->store().notes()) {
    const bool is_spoilt = std::any_of(member.spoilt_snapshots.begin(), member.spoilt_snapshots.end(),
                                       [&](const std::string& path) { return note.find(path) != note.npos; });
    if (!is_spoilt) Check(absl::DataLossError(note), "start of m" + std::to_string(member.machine->number()));
    ++outcome_.faults["damaged snapshot passed over"];
  }
  if (member.has_snapshot && member.spoilt_snapshots.empty() && member.machine->store().snapshot_ops() == 0) {
    Check(absl::DataLossError("the snapshot is gone"), "start of m" + std::to_string(member.machine->number()));
  }
}

void World::SpoilSnapshot(Member& member, std::uint64_t which) {
  base::MemoryStorage& disk = member.machine->disk();
  if (disk.power_is_cut()) return;
  const std::vector<std::string> paths = SnapshotsOn(disk);
  if (paths.empty()) return;
  const std::string& path = paths.back();
  const std::uint64_t bit = which % (disk.Stat(path)->size * 8);
  disk.FlipBit(path, bit / 8, static_cast<int>(bit % 8));
  member.spoilt_snapshots.insert(path);
  ++outcome_.faults["bit flipped in a snapshot"];
}

void World::OnSnapshot(int machine, const absl::Status& written) {
  Member& member = MemberOf(machine);
  ++outcome_.faults[written.ok() ? "snapshot written" : "snapshot not written"];
  if (written.ok()) member.has_snapshot = true;
  if (written.ok()) return;
  if (member.machine->disk().power_is_cut()) {
    ++outcome_.faults["power cut while a snapshot is written"];
  } else if (!member.disk_failed && !member.is_tainted) {
    Check(written, "m" + std::to_string(machine) + " writes a snapshot");
  }
}

}  // namespace copse::simulation
