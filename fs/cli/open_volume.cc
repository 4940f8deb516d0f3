#include "cli/open_volume.h"

// The order of things:
//
//   Store::Open takes the lock, checks the store, and replays its ops -> TreeReplica -> Volume on top of the tree.
//
// The tree needs the actor, which is in the identity, before the first replayed op, and the store as its journal, which
// only exists once the replay is over. Hence the tree is made at the first op (by then the store is locked and checked,
// so reading its identity again is safe) and submits through a journal that learns of the store when that is open.

#include <copse/base/check.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/tree_replica.h>
#include <copse/fs/named_content.h>
#include <copse/replica/identity.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cli/descriptor_limit.h"
#include "cli/machine.h"
#include "cli/snapshots.h"

namespace copse::cli {
namespace {

/// Passes on to the store, once there is one.
class StoreJournal final : public crdt::Journal {
 public:
  void set_store(replica::Store* store) { store_ = store; }
  absl::Status Append(std::span<const crdt::Op> batch) override { return store().Append(batch); }
  absl::Status Sync() override { return store().Sync(); }

 private:
  replica::Store& store() const {
    COPSE_CHECK(store_ != nullptr);  // Nobody makes ops while the store is being replayed.
    return *store_;
  }
  replica::Store* store_ = nullptr;
};

}  // namespace

/// Members are destroyed from the last to the first.
struct OpenVolume::State {
  Machine machine;
  StoreJournal journal;
  std::unique_ptr<replica::Store> store;
  std::optional<crdt::TreeReplica> tree;
  std::vector<std::string> notes;
  bool read_only = false;
  std::unique_ptr<fs::Volume> volume;
  std::unique_ptr<Snapshots> snapshots;

  ~State() {
    if (snapshots != nullptr) volume->Flush().IgnoreError();  // What is published now is in the last snapshot.
    snapshots.reset();
    if (store != nullptr) store->set_receiver(nullptr);
  }
  absl::Status MakeTree(const std::string& path);
  absl::Status OpenStore(const std::string& path, const Options& options);
  absl::Status OpenTop(const std::string& path);
};

absl::Status OpenVolume::State::MakeTree(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const replica::Identity identity, replica::ReadIdentity(machine.storage, path + "/identity"));
  tree.emplace(identity.actor, journal, fs::ValidateFileSystemOp);
  return absl::OkStatus();
}

absl::Status OpenVolume::State::OpenStore(const std::string& path, const Options& options) {
  std::uint64_t replayed = 0;
  const auto replay = [&](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) -> absl::Status {
    if (!tree) COPSE_RETURN_IF_ERROR(MakeTree(path));
    COPSE_RETURN_IF_ERROR(tree->Ingest(actor, first, ops).status());
    replayed += ops.size();
    if (options.on_progress) options.on_progress(replayed);
    return absl::OkStatus();
  };
  replica::Store::Options store_options;
  store_options.namer = {fs::ContentNamedBy, fs::ContentNamedByPage};
  store_options.allow_joining = options.joining;
  store_options.restorer = [&](std::vector<crdt::ImageBuffer> parts) -> absl::Status {
    COPSE_RETURN_IF_ERROR(MakeTree(path));
    return LoadSnapshot(std::move(parts), *tree);
  };
  COPSE_ASSIGN_OR_RETURN(store, replica::Store::Open(machine.store_environment(), path, store_options, replay));
  journal.set_store(store.get());
  if (!tree) tree.emplace(store->identity().actor, journal, fs::ValidateFileSystemOp);
  return absl::OkStatus();
}

absl::Status OpenVolume::State::OpenTop(const std::string& path) {
  fs::Volume::Options options;
  options.staging_directory = path + "/staging";
  options.volume_key = store->identity().volume_key;
  options.label = store->identity().label;
  options.read_only = read_only;
  // A quarter of the descriptors: a file may take two, and connections and packs take others.
  options.staged_files_max = std::min(options.staged_files_max, DescriptorLimit() / 4);
  const fs::Volume::Environment environment{
      machine.storage, machine.clock, machine.volume_executor,
      *store,          journal,       [from = store.get()] { return from->StableTime(); }};
  COPSE_ASSIGN_OR_RETURN(volume, fs::Volume::Open(environment, *tree, options, notes));
  store->set_receiver([shown = volume.get()](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
    return shown->Ingest(actor, first, ops);
  });
  notes.insert(notes.end(), store->notes().begin(), store->notes().end());
  if (!read_only) {
    snapshots =
        std::make_unique<Snapshots>(*store, *volume, std::make_unique<base::ThreadExecutor>(), Snapshots::Options());
  }
  return absl::OkStatus();
}

OpenVolume::OpenVolume(std::unique_ptr<State> state) : state_(std::move(state)) {}
OpenVolume::~OpenVolume() = default;

absl::Status OpenVolume::Create(const std::string& path, const std::string& label, const fs::Caller& owner) {
  {
    Machine machine;
    COPSE_RETURN_IF_ERROR(replica::Store::Create(machine.store_environment(), path, label));
  }
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<OpenVolume> opened, Open(path, {}));
  fs::AttributeChanges changes;
  changes.uid = owner.uid;
  changes.gid = owner.gid;
  changes.mtime = opened->clock().Now();
  COPSE_RETURN_IF_ERROR(opened->volume().SetAttributes(owner, crdt::kRoot, changes).status());
  return opened->volume().Flush();
}

absl::StatusOr<replica::Joining> OpenVolume::BeginJoining(const std::string& path,
                                                          const replica::Invitation& invitation,
                                                          const std::string& label) {
  Machine machine;
  COPSE_ASSIGN_OR_RETURN(replica::Joining joining,
                         replica::Joining::Begin(machine.storage, machine.random, path, invitation, label));
  if (joining.is_admitted()) return joining;
  absl::StatusOr<std::string> welcome = absl::UnavailableError("the invitation names no address");
  for (const std::string& endpoint : invitation.endpoints) {
    welcome = replica::RequestAdmission(
        machine.network, machine.exchange_executor,
        {endpoint, joining.signing_secret(), invitation.inviter, invitation.secret, joining.label()});
    // Elsewhere it may be reachable; a refusal is one everywhere.
    if (!absl::IsUnavailable(welcome.status())) break;
  }
  COPSE_RETURN_IF_ERROR(welcome.status());
  COPSE_RETURN_IF_ERROR(joining.Admit(machine.storage, *welcome));
  return joining;
}

absl::StatusOr<std::unique_ptr<OpenVolume>> OpenVolume::Open(const std::string& path, const Options& options) {
  auto state = std::make_unique<State>();
  state->read_only = options.read_only || options.joining;
  COPSE_RETURN_IF_ERROR(state->OpenStore(path, options));
  COPSE_RETURN_IF_ERROR(state->OpenTop(path));
  return std::unique_ptr<OpenVolume>(new OpenVolume(std::move(state)));
}

fs::Volume& OpenVolume::volume() { return *state_->volume; }
replica::Store& OpenVolume::store() { return *state_->store; }
base::Storage& OpenVolume::storage() { return state_->machine.storage; }
replica::Exchange::Environment OpenVolume::exchange_environment() { return state_->machine.exchange_environment(); }
base::Clock& OpenVolume::clock() { return state_->machine.clock; }
bool OpenVolume::read_only() const { return state_->read_only; }
const std::vector<std::string>& OpenVolume::notes() const { return state_->notes; }

}  // namespace copse::cli
