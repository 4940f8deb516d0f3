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

/// What one inode with bytes in use needs in memory: shared by its handles, and kept until what was written is
/// published.
struct OpenFile {
  OpenFile(NodeId node_in_use, std::unique_ptr<StagedFile> file) : node(node_in_use), staged(std::move(file)) {}

  const NodeId node;
  const std::unique_ptr<StagedFile> staged;

  unsigned users = 0;                 ///< Handles, and calls that work on it now. Guarded by State::local_mutex.
  std::atomic<unsigned> handles = 0;  ///< Of these, handles.

  /// Held while publishing: versions of one inode are made one after the other.
  std::mutex publish_mutex;
  /// Heads beyond the base that the next version replaces: see Recover. Guarded by publish_mutex.
  std::vector<crdt::Timestamp> also_replaces;

  /// The replica's counter when the contents were last changed. An op on the inode with a higher counter came after,
  /// so it decides the times shown.
  std::atomic<std::uint64_t> written_at_counter = 0;
  /// Written since the last publication.
  std::atomic<std::uint64_t> written_bytes = 0;
  std::atomic<std::int64_t> last_write = 0;  ///< Monotonic nanoseconds.
  std::atomic<std::int64_t> last_publication = kNever;
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
