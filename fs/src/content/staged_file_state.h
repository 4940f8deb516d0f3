#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/storage.h>
#include <copse/fs/staged_file.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "content/backing_file.h"
#include "content/change_set.h"
#include "content/manifest_reader.h"
#include "content/staged_bytes.h"
#include "content/staging_context.h"
#include "content/staging_log.h"

namespace copse::fs {

/// Two locks, so that slow work does not stop readers: `writer` makes those who change the file take turns, for as long
/// as they need; `mutex` is held exclusively only while members change, and shared by readers. Members change under
/// both, so whoever holds `writer` may read them without `mutex`; but for those that say
/// so and `node`, `base_heads` and `log_is_outdated`, which change under `mutex` alone. Methods say what they expect to
/// be held.
struct StagedFile::State {
  State(std::shared_ptr<StagingContext> the_context, NodeId the_node, const Manifest& the_base,
        std::vector<crdt::Timestamp> the_base_heads, bool the_fixed_chunks);

  /// Takes over what an earlier process persisted, before anyone else sees this.
  void Resume(const std::string& stem, std::unique_ptr<base::File> data, std::unique_ptr<base::File> its_log,
              const StagingLogContents& contents);

  /// A stretch of the contents that comes from one place.
  struct Span {
    enum class Source { kStaged, kHole, kBase } source = Source::kHole;
    std::uint64_t end = 0;
  };
  /// The stretch that begins at `offset`, which is below the size. Either lock.
  Span SpanAt(std::uint64_t offset) const { return SpanAt(offset, size); }
  /// The same of a file that others have made as long as that.
  Span SpanAt(std::uint64_t offset, std::uint64_t present_size) const;

  // With `writer`.
  absl::Status ReadAll(std::uint64_t offset, std::span<char> out) const;
  absl::Status Write(std::uint64_t offset, std::string_view data, base::UnixNanoseconds now);
  absl::Status Truncate(std::uint64_t new_size, base::UnixNanoseconds now);
  absl::Status PunchHole(std::uint64_t offset, std::uint64_t length, base::UnixNanoseconds now);
  absl::Status Persist();
  absl::Status AppendToLog();
  /// Where it fails, the log is written anew before it is used again.
  absl::Status AppendRecord(const std::string& record, bool syncs);
  absl::StatusOr<Manifest> Publish(Precedence precedence);
  absl::Status Rebase(const Manifest& new_base, std::vector<crdt::Timestamp> heads);
  absl::Status Discard();
  /// Removes the log, durably; from then on the staging is nobody's.
  absl::Status RemoveLog();
  /// Clean on `new_base`, without any staging.
  /// With `keeps_bytes` the data file stays, which holds all of that.
  absl::Status Reset(const Manifest& new_base, std::vector<crdt::Timestamp> heads, bool keeps_bytes);
  bool Follow(const Manifest& new_base, std::vector<crdt::Timestamp> heads);
  /// Replaces the log by one that says: `changes` on a base of these heads.
  absl::Status WriteLog(const Manifest& the_base, const std::vector<crdt::Timestamp>& heads, const ChangeSet& sum);

  absl::StatusOr<int> BeginPassthrough();
  absl::StatusOr<bool> EndPassthrough();
  /// Makes the data file hold all of the contents, which were all written.
  absl::Status MakeWhole();
  /// As Reset, while it passes through: the data file stays what it is.
  absl::Status RebaseBeneath(const Manifest& new_base, std::vector<crdt::Timestamp> heads);
  /// Notes the holes of the data file, which whoever has written it has made or filled.
  void TakeExtents();
  /// The version as it is now; of a file that passes through, only if nobody changes it meanwhile, or in spite of that.
  absl::StatusOr<Manifest> StoreContents(Precedence precedence);

  /// Takes in what others have written to the data file.
  void LookBeneath();

  // With `mutex`.
  bool may_pass_through() const;
  bool NoteUnseenWrites();

  // With both.
  /// Frees the bytes of `before` that `after` does not name.
  void FreeUnused(const ChangeSet& before, const ChangeSet& after);
  void Touch(std::uint64_t new_size, base::UnixNanoseconds now);
  /// What was noted of others' writes is a change of all of the contents.
  void TakeUnseenWrites();

  const std::shared_ptr<StagingContext> context;
  const bool fixed_chunks;

  /// Takes `writer`; says so first where that has to wait.
  std::unique_lock<std::mutex> TakeTurn();

  std::mutex writer;
  std::atomic<int> waiting = 0;  ///< Who would take `writer` now.
  mutable std::shared_mutex mutex;

  NodeId node;
  std::shared_ptr<const ManifestReader> base;
  std::vector<crdt::Timestamp> base_heads;
  std::uint64_t size = 0;
  base::UnixNanoseconds mtime = 0;
  bool dirty = false;
  ChangeSet changes;  // Since the base.
  StagedBytes bytes;

  std::optional<ChangeSet> unpublished;  // Since the last Publish; nothing unless a Rebase to it may come.
  base::Hash published_root{};           // Of that Publish.
  bool touched_since_publish = false;

  std::unique_ptr<base::File> log;  // While there is a staging on disk that Recover would find.
  std::uint64_t log_bytes = 0;
  bool log_is_outdated = false;  // The file was readdressed since.
  // Writing or removing it has failed: what the disk has of it may be half written, or say what was once. With
  // `writer`.
  bool log_is_broken = false;
  ChangeSet unpersisted;  // Since the log's last change; means something while there is a log.
  std::uint64_t persisted_size = 0;
  base::UnixNanoseconds persisted_mtime = 0;

  // The data file holds all of the contents, whatever was written: nothing shows the base. Until the file goes.
  bool is_whole = false;
  bool keeps_backing = false;       // It outlives the publication.
  bool passes_through = false;      // Others read and write it, and it is whole.
  bool is_rebased_beneath = false;  // A version was made of it meanwhile. With `writer`.
  bool log_passes_through = false;  // The log says so, and need not say more. With `writer`.
  // What was last seen of it while it passes through; changes under `mutex` alone.
  FileStamp stamp;
  base::UnixNanoseconds atime = 0;
  bool is_settled = false;         // The stamp stands for one state of the file only.
  bool has_unseen_writes = false;  // Found, and not taken in.
};

}  // namespace copse::fs
