#pragma once

#include <copse/base/asio_network.h>
#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/posix_storage.h>
#include <copse/base/random.h>
#include <copse/crdt/tree_replica.h>
#include <copse/replica/exchange.h>
#include <copse/replica/join.h>
#include <copse/replica/store.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

/// What a replica needs of the machine; a test would give it the twins of base/ instead.
struct Machine {
  copse::base::PosixStorage storage;
  copse::base::SystemClock clock;
  copse::base::SystemRandom random;
  copse::base::AsioNetwork network;
  copse::base::ThreadExecutor store_executor;
  copse::base::ThreadExecutor exchange_executor;  // Another: it is not to wait for a disk.

  copse::replica::Store::Environment for_store() { return {storage, clock, random, store_executor}; }
  copse::replica::Exchange::Environment for_exchange() { return {network, exchange_executor, clock, random}; }
};

/// A tree whose ops are kept in a store and exchanged with the members of its volume. Thread-safe.
///
/// The three parts know each other by two seams. The store is the tree's *journal*: own ops are appended before they
/// are applied. The tree is the store's *receiver*: the ops of others are stored before they are applied.
class Replica final : copse::crdt::Journal {
 public:
  /// Opens the store in `path` and replays it. `is_joining`: not all that it must hold is there yet.
  static absl::StatusOr<std::unique_ptr<Replica>> Open(Machine& machine, const std::string& path,
                                                       bool is_joining = false) {
    // The actor must be known before the first op is replayed.
    const auto identity = copse::replica::ReadIdentity(machine.storage, path + "/identity");
    if (!identity.ok()) return identity.status();
    std::unique_ptr<Replica> replica(new Replica(machine, identity->actor));
    copse::replica::Store::Options options;
    options.allow_joining = is_joining;
    auto store = copse::replica::Store::Open(
        machine.for_store(), path, options,
        [&replica](auto actor, auto first, auto ops) { return replica->Receive(actor, first, ops); });
    if (!store.ok()) return store.status();
    replica->store_ = *std::move(store);
    replica->store_->set_receiver(
        [raw = replica.get()](auto actor, auto first, auto ops) { return raw->Receive(actor, first, ops); });
    return replica;
  }

  /// Ends the exchange first, so that nothing comes any more; then the store syncs and lets go of its lock.
  ~Replica() override {
    if (exchange_ != nullptr) {
      store_->set_exchange_events({});
      std::promise<void> stopped;
      exchange_->Stop([&stopped] { stopped.set_value(); });
      stopped.get_future().wait();
    }
    exchange_.reset();
    if (store_ != nullptr) store_->set_receiver(nullptr);
  }

  /// Meets other members: listens at `listen`, HOST:PORT, and keeps a connection to `peer`; either may be empty.
  /// Returns where it listens. Both sides prove by TLS 1.3 that they own the key of a member.
  absl::StatusOr<std::string> StartExchange(const std::string& listen, const std::string& peer) {
    copse::replica::Exchange::Callbacks callbacks;
    callbacks.is_welcome = [store = store_.get()](const std::string& key) { return store->IsWelcome(key); };
    exchange_ = std::make_shared<copse::replica::Exchange>(machine_.for_exchange(), store_->identity(),
                                                           store_->exchange_side(), std::move(callbacks));
    const std::weak_ptr<copse::replica::Exchange> weak = exchange_;
    store_->set_exchange_events({[weak] {
                                   if (const auto exchange = weak.lock()) exchange->OnHeadsChanged();
                                 },
                                 [](const auto&) {}});  // Ops here name no contents outside them.
    store_->set_connected(true);                        // Others see durable ops only: sync soon.
    if (!peer.empty()) exchange_->AddPeer(peer);
    return listen.empty() ? absl::StatusOr<std::string>("") : exchange_->Listen(listen);
  }

  /// Does `edit(tree)`, which may read and Submit.
  template <typename Edit>
  auto With(Edit edit) {
    const std::lock_guard lock(mutex_);
    return edit(tree_);
  }

  /// Waits until `condition(tree)` holds; false if it does not for 30 seconds.
  template <typename Condition>
  bool WaitUntil(Condition condition) {
    std::unique_lock lock(mutex_);
    for (int i = 0; i < 600 && !condition(tree_); ++i) changed_.wait_for(lock, std::chrono::milliseconds(50));
    return condition(tree_);
  }

  copse::replica::Store& store() { return *store_; }

 private:
  Replica(Machine& machine, copse::crdt::ActorId actor) : machine_(machine), tree_(actor, *this) {}

  absl::Status Append(std::span<const copse::crdt::Op> batch) override { return store_->Append(batch); }
  absl::Status Sync() override { return store_->Sync(); }

  absl::Status Receive(copse::crdt::ActorId actor, std::uint64_t first, std::span<const copse::crdt::Op> ops) {
    const std::lock_guard lock(mutex_);
    const absl::Status status = tree_.Ingest(actor, first, ops).status();
    changed_.notify_all();
    return status;
  }

  Machine& machine_;
  std::mutex mutex_;  // Guards the tree.
  std::condition_variable changed_;
  copse::crdt::TreeReplica tree_;
  std::unique_ptr<copse::replica::Store> store_;
  std::shared_ptr<copse::replica::Exchange> exchange_;
};
