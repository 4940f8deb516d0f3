#include "simulation/machine.h"

#include <copse/base/status_macros.h>
#include <copse/crdt/tree_replica.h>
#include <copse/fs/named_content.h>
#include <copse/replica/identity.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cli/snapshots.h"

namespace copse::simulation {
namespace {

/// Hands the tree's ops to a store that is opened only after the tree exists: replay feeds the tree.
class WatchedJournal final : public crdt::Journal {
 public:
  WatchedJournal(int machine, MachineObserver& observer) : machine_(machine), observer_(observer) {}
  absl::Status Append(std::span<const crdt::Op> batch) override {
    absl::Status status = store->Append(batch);
    if (status.ok()) observer_.OnSubmitted(machine_, batch);
    return status;
  }
  absl::Status Sync() override { return store->Sync(); }
  replica::Store* store = nullptr;

 private:
  const int machine_;
  MachineObserver& observer_;
};

constexpr std::uint64_t kSnapshotDueOps = 4;

/// A thread that others let wait: what it is to do comes a while after it could.
class SlowExecutor final : public base::Executor {
 public:
  SlowExecutor(EventQueue& queue, std::shared_ptr<const Party> party, std::mt19937_64& random)
      : executor_(queue, std::move(party)), random_(random) {}
  using Executor::Post;
  WorkId Post(Work work, std::chrono::nanoseconds delay) override {
    return executor_.Post(std::move(work), delay + std::chrono::milliseconds(random_() % 300));
  }
  bool Cancel(WorkId id) override { return executor_.Cancel(id); }

 private:
  QueueExecutor executor_;
  std::mt19937_64& random_;
};

}  // namespace

/// Members are destroyed from the last to the first, as those of the program's.
struct Machine::Process {
  Process(int number, EventQueue& queue, SimulatedNetwork& net, base::MemoryStorage& disk, MachineObserver& observer)
      : party(std::make_shared<Party>()),
        store_executor(queue, party),
        volume_executor(queue, party),
        exchange_executor(queue, party),
        network(net.AttachProcess(number, party, [&disk] { return !disk.power_is_cut(); })),
        journal(number, observer) {}
  ~Process() {
    snapshots.reset();
    if (store != nullptr) store->set_exchange_events({});
    exchange.reset();
    if (store != nullptr) store->set_receiver(nullptr);
    party->has_ended = true;
  }

  /// Tells the store whether anybody listens, as the program does.
  void OnPeersChanged() {
    const std::vector<replica::PeerStatus> peers = exchange->GetStatus();
    store->set_connected(std::any_of(peers.begin(), peers.end(), [](const auto& peer) { return peer.connected; }));
  }

  const std::shared_ptr<Party> party;
  QueueExecutor store_executor;
  QueueExecutor volume_executor;
  QueueExecutor exchange_executor;
  std::unique_ptr<base::Network> network;
  WatchedJournal journal;
  std::optional<crdt::TreeReplica> tree;
  std::unique_ptr<replica::Store> store;
  std::unique_ptr<fs::Volume> volume;
  std::shared_ptr<replica::Exchange> exchange;
  std::unique_ptr<cli::Snapshots> snapshots;
};

/// What the program's `repair` is made of.
struct Machine::Repairing {
  Repairing(int number, EventQueue& queue, SimulatedNetwork& net)
      : party(std::make_shared<Party>()),
        executor(queue, party),
        network(net.AttachProcess(number, party, [] { return true; })) {}
  ~Repairing() {
    exchange.reset();
    party->has_ended = true;
  }

  const std::shared_ptr<Party> party;
  QueueExecutor executor;
  std::unique_ptr<base::Network> network;
  std::unique_ptr<replica::Repair> repair;
  std::unique_ptr<replica::Exchange> exchange;
};

Machine::Machine(int number, std::unique_ptr<base::MemoryStorage> disk, EventQueue& queue, SimulatedNetwork& network,
                 const Crypto& crypto, MachineObserver& observer, std::uint64_t seed)
    : number_(number),
      disk_(std::move(disk)),
      queue_(queue),
      network_(network),
      crypto_(crypto),
      observer_(observer),
      clock_(queue),
      random_(seed),
      snapshot_delays_(seed) {}

Machine::~Machine() {
  if (is_on()) Crash(base::MemoryStorage::Keep::kNothing, 0);
}

absl::Status Machine::Start(const std::vector<std::string>& peers, bool joining) {
  absl::Status status = StartProcess(peers, joining);
  if (!status.ok()) {
    process_.reset();
    network_.DetachProcess(number_, /*tells_peers=*/true);
  }
  return status;
}

absl::Status Machine::StartProcess(const std::vector<std::string>& peers, bool joining) {
  auto process = std::make_unique<Process>(number_, queue_, network_, *disk_, observer_);
  Process& made = *process;
  notes_.clear();
  COPSE_ASSIGN_OR_RETURN(const replica::Identity identity,
                         replica::ReadIdentity(*disk_, std::string(kStore) + "/identity"));
  made.tree.emplace(identity.actor, made.journal, fs::ValidateFileSystemOp);
  replica::Store::Options store_options;
  store_options.namer = {fs::ContentNamedBy, fs::ContentNamedByPage};
  store_options.allow_joining = joining;
  store_options.restorer = [&](std::vector<crdt::ImageBuffer> parts) {
    made.tree.emplace(identity.actor, made.journal, fs::ValidateFileSystemOp);
    return cli::LoadSnapshot(std::move(parts), *made.tree);
  };
  COPSE_ASSIGN_OR_RETURN(
      made.store,
      replica::Store::Open({*disk_, clock_, random_, made.store_executor, crypto_.signatures}, kStore, store_options,
                           [&](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
                             observer_.OnReplayed(number_, actor, first, ops);
                             return made.tree->Ingest(actor, first, ops).status();
                           }));
  made.journal.store = made.store.get();
  process_ = std::move(process);  // The observer may look from here on.
  observer_.OnOpened(number_);
  fs::Volume::Options options;
  options.staging_directory = std::string(kStore) + "/staging";
  options.volume_key = identity.volume_key;
  options.label = identity.label;
  options.read_only = joining;
  options.history_moves_min = 16;  // So that every run forgets some.
  const fs::Volume::Environment environment{
      *disk_,      clock_,       made.volume_executor,
      *made.store, made.journal, [from = made.store.get()] { return from->StableTime(); }};
  COPSE_ASSIGN_OR_RETURN(made.volume, fs::Volume::Open(environment, *made.tree, options, notes_));
  made.store->set_receiver([this, &made](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
    absl::Status status = made.volume->Ingest(actor, first, ops);
    if (status.ok()) observer_.OnReceived(number_, actor, first, ops);
    return status;
  });
  replica::Exchange::Callbacks callbacks;
  callbacks.is_welcome = [&made](const std::string& key) { return made.store->IsWelcome(key); };
  callbacks.on_change = [&made] { made.exchange_executor.Post([&made] { made.OnPeersChanged(); }); };
  made.exchange = std::make_shared<replica::Exchange>(
      replica::Exchange::Environment{*made.network, made.exchange_executor, clock_, random_, crypto_.channels},
      made.store->identity(), made.store->exchange_side(), std::move(callbacks));
  const std::weak_ptr<replica::Exchange> weak = made.exchange;
  made.store->set_exchange_events({[weak] {
                                     if (const auto alive = weak.lock()) alive->OnHeadsChanged();
                                   },
                                   [weak](const std::vector<base::Hash>& ids) {
                                     if (const auto alive = weak.lock()) alive->RequestChunks(ids);
                                   }});
  made.exchange->RequestChunks(made.store->MissingChunks());
  COPSE_RETURN_IF_ERROR(made.exchange->Listen(endpoint()).status());
  for (const std::string& peer : peers) made.exchange->AddPeer(peer);
  if (joining || snapshot_pause_ == snapshot_pause_.zero()) return absl::OkStatus();
  cli::Snapshots::Options snapshots;
  snapshots.pause = snapshot_pause_;
  snapshots.due_ops_min = snapshots.worth_at_end = kSnapshotDueOps;
  snapshots.on_attempt = [this, party = made.party](const absl::Status& written) {
    if (!party->has_ended) observer_.OnSnapshot(number_, written);
  };
  made.snapshots = std::make_unique<cli::Snapshots>(
      *made.store, *made.volume, std::make_unique<SlowExecutor>(queue_, made.party, snapshot_delays_),
      std::move(snapshots));
  return absl::OkStatus();
}

void Machine::Crash(base::MemoryStorage::Keep keep, std::uint64_t seed) {
  const bool is_killed = keep == base::MemoryStorage::Keep::kEverything && !disk_->power_is_cut();
  network_.DetachProcess(number_, /*tells_peers=*/is_killed);
  if (!is_killed) network_.SetPower(number_, false);
  // The disk goes first: nothing that destructors still write may reach it.
  disk_->CutPowerAfter(0);
  process_->party->has_ended = true;
  process_.reset();
  disk_->Crash(keep, seed);
}

absl::Status Machine::Stop() {
  absl::Status status = process_->volume->Flush();
  process_.reset();
  network_.DetachProcess(number_, /*tells_peers=*/true);
  return status;
}

std::unique_ptr<base::MemoryStorage> Machine::DurableImage() const {
  auto image = disk_->Copy();
  image->Crash(base::MemoryStorage::Keep::kNothing);
  return image;
}

absl::Status Machine::BeginRepair(const std::vector<std::string>& peers) {
  auto made = std::make_unique<Repairing>(number_, queue_, network_);
  COPSE_ASSIGN_OR_RETURN(made->repair, replica::Repair::Open(*disk_, kStore, crypto_.signatures));
  replica::Exchange::Callbacks callbacks;
  callbacks.is_welcome = [repair = made->repair.get()](const std::string& key) { return repair->IsWelcome(key); };
  made->exchange = std::make_unique<replica::Exchange>(
      replica::Exchange::Environment{*made->network, made->executor, clock_, random_, crypto_.channels},
      made->repair->identity(), made->repair->exchange_side(), std::move(callbacks));
  COPSE_RETURN_IF_ERROR(made->exchange->Listen(endpoint()).status());
  for (const std::string& peer : peers) made->exchange->AddPeer(peer);
  repairing_ = std::move(made);
  return absl::OkStatus();
}

replica::Repair::Findings Machine::repair_findings() const { return repairing_->repair->findings(); }

absl::Status Machine::EndRepair() {
  repairing_->exchange.reset();
  const absl::Status mended = repairing_->repair->Mend().status();
  repairing_.reset();
  network_.DetachProcess(number_, /*tells_peers=*/true);
  return mended;
}

void Machine::StopUntil(Time time) { process_->party->stopped_until = time; }
bool Machine::is_stopped() const { return process_->party->stopped_until > queue_.now(); }

base::Executor& Machine::executor() { return process_->exchange_executor; }
fs::Volume& Machine::volume() { return *process_->volume; }
replica::Store& Machine::store() { return *process_->store; }
crdt::TreeReplica& Machine::tree() { return *process_->tree; }
std::vector<replica::PeerStatus> Machine::peers() const { return process_->exchange->GetStatus(); }

}  // namespace copse::simulation
