#pragma once

#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/memory_storage.h>
#include <copse/crdt/tree_replica.h>
#include <copse/fs/volume.h>
#include <copse/replica/signature_scheme.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/memory_content_store.h"

namespace copse::test {

/// Ops of one author in a row, of which the first is its op number `first`.
struct OpRun {
  crdt::ActorId actor = 0;
  std::uint64_t first = 0;
  std::vector<crdt::Op> ops;
};

/// A replica that was made of nothing but the log.
struct Replayed {
  std::vector<OpRun> runs;
  crdt::VersionVector version;
  std::uint64_t lamport_counter = 0;
  crdt::Timestamp stable_time;
  std::string dump;
};

/// Replays the store `path` on `disk`, whose snapshots are not looked at. Errors: those of replica::Store::Open.
absl::StatusOr<Replayed> ReplayAll(base::MemoryStorage& disk, const std::string& path,
                                   const replica::SignatureScheme& signatures = replica::Ed25519());

/// What a volume shows that has the ops of a tree and nothing else. `tree` must outlive it, and not change.
class VolumeToLookAt {
 public:
  static absl::StatusOr<std::unique_ptr<VolumeToLookAt>> Open(crdt::TreeReplica& tree);
  fs::Volume& volume() { return *volume_; }

 private:
  VolumeToLookAt() : executor_([this] { return clock_.Monotonic(); }) {}

  base::MemoryStorage storage_;
  base::ManualClock clock_;
  base::ManualExecutor executor_;
  MemoryContentStore content_;
  crdt::NullJournal journal_;
  std::unique_ptr<fs::Volume> volume_;
};

}  // namespace copse::test
