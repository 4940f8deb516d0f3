#include "simulation/simulated_replica.h"

#include <copse/base/status_macros.h>
#include <copse/replica/identity.h>

namespace copse::simulation {
namespace {

constexpr char kStore[] = "/store";

/// Hands the tree's ops to a store that is opened only after the tree exists: replay feeds the tree.
class LateJournal final : public crdt::Journal {
 public:
  absl::Status Append(std::span<const crdt::Op> batch) override { return store->Append(batch); }
  absl::Status Sync() override { return store->Sync(); }
  replica::Store* store = nullptr;
};

}  // namespace

struct SimulatedReplica::Process {
  LateJournal journal;
  std::unique_ptr<base::ManualExecutor> executor;
  std::unique_ptr<replica::Store> store;
  std::unique_ptr<crdt::TreeReplica> replica;
  std::unique_ptr<fs::Volume> volume;
};

SimulatedReplica::SimulatedReplica(std::uint64_t seed) : random_(seed) {}
SimulatedReplica::~SimulatedReplica() { Crash(base::MemoryStorage::Keep::kNothing, 0); }

absl::Status SimulatedReplica::Create() {
  base::ManualExecutor executor([this] { return clock_.Monotonic(); });
  return replica::Store::Create({disk_, clock_, random_, executor}, kStore, "simulated");
}

absl::Status SimulatedReplica::Start() {
  auto process = std::make_unique<Process>();
  process->executor = std::make_unique<base::ManualExecutor>([this] { return clock_.Monotonic(); });
  COPSE_ASSIGN_OR_RETURN(const replica::Identity identity,
                         replica::ReadIdentity(disk_, std::string(kStore) + "/identity"));
  process->replica = std::make_unique<crdt::TreeReplica>(identity.actor, process->journal, fs::ValidateFileSystemOp);
  COPSE_ASSIGN_OR_RETURN(
      process->store,
      replica::Store::Open({disk_, clock_, random_, *process->executor}, kStore, {},
                           [&](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
                             return process->replica->Ingest(actor, first, ops).status();
                           }));
  process->journal.store = process->store.get();
  fs::Volume::Options options;
  options.staging_directory = std::string(kStore) + "/staging";
  options.volume_key = identity.volume_key;
  COPSE_ASSIGN_OR_RETURN(process->volume,
                         fs::Volume::Open({disk_, clock_, *process->executor, *process->store, process->journal},
                                          *process->replica, options, notes_));
  process_ = std::move(process);
  return absl::OkStatus();
}

void SimulatedReplica::Crash(base::MemoryStorage::Keep keep, std::uint64_t seed) {
  // The disk goes first: nothing that destructors still write may reach it.
  disk_.CutPowerAfter(0);
  process_.reset();
  disk_.Crash(keep, seed);
}

absl::Status SimulatedReplica::Stop() {
  absl::Status status = process_->volume->Flush();
  process_.reset();
  return status;
}

void SimulatedReplica::Pass(std::chrono::milliseconds time) {
  clock_.Advance(time);
  process_->executor->RunDue();
}

fs::Volume& SimulatedReplica::volume() { return *process_->volume; }
replica::Store& SimulatedReplica::store() { return *process_->store; }

}  // namespace copse::simulation
