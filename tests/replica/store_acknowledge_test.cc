#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "store_exchange_fixture.h"

namespace copse::replica {
namespace {

using std::chrono::seconds;

class StoreAcknowledgeTest : public StoreExchangeTest {
 protected:
  /// Lets time pass at `replica`, and what is due happen.
  static void Wait(Replica& replica, std::chrono::seconds time) {
    replica.machine.clock().Advance(time);
    replica.machine.executor().RunDue();
  }
  static std::uint64_t OwnFrames(Replica& replica) {
    const auto counts = replica.store->frame_counts();
    return counts.contains(replica.actor()) ? counts.at(replica.actor()) : 0;
  }
  /// The latest time that is ever stable at a store on `disk`, asked while it is given all frames of `from` at once and
  /// its lock is hardly ever free.
  std::uint64_t LatestStableWhileGiven(Replica& from, std::unique_ptr<base::MemoryStorage> disk) {
    base::SeededRandom random(7);
    Store::Environment environment{*disk, two_.machine.clock(), random, two_.machine.executor()};
    Replayed received;
    const auto store = Store::Open(environment, Machine::kPath, two_.machine.options(), received.replayer()).value();
    store->set_receiver(received.replayer());
    const std::uint64_t known = store->frame_counts().at(from.actor());
    const auto frames = from.side().ReadFrames(from.actor(), known, 1 << 20).value();
    std::atomic<bool> is_done = false;
    std::atomic<std::uint64_t> latest = 0;
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
      while (!is_done) latest = std::max(latest.load(), store->StableTime().counter());
    });
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        while (!is_done) {
          store->set_connected(false);
          std::this_thread::yield();
        }
      });
    }
    while (latest == 0) std::this_thread::yield();
    EXPECT_TRUE(store->exchange_side().AddFrames(from.actor(), known, frames).ok());
    is_done = true;
    for (std::thread& thread : threads) thread.join();
    return latest;
  }
  static std::uint64_t Stable(Replica& replica) { return replica.store->StableTime().counter(); }
};

TEST_F(StoreAcknowledgeTest, WhoHasNothingToSayAcknowledgesWithinAMinuteAndOnce) {
  one_.Write(1, 3);
  Send(one_, two_);
  EXPECT_EQ(OwnFrames(two_), 0U);
  Wait(two_, seconds(61));
  EXPECT_EQ(OwnFrames(two_), 1U);
  const Frame frame = DecodeFrame(two_.side().ReadFrames(two_.actor(), 0, 1).value().front()).value();
  EXPECT_EQ(frame.header.op_count, 0U);
  EXPECT_EQ(frame.header.clock, 3U);
  ASSERT_EQ(frame.header.dependencies.size(), 1U);
  EXPECT_EQ(frame.header.dependencies[0].count, 3U);
  Wait(two_, seconds(3600));
  EXPECT_EQ(OwnFrames(two_), 1U);
  EXPECT_EQ(two_.machine.executor().Pending(), 0U);
}

TEST_F(StoreAcknowledgeTest, AnAcknowledgementIsNotAcknowledged) {
  one_.Write(1);
  Send(one_, two_);
  Wait(two_, seconds(61));
  const std::uint64_t before = OwnFrames(one_);
  Send(two_, one_);
  Wait(one_, seconds(3600));
  EXPECT_EQ(OwnFrames(one_), before);
}

TEST_F(StoreAcknowledgeTest, AnOwnFrameAcknowledgesAsWell) {
  one_.Write(1);
  Send(one_, two_);
  two_.Write(2);
  Wait(two_, seconds(3600));
  EXPECT_EQ(OwnFrames(two_), 1U);
}

TEST_F(StoreAcknowledgeTest, WhatIsKnownAtTheStartIsAcknowledgedToo) {
  one_.Write(1);
  Send(one_, two_);
  two_.store.reset();
  two_.Open();
  Wait(two_, seconds(61));
  EXPECT_EQ(OwnFrames(two_), 1U);
}

TEST_F(StoreAcknowledgeTest, WhatAllHaveAcknowledgedIsStable) {
  one_.Write(1, 3);
  EXPECT_EQ(Stable(one_), 0U);  // The desk may have made op 1, too.
  Send(one_, two_);
  EXPECT_EQ(Stable(two_), 3U);  // What the desk makes next is op 4, and what the laptop makes as well.
  Wait(two_, seconds(61));
  Send(two_, one_);
  EXPECT_EQ(Stable(one_), 3U);
  one_.Write(4);
  EXPECT_EQ(Stable(one_), 3U);
}

TEST_F(StoreAcknowledgeTest, AnOwnOpIsStableOnlyOnceItIsDurable) {
  two_.Write(1);
  Send(two_, one_);
  ASSERT_TRUE(one_.store->Append(Batch(2)).ok());
  EXPECT_EQ(Stable(one_), 1U);
  two_.Write(2);
  Send(two_, one_);
  EXPECT_EQ(Stable(one_), 1U);
  ASSERT_TRUE(one_.store->Sync().ok());
  EXPECT_EQ(Stable(one_), 2U);
}

TEST_F(StoreAcknowledgeTest, WhatIsStableStaysSoOverARestart) {
  one_.Write(1, 3);
  Send(one_, two_);
  two_.Write(4);
  Send(two_, one_);
  const std::uint64_t stable = Stable(one_);
  EXPECT_EQ(stable, 4U);
  one_.store.reset();
  one_.Open();
  EXPECT_EQ(Stable(one_), stable);
}

TEST_F(StoreAcknowledgeTest, AFrameThatWaitsMakesNothingStable) {
  const base::Hash id = Name(two_, 1, "contents");
  two_.Write(1);
  two_.machine.options().acknowledgement_delay = seconds(1);
  one_.Write(1);
  Send(one_, two_);
  Wait(two_, seconds(61));
  Send(two_, one_);
  ASSERT_EQ(one_.Counters(), (std::vector<std::uint64_t>{}));
  EXPECT_EQ(Stable(one_), 0U);
  one_.side().OnChunk(id, two_.side().ReadChunk(id));
  ASSERT_EQ(one_.Counters(), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(Stable(one_), 1U);
}

TEST_F(StoreAcknowledgeTest, NothingLaterThanAGrantIsStableWhileItComes) {
  one_.Write(1, 3);
  Send(one_, two_);
  const std::string secret = one_.store->Invite(Role::kWriter, seconds(60), {}).value().secret;
  ASSERT_TRUE(one_.side().Admit(std::string(32, 'p'), secret, "phone").ok());
  one_.Write(4);
  two_.store.reset();
  for (int attempt = 0; attempt < 200; ++attempt) {
    ASSERT_LE(LatestStableWhileGiven(one_, two_.machine.storage().Copy()), 3U) << attempt;
  }
}

TEST_F(StoreAcknowledgeTest, AFeedWhoseClockRunsBackwardIsRefused) {
  two_.Write(5);
  two_.Write(3);  // No honest replica would.
  const auto frames = two_.side().ReadFrames(two_.actor(), 0, 1 << 20).value();
  const absl::Status added = one_.side().AddFrames(two_.actor(), 0, frames);
  EXPECT_TRUE(absl::IsDataLoss(added)) << added;
  EXPECT_NE(added.message().find("clock runs backward"), std::string::npos) << added;
  EXPECT_EQ(one_.Counters(), (std::vector<std::uint64_t>{}));
}

}  // namespace
}  // namespace copse::replica
