#pragma once

#include <copse/replica/join.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "frame.h"
#include "session_host.h"
#include "support.h"

namespace copse::replica {

/// A machine whose store is opened, with what its receiver has been handed. `contents`: which chunks ops name.
struct Replica {
  using Contents = std::map<crdt::Timestamp, std::vector<base::NamedContent>>;

  explicit Replica(std::uint64_t seed, std::shared_ptr<Contents> named) : machine(seed), contents(std::move(named)) {
    machine.options().namer.named_by_op = [held = contents](const crdt::Op& op) {
      const auto found = held->find(op.time);
      return found == held->end() ? std::vector<base::NamedContent>() : found->second;
    };
  }

  void Open() {
    received = {};
    auto opened = machine.Open(&received);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store = *std::move(opened);
    store->set_receiver([this](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
      if (ops.front().time == refused) return absl::InvalidArgumentError("refused by the test");
      return received.replayer()(actor, first, ops);
    });
  }
  SessionHost& side() { return store->exchange_side(); }
  crdt::ActorId actor() { return store->identity().actor; }
  /// Makes `count` ops and has them durable.
  void Write(std::uint64_t counter, std::size_t count = 1) {
    ASSERT_TRUE(store->Append(Batch(counter, count, actor())).ok());
    ASSERT_TRUE(store->Sync().ok());
  }
  /// Whatever has come is synced by itself.
  void LetSync() {
    machine.clock().Advance(std::chrono::seconds(1));
    machine.executor().RunDue();
  }
  std::vector<std::uint64_t> Counters() {
    std::vector<std::uint64_t> counters;
    for (const crdt::Op& op : received.ops) counters.push_back(op.time.counter());
    return counters;
  }

  Machine machine;
  std::shared_ptr<Contents> contents;
  std::unique_ptr<Store> store;
  Replayed received;
  crdt::Timestamp refused{};  // Of an op.
};

class StoreExchangeTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(one_.machine.Create().ok());
    one_.Open();
    Join(one_, two_, "desk");
  }

  /// Makes `newcomer` a member, let in by `inviter`, with all that it must hold.
  void Join(Replica& inviter, Replica& newcomer, const std::string& label) {
    const Invitation invitation = inviter.store->Invite(Role::kWriter, std::chrono::seconds(60), {"inviter:1"}).value();
    Joining joining = Joining::Begin(newcomer.machine.storage(), newcomer.machine.environment().random, Machine::kPath,
                                     invitation, label)
                          .value();
    const auto welcome = inviter.side().Admit(joining.signing_public(), invitation.secret, label);
    ASSERT_TRUE(welcome.ok()) << welcome.status();
    ASSERT_TRUE(joining.Admit(newcomer.machine.storage(), *welcome).ok());
    newcomer.machine.options().allow_joining = true;
    newcomer.Open();
    Send(inviter, newcomer);
    ASSERT_TRUE(joining.HasAll(*newcomer.store));
    ASSERT_TRUE(joining.Finish(newcomer.machine.storage()).ok());
    newcomer.machine.options().allow_joining = false;
  }

  /// Gives `to` the frames of `from` that it lacks, in small runs, feed by feed.
  void Send(Replica& from, Replica& to, std::size_t bytes = 1) {
    for (bool any = true; any;) {
      any = false;
      const auto here = to.store->frame_counts();
      for (const FeedHead& head : from.side().Heads()) {
        const std::uint64_t known = here.contains(head.actor) ? here.at(head.actor) : 0;
        if (head.actor == to.actor() || head.frames <= known || !to.side().IsMember(head.actor)) continue;
        const auto frames = from.side().ReadFrames(head.actor, known, bytes).value();
        const absl::Status added = to.side().AddFrames(head.actor, known, frames);
        ASSERT_TRUE(added.ok()) << added;
        any = true;
      }
    }
  }

  /// Puts a chunk at `at` and lets the op made there at `counter` name it.
  base::Hash Name(Replica& at, std::uint64_t counter, const std::string& plain, std::uint8_t level = 0) {
    const base::ChunkRef chunk = at.store->Put(plain).value();
    (*contents_)[crdt::Timestamp::Of(counter, at.actor())].push_back({chunk, level});
    return chunk.id;
  }

  std::shared_ptr<Replica::Contents> contents_ = std::make_shared<Replica::Contents>();
  Replica one_{1, contents_};
  Replica two_{2, contents_};
  Replica three_{3, contents_};
};

}  // namespace copse::replica
