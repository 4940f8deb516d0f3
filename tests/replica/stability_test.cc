#include "stability.h"

#include <gtest/gtest.h>

namespace copse::replica {
namespace {

constexpr crdt::ActorId kSelf = 1;
constexpr crdt::ActorId kDesk = 17;
constexpr crdt::ActorId kPhone = 33;

Member Of(crdt::ActorId actor) {
  return {{"key", Role::kWriter, actor, static_cast<crdt::ActorId>(actor + 16), "l"}, 1};
}

class StabilityTest : public testing::Test {
 protected:
  void Ops(crdt::ActorId author, std::uint64_t clock) { Note(author, clock, 1); }
  void Acknowledgement(crdt::ActorId author, std::uint64_t clock) { Note(author, clock, 0); }
  void LetIn(crdt::ActorId granter, std::uint64_t clock, crdt::ActorId actor) {
    Note(granter, clock, 0, {Of(actor).grant});
    members_.push_back(Of(actor));
  }
  std::uint64_t Stable() const { return stability_.StableTime(members_, kSelf).counter(); }

  void Note(crdt::ActorId author, std::uint64_t clock, std::uint32_t op_count, std::vector<Grant> grants = {}) {
    FrameHeader header;
    header.actor = author;
    header.op_count = op_count;
    header.clock = clock;
    header.grants = std::move(grants);
    stability_.NoteFrame(header);
  }

  Stability stability_;
  std::vector<Member> members_ = {Of(kSelf)};
};

TEST_F(StabilityTest, WithoutOthersAllThatWasMadeIsStable) {
  EXPECT_EQ(stability_.StableTime(members_, kSelf), crdt::Timestamp{});
  Ops(kSelf, 7);
  EXPECT_EQ(Stable(), 7U);
  // An op of any actor with that counter has come, too.
  EXPECT_GT(stability_.StableTime(members_, kSelf), crdt::Timestamp::Of(7, kPhone));
}

TEST_F(StabilityTest, NobodyWhoMayWriteIsLeftOutThoughNeverHeardFrom) {
  LetIn(kSelf, 3, kDesk);
  Ops(kSelf, 9);
  EXPECT_EQ(Stable(), 3U);  // The desk may have made op 4 before it heard of 9.
  Ops(kDesk, 5);
  EXPECT_EQ(Stable(), 5U);
}

TEST_F(StabilityTest, AnAcknowledgementMovesItOn) {
  LetIn(kSelf, 3, kDesk);
  Ops(kSelf, 9);
  Acknowledgement(kDesk, 9);
  EXPECT_EQ(Stable(), 9U);
}

TEST_F(StabilityTest, TheSlowestOfAllDecides) {
  LetIn(kSelf, 1, kDesk);
  LetIn(kSelf, 1, kPhone);
  Ops(kSelf, 20);
  Ops(kDesk, 30);
  Ops(kPhone, 10);
  EXPECT_EQ(Stable(), 10U);
}

TEST_F(StabilityTest, WhatOthersStateIsNotExceededByWhatIsHere) {
  LetIn(kSelf, 1, kDesk);
  Ops(kSelf, 4);
  Acknowledgement(kDesk, 1000);  // A word that no op here bears out.
  EXPECT_EQ(Stable(), 4U);
}

TEST_F(StabilityTest, AMemberOfWhomNoGrantWasAppliedKeepsEverything) {
  Ops(kSelf, 4);
  members_.push_back(Of(kDesk));
  EXPECT_EQ(stability_.StableTime(members_, kSelf), crdt::Timestamp{});
}

TEST_F(StabilityTest, OfTwoGrantsOfOneActorTheEarlierCounts) {
  LetIn(kSelf, 8, kDesk);
  Note(kPhone, 2, 0, {Of(kDesk).grant});  // Perhaps only the other one is valid.
  Ops(kSelf, 9);
  EXPECT_EQ(Stable(), 2U);
}

}  // namespace
}  // namespace copse::replica
