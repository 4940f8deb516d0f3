#pragma once

#include <absl/status/status.h>
#include <copse/base/executor.h>
#include <copse/fs/volume.h>
#include <copse/replica/store.h>

#include <cstdint>
#include <memory>

namespace copse::cli {

/// Sees to it that the next start need not replay much: writes snapshots of a volume in use. docs/format/snapshot.md.
class Snapshots {
 public:
  /// Writes on `executor`, which is its alone and drops what has not begun when it goes, whenever enough ops have come
  /// since the last one. Store and volume must outlive it.
  Snapshots(replica::Store& store, fs::Volume& volume, std::unique_ptr<base::Executor> executor);
  /// Writes one more, if that saves the next start a time that anyone would notice.
  ~Snapshots();
  Snapshots(const Snapshots&) = delete;
  Snapshots& operator=(const Snapshots&) = delete;

 private:
  void Schedule();
  void WriteIfDue();
  absl::Status Write();

  replica::Store& store_;
  fs::Volume& volume_;
  std::uint64_t covered_ = 0;  // Ops in the last one. Used on the executor, and at the end.
  std::unique_ptr<base::Executor> owned_executor_;
  base::Executor& executor_;
};

}  // namespace copse::cli
