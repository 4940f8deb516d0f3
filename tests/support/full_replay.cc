#include "support/full_replay.h"

#include <copse/base/executor.h>
#include <copse/base/random.h>
#include <copse/base/status_macros.h>
#include <copse/fs/named_content.h>
#include <copse/replica/identity.h>
#include <copse/replica/store.h>

#include <memory>
#include <utility>

namespace copse::test {

absl::StatusOr<Replayed> ReplayAll(base::MemoryStorage& disk, const std::string& path,
                                   const replica::SignatureScheme& signatures) {
  base::ManualClock clock;
  base::SeededRandom random(0);
  base::ManualExecutor executor([&] { return clock.Monotonic(); });
  crdt::NullJournal journal;
  COPSE_ASSIGN_OR_RETURN(const replica::Identity identity, replica::ReadIdentity(disk, path + "/identity"));
  crdt::TreeReplica tree(identity.actor, journal, fs::ValidateFileSystemOp);
  Replayed replayed;
  replica::Store::Options options;
  options.namer = {fs::ContentNamedBy, fs::ContentNamedByPage};
  options.allow_joining = true;
  COPSE_ASSIGN_OR_RETURN(
      const std::unique_ptr<replica::Store> store,
      replica::Store::Open({disk, clock, random, executor, signatures}, path, options,
                           [&](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
                             replayed.runs.push_back({actor, first, {ops.begin(), ops.end()}});
                             return tree.Ingest(actor, first, ops).status();
                           }));
  replayed.version = tree.version();
  replayed.lamport_counter = tree.lamport_counter();
  replayed.stable_time = store->StableTime();
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<VolumeToLookAt> volume, VolumeToLookAt::Open(tree));
  replayed.dump = volume->volume().Dump();
  return replayed;
}

absl::StatusOr<std::unique_ptr<VolumeToLookAt>> VolumeToLookAt::Open(crdt::TreeReplica& tree) {
  std::unique_ptr<VolumeToLookAt> opened(new VolumeToLookAt);
  fs::Volume::Options options;
  options.staging_directory = "/staging";
  options.volume_key = std::string(32, 'k');
  options.read_only = true;
  std::vector<std::string> notes;
  COPSE_ASSIGN_OR_RETURN(opened->volume_, fs::Volume::Open({opened->storage_, opened->clock_, opened->executor_,
                                                            opened->content_, opened->journal_},
                                                           tree, options, notes));
  return opened;
}

}  // namespace copse::test
