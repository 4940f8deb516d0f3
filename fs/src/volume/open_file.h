#pragma once

#include <copse/base/executor.h>
#include <copse/fs/staged_file.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace copse::fs {

/// What one version line with bytes in use needs in memory: that of a file, or of a sibling beside it. Shared by its
/// handles, and kept until what was written is published.
struct OpenFile : std::enable_shared_from_this<OpenFile> {
  OpenFile(NodeId its_key, NodeId its_inode, std::unique_ptr<StagedFile> file)
      : key(its_key), inode(its_inode), staged(std::move(file)) {}

  /// What it is known by: the inode, or the id of a sibling. Both numbers change when a sibling becomes a file of its
  /// own, under tree_mutex (exclusive) and local_mutex.
  std::atomic<NodeId> key;
  std::atomic<NodeId> inode;  ///< Where its versions are published.
  const std::unique_ptr<StagedFile> staged;

  /// The inode shows another version by now, and this one has yet to follow. Set and cleared under tree_mutex.
  std::atomic<bool> is_behind = false;
  /// No name has ever led to it (O_TMPFILE). Written under tree_mutex.
  std::atomic<bool> is_unnamed = false;
  /// The last name was removed through this mount, or there never was one: unless it gets another one, what is written
  /// dies with the last handle. Written under tree_mutex.
  std::atomic<bool> is_removed_here = false;

  /// What its bytes are is for this machine to say, now or at any moment.
  bool is_written() const { return passes_through || staged->dirty(); }

  /// How long at least from one version to the next, so that a file of which all is read for each takes a twentieth of
  /// a processor.
  std::chrono::nanoseconds WaitsAfterReading() const {
    return std::chrono::nanoseconds(passes_through ? 20 * publication_took : 0);
  }

  unsigned users = 0;                 ///< Handles, and calls that work on it now. Guarded by State::local_mutex.
  std::atomic<unsigned> handles = 0;  ///< Of these, handles.

  /// Its bytes pass through (StagedFile::passes_through): what programs have changed is to be looked for. Written under
  /// passthrough_mutex.
  std::atomic<bool> passes_through = false;
  /// Changed by somebody unseen since set-id bits and capabilities were last looked at.
  std::atomic<bool> has_unseen_writer = false;
  /// Held while that begins or ends.
  std::mutex passthrough_mutex;
  unsigned passing_handles = 0;  ///< Of these handles, whose bytes the kernel reads and writes. Guarded by it.
  /// Closed and clean, its data file is kept for the next open. Guarded by State::local_mutex.
  bool is_kept = false;

  /// Held while publishing: versions of one inode are made one after the other.
  std::mutex publish_mutex;
  /// Heads beyond the base that the next version replaces: see Recover. Guarded by publish_mutex.
  std::vector<crdt::Timestamp> also_replaces;
  /// How often publication has given way to writers since the last version. Written under publish_mutex.
  std::atomic<unsigned> gave_way = 0;

  /// The replica's counter when the contents were last changed. An op on the inode with a higher counter came after,
  /// so it decides the times shown.
  std::atomic<std::uint64_t> written_at_counter = 0;
  /// Written since the last publication.
  std::atomic<std::uint64_t> written_bytes = 0;
  std::atomic<std::int64_t> last_write = 0;  ///< Monotonic nanoseconds.
  std::atomic<std::int64_t> last_publication = kNever;
  std::atomic<std::int64_t> publication_took = 0;  ///< Nanoseconds, of the last attempt.
  /// Somebody asked for publication: it does not wait for the file to rest.
  std::atomic<bool> publish_soon = false;
  /// The replica's counter when set-id bits and capabilities were last found absent: nothing to clear while it stands.
  std::atomic<std::uint64_t> unprivileged_at_counter = kUnknownCounter;

  std::mutex schedule_mutex;
  base::Executor::WorkId work = 0;  // Guarded by schedule_mutex; 0: none posted.
  std::int64_t work_due = 0;

  static constexpr std::int64_t kNever = INT64_MIN / 2;
  static constexpr std::uint64_t kUnknownCounter = UINT64_MAX;
};

}  // namespace copse::fs
