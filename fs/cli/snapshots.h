#pragma once

#include <absl/status/status.h>
#include <copse/base/executor.h>
#include <copse/crdt/image.h>
#include <copse/crdt/tree_replica.h>
#include <copse/fs/volume.h>
#include <copse/replica/store.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace copse::cli {

/// Has `tree`, which knows nothing yet, take in what Snapshots wrote: all that Store::Options::restorer has to do.
/// Errors: those of TreeReplica::Load; kDataLoss not such parts. After an error nothing has changed.
absl::Status LoadSnapshot(std::vector<crdt::ImageBuffer> parts, crdt::TreeReplica& tree);

/// Sees to it that the next start need not replay much: writes snapshots of a volume in use. docs/format/snapshot.md.
class Snapshots {
 public:
  struct Options {
    /// Between two looks at how much has come.
    std::chrono::nanoseconds pause = std::chrono::seconds(20);
    /// At least so many ops, and a quarter of all, have come since the last one: one is due.
    std::uint64_t due_ops_min = 100'000;
    /// So many have: one is worth writing at the end.
    std::uint64_t worth_at_end = 10'000;
    /// Told how each attempt to write one ended, on the executor or by the destructor; may be empty. One that failed (a
    /// full disk) is tried again after the next pause.
    std::function<void(const absl::Status&)> on_attempt = nullptr;
  };

  /// Writes on `executor`, which is its alone and drops what has not begun when it goes. Store and volume must outlive
  /// it.
  Snapshots(replica::Store& store, fs::Volume& volume, std::unique_ptr<base::Executor> executor, Options options);
  /// Writes one more, if that saves the next start a time that anyone would notice.
  ~Snapshots();
  Snapshots(const Snapshots&) = delete;
  Snapshots& operator=(const Snapshots&) = delete;

 private:
  /// The volume at one moment.
  struct Image {
    crdt::VersionVector known;
    std::vector<std::string> parts;
  };

  void Schedule();
  void LookWhetherDue();
  Image Take();
  void Write(const Image& image);

  replica::Store& store_;
  fs::Volume& volume_;
  const Options options_;
  std::uint64_t covered_ = 0;  // Ops in the last one. Used on the executor, and at the end.
  std::unique_ptr<base::Executor> owned_executor_;
  base::Executor& executor_;
};

}  // namespace copse::cli
