// A store opened through a snapshot hands on what one that replays everything has handed on, and where the snapshot is
// not what it should be, everything is replayed.

#include <copse/replica/join.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

#include "session_host.h"
#include "snapshot.h"
#include "support.h"

namespace copse::replica {
namespace {

using base::MemoryStorage;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// What the layer above makes of ops: here, their times by actor. Its state is what it has taken in, as text.
class Above {
 public:
  absl::Status Take(crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
    std::uint64_t known = version_[actor];
    EXPECT_LE(first, known) << "ops of actor " << actor << " are missing";
    for (std::size_t i = known > first ? known - first : 0; i < ops.size(); ++i) {
      state_ += std::to_string(actor) + ":" + std::to_string(ops[i].time.counter()) + "\n";
    }
    version_.Raise(actor, first + ops.size());
    taken_ += ops.size();
    return absl::OkStatus();
  }
  /// In the order of the feeds: causal orders of several feeds differ.
  std::multiset<std::string> Ops() const {
    std::multiset<std::string> ops;
    for (std::size_t at = 0; at < state_.size(); at = state_.find('\n', at) + 1) {
      ops.insert(state_.substr(at, state_.find('\n', at) - at));
    }
    return ops;
  }
  /// Ops that were handed on, not restored.
  std::uint64_t taken() const { return taken_; }

  crdt::VersionVector version_;
  std::string state_;
  std::uint64_t taken_ = 0;
};

struct Opened {
  Above above;
  std::unique_ptr<Store> store;
};

class StoreSnapshotTest : public testing::Test {
 protected:
  static Store::Replayer ReplayerOf(Above& above) {
    return [&above](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
      return above.Take(actor, first, ops);
    };
  }

  static std::unique_ptr<Opened> Open(Machine& machine, bool with_snapshots = true) {
    auto opened = std::make_unique<Opened>();
    Store::Options options = machine.options();
    if (with_snapshots) {
      options.restorer = [above = &opened->above](std::vector<crdt::ImageBuffer> parts) -> absl::Status {
        if (parts.size() != 2) return absl::DataLossError("other parts");
        above->state_ = std::string(parts[0].view());
        const std::string version(parts[1].view());
        for (std::size_t at = 0; at + 10 <= version.size(); at += 10) {
          std::uint16_t actor = 0;
          std::uint64_t count = 0;
          std::memcpy(&actor, version.data() + at, sizeof actor);
          std::memcpy(&count, version.data() + at + sizeof actor, sizeof count);
          above->version_.Raise(actor, count);
        }
        return absl::OkStatus();
      };
    }
    auto store = Store::Open(machine.environment(), Machine::kPath, options, ReplayerOf(opened->above));
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return opened;
    opened->store = *std::move(store);
    opened->store->set_receiver(ReplayerOf(opened->above));
    return opened;
  }

  static void Write(Opened& opened, std::uint64_t counter, std::size_t count = 1, bool sync = true) {
    const crdt::ActorId actor = opened.store->identity().actor;
    const std::vector<crdt::Op> batch = Batch(counter, count, actor);
    ASSERT_TRUE(opened.store->Append(batch).ok());
    ASSERT_TRUE(opened.above.Take(actor, opened.above.version_[actor], batch).ok());
    if (sync) {
      ASSERT_TRUE(opened.store->Sync().ok());
    }
  }

  static absl::Status Snapshot(Opened& opened) {
    opened.store->EndFrameHere();
    return Keep(opened);
  }
  static absl::Status Keep(Opened& opened) {
    std::string version;
    for (const auto& [actor, count] : opened.above.version_.counts()) {
      version.append(reinterpret_cast<const char*>(&actor), sizeof actor);
      version.append(reinterpret_cast<const char*>(&count), sizeof count);
    }
    return opened.store->WriteSnapshot(opened.above.version_, {opened.above.state_, version});
  }

  /// A store with ops 1 to 6, the first four of which are in a snapshot.
  void MakeStore() {
    ASSERT_TRUE(machine_.Create().ok());
    const auto opened = Open(machine_);
    for (std::uint64_t counter = 1; counter <= 4; ++counter) Write(*opened, counter);
    ASSERT_EQ(Snapshot(*opened), absl::OkStatus());
    for (std::uint64_t counter = 5; counter <= 6; ++counter) Write(*opened, counter);
  }
  /// That the store opens with a note, and all is there.
  void ExpectReplayedWhole(const std::string& why) {
    const auto opened = Open(machine_);
    ASSERT_NE(opened->store, nullptr);
    EXPECT_EQ(opened->above.Ops(), Open6());
    EXPECT_EQ(opened->above.taken(), 6U);
    EXPECT_EQ(opened->store->snapshot_ops(), 0U);
    ASSERT_THAT(opened->store->notes(), testing::Not(IsEmpty()));
    EXPECT_THAT(opened->store->notes().front(), HasSubstr(why));
  }
  static std::multiset<std::string> Open6() { return {"1:1", "1:2", "1:3", "1:4", "1:5", "1:6"}; }

  std::vector<std::string> Files() { return machine_.Files("/store/snapshots"); }

  Machine machine_;
};

TEST_F(StoreSnapshotTest, OpeningHandsOnOnlyWhatTheSnapshotDoesNotCover) {
  MakeStore();
  const auto opened = Open(machine_);
  EXPECT_EQ(opened->above.Ops(), Open6());
  EXPECT_EQ(opened->above.taken(), 2U);
  EXPECT_EQ(opened->store->snapshot_ops(), 4U);
  EXPECT_THAT(opened->store->notes(), IsEmpty());
  EXPECT_THAT(opened->store->Verify()->problems, IsEmpty());
  // And the store goes on: its counts, its chain and its members are those of a store opened without.
  Write(*opened, 7);
  EXPECT_EQ(opened->store->usage().frames, 7U);
  EXPECT_EQ(opened->store->usage().own_ops, 7U);
  EXPECT_THAT(opened->store->members(), SizeIs(1));
  const std::uint64_t bytes = opened->store->usage().feed_bytes;
  opened->store.reset();
  const auto whole = Open(machine_, false);
  EXPECT_EQ(whole->above.taken(), 7U);
  EXPECT_EQ(whole->store->usage().feed_bytes, bytes);
}

TEST_F(StoreSnapshotTest, OldFramesAreNotReadAgainAndVerifyStillProvesThem) {
  MakeStore();
  machine_.storage().FlipBit(Machine::kSegment, 200, 3);
  const auto opened = Open(machine_);
  ASSERT_NE(opened->store, nullptr);
  EXPECT_EQ(opened->above.taken(), 2U);
  EXPECT_THAT(opened->store->Verify()->problems, testing::Not(IsEmpty()));
}

TEST_F(StoreSnapshotTest, NoSnapshotIsMadeOfALastFrameThatTheDiskHasChanged) {
  ASSERT_TRUE(machine_.Create().ok());
  const auto opened = Open(machine_);
  Write(*opened, 1);
  const std::uint64_t begin = machine_.storage().Stat(Machine::kSegment)->size + kRecordHeaderBytes;
  Write(*opened, 2);
  const std::uint64_t end = machine_.storage().Stat(Machine::kSegment)->size;
  for (std::uint64_t offset = begin; offset < end; ++offset) {
    machine_.storage().FlipBit(Machine::kSegment, offset, 0);
    EXPECT_EQ(Snapshot(*opened).code(), absl::StatusCode::kDataLoss) << offset;
    machine_.storage().FlipBit(Machine::kSegment, offset, 0);
  }
  EXPECT_EQ(Snapshot(*opened), absl::OkStatus());
}

TEST_F(StoreSnapshotTest, WhereTheDirectoryIsDeletedEverythingIsReplayedWithoutANote) {
  MakeStore();
  ASSERT_TRUE(machine_.storage().Remove(Files().front()).ok());
  ASSERT_TRUE(machine_.storage().RemoveDirectory("/store/snapshots").ok());
  const auto opened = Open(machine_);
  EXPECT_EQ(opened->above.taken(), 6U);
  EXPECT_THAT(opened->store->notes(), IsEmpty());
}

TEST_F(StoreSnapshotTest, ASnapshotWithAnyBitFlippedIsNotUsed) {
  MakeStore();
  const std::string path = Files().front();
  const std::uint64_t size = machine_.storage().Stat(path)->size;
  for (std::uint64_t offset = 0; offset < size; ++offset) {
    machine_.storage().FlipBit(path, offset, static_cast<int>(offset % 8));
    ExpectReplayedWhole(path);
    machine_.storage().FlipBit(path, offset, static_cast<int>(offset % 8));
  }
  EXPECT_EQ(Open(machine_)->above.taken(), 2U);
}

TEST_F(StoreSnapshotTest, ASnapshotThatIsCutOffAnywhereIsNotUsed) {
  MakeStore();
  const std::string path = Files().front();
  const std::string whole = machine_.Read(path);
  for (std::size_t size = 0; size < whole.size(); size += 3) {
    ASSERT_TRUE(base::ReplaceFile(machine_.storage(), path, whole.substr(0, size)).ok());
    ExpectReplayedWhole(path);
  }
}

TEST_F(StoreSnapshotTest, OfADamagedAndAnOlderOneTheOlderIsUsed) {
  MakeStore();
  {
    const auto opened = Open(machine_);
    ASSERT_EQ(Snapshot(*opened), absl::OkStatus());
    Write(*opened, 7);
  }
  ASSERT_THAT(Files(), SizeIs(2));
  EXPECT_EQ(Open(machine_)->above.taken(), 1U);
  machine_.storage().FlipBit(Files().back(), 100, 1);
  const auto opened = Open(machine_);
  EXPECT_EQ(opened->above.taken(), 3U);
  EXPECT_THAT(opened->store->notes(), SizeIs(1));
}

TEST_F(StoreSnapshotTest, TheTwoNewestAreKept) {
  MakeStore();
  const auto opened = Open(machine_);
  for (std::uint64_t counter = 7; counter <= 10; ++counter) {
    Write(*opened, counter);
    ASSERT_EQ(Snapshot(*opened), absl::OkStatus());
  }
  EXPECT_THAT(Files(), SizeIs(2));
}

TEST_F(StoreSnapshotTest, ASnapshotOfAnotherReplicaIsNotUsed) {
  MakeStore();
  Machine other(7);
  ASSERT_TRUE(other.Create().ok());
  {
    const auto opened = Open(other);
    Write(*opened, 1);
    ASSERT_EQ(Snapshot(*opened), absl::OkStatus());
  }
  ASSERT_TRUE(
      base::ReplaceFile(machine_.storage(), Files().front(), other.Read("/store/snapshots/0000000000000001.snapshot"))
          .ok());
  ExpectReplayedWhole("another replica");
}

TEST_F(StoreSnapshotTest, ASnapshotOfAnotherFormatIsNotUsed) {
  MakeStore();
  std::string bytes = machine_.Read(Files().front());
  ++bytes[8];
  ASSERT_TRUE(base::ReplaceFile(machine_.storage(), Files().front(), bytes).ok());
  ExpectReplayedWhole("format 2");
}

TEST_F(StoreSnapshotTest, ASnapshotThatCoversMoreThanTheFeedHoldsIsNotUsed) {
  ASSERT_TRUE(machine_.Create().ok());
  std::map<std::string, std::string> before;
  {
    const auto opened = Open(machine_);
    Write(*opened, 1);
    const std::string shorter = machine_.Read(Machine::kSegment);
    Write(*opened, 2);
    ASSERT_EQ(Snapshot(*opened), absl::OkStatus());
    before[Machine::kSegment] = shorter;
  }
  // The disk is that of before, but for the snapshot.
  ASSERT_TRUE(base::ReplaceFile(machine_.storage(), Machine::kSegment, before[Machine::kSegment]).ok());
  const auto opened = Open(machine_);
  ASSERT_NE(opened->store, nullptr);
  EXPECT_EQ(opened->above.Ops(), (std::multiset<std::string>{"1:1"}));
  EXPECT_THAT(opened->store->notes(), SizeIs(1));
  // Another op takes the place of the one that is lost.
  Write(*opened, 3);
  opened->store.reset();
  EXPECT_EQ(Open(machine_)->above.Ops(), (std::multiset<std::string>{"1:1", "1:3"}));
}

TEST_F(StoreSnapshotTest, WhatIsAppendedWhileTheStateIsMadeGoesIntoAFrameOfItsOwn) {
  ASSERT_TRUE(machine_.Create().ok());
  {
    const auto opened = Open(machine_);
    Write(*opened, 1, 1, false);
    Write(*opened, 2, 1, false);
    opened->store->EndFrameHere();
    const Above state = opened->above;
    Write(*opened, 3, 2, false);
    Opened then{state, std::move(opened->store)};
    ASSERT_EQ(Keep(then), absl::OkStatus());
    EXPECT_EQ(then.store->usage().frames, 2U);
  }
  const auto opened = Open(machine_);
  EXPECT_EQ(opened->above.taken(), 2U);
  EXPECT_EQ(opened->above.Ops(), (std::multiset<std::string>{"1:1", "1:2", "1:3", "1:4"}));
}

TEST_F(StoreSnapshotTest, AStateThatEndsWithinAFrameIsRefused) {
  ASSERT_TRUE(machine_.Create().ok());
  const auto opened = Open(machine_);
  Write(*opened, 1, 1, false);
  const Above state = opened->above;
  Write(*opened, 2);
  Opened then{state, std::move(opened->store)};
  EXPECT_EQ(Keep(then).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreSnapshotTest, AfterACrashAtAnyMomentOfWritingOneEverythingIsThere) {
  MakeStore();
  const std::unique_ptr<MemoryStorage> disk = machine_.storage().Copy();
  for (std::uint64_t changes = 0;; ++changes) {
    for (const auto keep :
         {MemoryStorage::Keep::kNothing, MemoryStorage::Keep::kEverything, MemoryStorage::Keep::kRandom}) {
      const std::unique_ptr<MemoryStorage> copy = disk->Copy();
      base::ManualClock clock;
      base::SeededRandom random(changes);
      base::ManualExecutor executor([&] { return clock.Monotonic(); });
      const Store::Environment environment{*copy, clock, random, executor};
      const auto open = [&](Above& above) {
        Store::Options options;
        options.restorer = [&above](std::vector<crdt::ImageBuffer> parts) {
          above.state_ = std::string(parts.at(0).view());
          above.version_.Raise(1,
                               static_cast<std::uint64_t>(std::count(above.state_.begin(), above.state_.end(), '\n')));
          return absl::OkStatus();
        };
        return Store::Open(environment, Machine::kPath, options, ReplayerOf(above));
      };
      bool is_done = false;
      {
        Opened opened;
        opened.store = open(opened.above).value();
        copy->CutPowerAfter(changes);
        is_done = Snapshot(opened).ok();
      }
      copy->Crash(keep, changes);
      Above above;
      const auto store = open(above);
      ASSERT_TRUE(store.ok()) << store.status() << " after " << changes;
      ASSERT_EQ(above.Ops(), Open6()) << changes;
      ASSERT_LE(above.taken(), 2U) << changes;
      ASSERT_TRUE(!is_done || above.taken() == 0U) << changes;
      if (is_done && keep == MemoryStorage::Keep::kRandom) return;
    }
  }
}

/// A founder and a member, with what the two have sent each other.
class StoreSnapshotExchangeTest : public StoreSnapshotTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine_.Create().ok());
    one_ = Open(machine_);
    const Invitation invitation = one_->store->Invite(Role::kWriter, std::chrono::seconds(60), {"inviter:1"}).value();
    Joining joining =
        Joining::Begin(other_.storage(), other_.environment().random, Machine::kPath, invitation, "desk").value();
    const auto welcome = one_->store->exchange_side().Admit(joining.signing_public(), invitation.secret, "desk");
    ASSERT_TRUE(welcome.ok()) << welcome.status();
    ASSERT_TRUE(joining.Admit(other_.storage(), *welcome).ok());
    other_.options().allow_joining = true;
    two_ = Open(other_);
    Send(*one_, *two_);
    ASSERT_TRUE(joining.Finish(other_.storage()).ok());
    other_.options().allow_joining = false;
  }

  /// In runs of at most `bytes`, which lie in one record each.
  static void Send(Opened& from, Opened& to, std::size_t bytes = 1 << 20) {
    for (bool any = true; any;) {
      any = false;
      const auto here = to.store->frame_counts();
      for (const FeedHead& head : from.store->exchange_side().Heads()) {
        const std::uint64_t known = here.contains(head.actor) ? here.at(head.actor) : 0;
        if (head.actor == to.store->identity().actor || head.frames <= known) continue;
        const auto frames = from.store->exchange_side().ReadFrames(head.actor, known, bytes).value();
        ASSERT_TRUE(to.store->exchange_side().AddFrames(head.actor, known, frames).ok());
        any = true;
      }
    }
  }

  void ExpectSameAsReplayed(Machine& machine) {
    const auto restored = Open(machine);
    EXPECT_GT(restored->store->snapshot_ops(), 0U);
    const auto members = restored->store->members().size();
    const auto usage = restored->store->usage();
    const auto wanted = restored->store->MissingChunks();
    const std::multiset<std::string> ops = restored->above.Ops();
    const auto heads = restored->store->exchange_side().Heads();
    restored->store.reset();
    const auto whole = Open(machine, false);
    EXPECT_EQ(ops, whole->above.Ops());
    EXPECT_EQ(members, whole->store->members().size());
    EXPECT_EQ(usage.frames, whole->store->usage().frames);
    EXPECT_EQ(usage.own_ops, whole->store->usage().own_ops);
    EXPECT_EQ(usage.feed_bytes, whole->store->usage().feed_bytes);
    EXPECT_EQ(wanted, whole->store->MissingChunks());
    EXPECT_EQ(heads, whole->store->exchange_side().Heads());
  }

  Machine other_{2};
  std::unique_ptr<Opened> one_;
  std::unique_ptr<Opened> two_;
};

TEST_F(StoreSnapshotExchangeTest, FeedsOfSeveralActorsAndGrantsComeBack) {
  Write(*one_, 1);
  Write(*one_, 2);
  Send(*one_, *two_);
  Write(*two_, 3);
  Send(*two_, *one_);
  ASSERT_EQ(Snapshot(*one_), absl::OkStatus());
  ASSERT_EQ(Snapshot(*two_), absl::OkStatus());
  Write(*two_, 4);
  Send(*two_, *one_);
  Write(*one_, 5);
  one_->store.reset();
  two_->store.reset();
  ExpectSameAsReplayed(machine_);
  ExpectSameAsReplayed(other_);
}

TEST_F(StoreSnapshotExchangeTest, FramesThatWaitInTheSameRecordAsOneThatWasAppliedAreNotLost) {
  Write(*one_, 1);
  // The second frame of the run waits for contents that are not here; the first does not.
  const base::ChunkRef chunk = one_->store->Put("far away").value();
  other_.options().namer.named_by_op = [chunk](const crdt::Op& op) {
    return op.time.counter() == 2 ? std::vector<base::NamedContent>{{chunk, 0}} : std::vector<base::NamedContent>();
  };
  two_->store.reset();
  two_ = Open(other_);
  Write(*one_, 2);
  Send(*one_, *two_);
  EXPECT_EQ(two_->above.Ops(), (std::multiset<std::string>{"1:1"}));
  ASSERT_EQ(Snapshot(*two_), absl::OkStatus());
  two_->store.reset();
  two_ = Open(other_);
  EXPECT_EQ(two_->store->snapshot_ops(), 1U);
  EXPECT_EQ(two_->above.Ops().count("1:1"), 1U);
  EXPECT_EQ(two_->store->MissingChunks(), std::vector<base::Hash>{chunk.id});
}

TEST_F(StoreSnapshotExchangeTest, ContentsThatWereMissingGoOnBeingWanted) {
  const base::ChunkRef chunk = one_->store->Put("far away").value();
  other_.options().namer.named_by_op = [chunk](const crdt::Op& op) {
    return op.time.counter() == 1 ? std::vector<base::NamedContent>{{chunk, 0}} : std::vector<base::NamedContent>();
  };
  two_->store.reset();
  two_ = Open(other_);
  Write(*one_, 1);
  Send(*one_, *two_);
  other_.clock().Advance(std::chrono::seconds(11));  // Nothing waits longer.
  other_.executor().RunDue();
  EXPECT_EQ(two_->above.Ops().count("1:1"), 1U);
  ASSERT_EQ(Snapshot(*two_), absl::OkStatus());
  two_->store.reset();
  two_ = Open(other_);
  EXPECT_EQ(two_->above.taken(), 0U);
  EXPECT_EQ(two_->store->MissingChunks(), std::vector<base::Hash>{chunk.id});
  two_->store->exchange_side().OnChunk(chunk.id, one_->store->exchange_side().ReadChunk(chunk.id));
  EXPECT_THAT(two_->store->MissingChunks(), IsEmpty());
  two_->store.reset();
  // It is here now, whatever the snapshot says.
  EXPECT_THAT(Open(other_)->store->MissingChunks(), IsEmpty());
}

TEST_F(StoreSnapshotExchangeTest, ContentsBehindAPageThatCouldNotBeReadAreWantedAfterwards) {
  const base::ChunkRef leaf = one_->store->Put("far away").value();
  const base::ChunkRef page = one_->store->Put("a page").value();
  other_.options().namer.named_by_op = [page](const crdt::Op& op) {
    return op.time.counter() == 1 ? std::vector<base::NamedContent>{{page, 1}} : std::vector<base::NamedContent>();
  };
  other_.options().namer.named_by_page = [leaf](std::uint8_t, std::string_view) {
    return std::vector<base::NamedContent>{{leaf, 0}};
  };
  two_->store.reset();
  two_ = Open(other_);
  ASSERT_TRUE(two_->store->Put("so that its pack is open for writing").ok());
  Write(*one_, 1);
  Send(*one_, *two_);
  other_.storage().SetHasDescriptors(false);
  two_->store->exchange_side().OnChunk(page.id, one_->store->exchange_side().ReadChunk(page.id));
  other_.clock().Advance(std::chrono::seconds(11));  // Nothing waits longer.
  other_.executor().RunDue();
  EXPECT_EQ(two_->above.Ops().count("1:1"), 1U);
  other_.storage().SetHasDescriptors(true);
  ASSERT_EQ(Snapshot(*two_), absl::OkStatus());
  two_->store.reset();
  two_ = Open(other_);
  EXPECT_EQ(two_->above.taken(), 0U);
  EXPECT_EQ(two_->store->MissingChunks(), std::vector<base::Hash>{leaf.id});
}

TEST(SnapshotStateTest, WhatIsWrittenIsReadAndAnyOtherLengthIsRefused) {
  SnapshotState state;
  SnapshotFeed& feed = state.feeds[7];
  feed.ops = 5;
  feed.frames = 2;
  feed.resume.frames = 1;
  feed.resume.ops = 3;
  feed.resume.segment = "0000000000000000.segment";
  feed.index.segments = {"0000000000000000.segment"};
  feed.index.frames = {{0, 100, 54}, {0, 90, 166}};
  feed.grants = {{0, {std::string(32, 'k'), Role::kWriter, 17, 33, "desk"}}};
  state.wanted.push_back({{.plain_length = 9, .epoch = 1}, 2});
  const std::string bytes = EncodeSnapshotState(state);
  const auto again = DecodeSnapshotState(bytes);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(EncodeSnapshotState(*again), bytes);
  EXPECT_EQ(again->feeds.at(7).grants, feed.grants);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeSnapshotState(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeSnapshotState(bytes + "x").ok());
}

}  // namespace
}  // namespace copse::replica
