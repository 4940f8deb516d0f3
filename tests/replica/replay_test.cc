#include "replay.h"

#include <gtest/gtest.h>

#include "own_feed.h"
#include "signing.h"
#include "support.h"

namespace copse::replica {
namespace {

/// Feeds of several actors on one disk, written frame by frame with chosen dependencies.
class ReplayTest : public testing::Test {
 protected:
  ReplayTest() { identity_ = Identity::New(random_, "laptop"); }

  /// Writes one frame with one op to the feed of `actor`; it depends on `dependencies`.
  void Write(crdt::ActorId actor, std::uint64_t counter, std::vector<Dependency> dependencies) {
    const std::string directory = "/" + FeedName(actor);
    auto& writer = writers_[actor];
    if (writer == nullptr) {
      ASSERT_TRUE(storage_.CreateDirectory(directory).ok());
      writer = std::make_unique<Feed>(storage_, directory, identity_.volume, actor, 1 << 20, FeedEnd{}, FeedIndex{});
    }
    FrameHeader header;
    header.volume = identity_.volume;
    header.actor = actor;
    header.number = writer->end().frames;
    header.first_op = writer->end().ops;
    header.op_count = 1;
    header.clock = counter;
    header.previous = writer->end().last_frame;
    header.dependencies_are_full = writer->WantsSegment();
    header.dependencies = std::move(dependencies);
    const std::string bytes =
        EncodeFrame(header, Batch(counter, 1, actor), identity_.epoch_keys.at(0), identity_.signing_secret);
    const Frame frame = DecodeFrame(bytes).value();
    ASSERT_TRUE(writer->Append({&frame, 1}).ok());
  }

  /// The counters of the ops in the order in which they are handed on.
  std::vector<std::uint64_t> Replay(crdt::ActorId own) {
    std::vector<std::unique_ptr<FeedReader>> feeds;
    for (const auto& [actor, writer] : writers_) {
      feeds.push_back(FeedReader::Open(storage_, "/" + FeedName(actor), identity_.volume, actor).value());
    }
    const auto open = [this](const FeedItem& item) { return OpenFrame(item.frame, identity_.epoch_keys.at(0)); };
    std::vector<std::uint64_t> counters;
    auto result = ReplayFeeds(feeds, own, open, [&](crdt::ActorId, std::uint64_t, std::span<const crdt::Op> ops) {
      if (ops.front().time.counter() == refused_) return absl::InvalidArgumentError("is refused");
      for (const crdt::Op& op : ops) counters.push_back(op.time.counter());
      return absl::OkStatus();
    });
    EXPECT_TRUE(result.ok()) << result.status();
    result_ = *std::move(result);
    return counters;
  }

  base::MemoryStorage storage_;
  base::SeededRandom random_{1};
  Identity identity_;
  std::map<crdt::ActorId, std::unique_ptr<Feed>> writers_;
  std::uint64_t refused_ = 0;  // The counter of an op that is refused.
  ReplayResult result_;
};

/// The bytes of a feed with two frames of one op each, signed and sealed alike but for the hash that the second names.
class ChainTest : public ReplayTest {
 protected:
  absl::Status ReadFeedWhoseSecondFrameFollows(const base::Hash* previous) {
    FrameHeader header;
    header.volume = identity_.volume;
    header.actor = 1;
    header.clock = 1;
    header.dependencies_are_full = true;
    const std::string first = Encode(header, 1);
    header.number = 1;
    header.first_op = 1;
    header.clock = 2;
    header.previous = previous != nullptr ? *previous : base::Sha256(first);
    const std::string segment =
        EncodeSegmentHeader({identity_.volume, 1, 0}) + EncodeRecord(first) + EncodeRecord(Encode(header, 2));
    EXPECT_TRUE(storage_.CreateDirectory("/feed").ok());
    EXPECT_TRUE(base::ReplaceFile(storage_, "/feed/0000000000000000.segment", segment).ok());
    auto reader = FeedReader::Open(storage_, "/feed", identity_.volume, 1).value();
    FeedItem item;
    for (;;) {
      const absl::StatusOr<bool> read = reader->Next(item);
      if (!read.ok()) return read.status();
      if (!*read) return absl::OkStatus();
    }
  }

 private:
  std::string Encode(const FrameHeader& header, std::uint64_t counter) {
    return EncodeFrame(header, Batch(counter, 1, 1), identity_.epoch_keys.at(0), identity_.signing_secret);
  }
};

TEST_F(ChainTest, AFrameThatNamesTheHashOfTheOneBeforeItFollows) {
  EXPECT_EQ(ReadFeedWhoseSecondFrameFollows(nullptr), absl::OkStatus());
}

TEST_F(ChainTest, AFrameThatNamesAnotherHashIsDamageEvenIfItIsSigned) {
  const base::Hash other = base::Sha256("another first frame");
  const absl::Status status = ReadFeedWhoseSecondFrameFollows(&other);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_F(ReplayTest, AFrameFollowsThoseThatItDependsOnWhateverTheOrderOfFeeds) {
  Write(1, 2, {{.actor = 2, .count = 1}});
  Write(1, 4, {{.actor = 2, .count = 2}});
  Write(2, 1, {});
  Write(2, 3, {{.actor = 1, .count = 1}});
  EXPECT_EQ(Replay(1), (std::vector<std::uint64_t>{1, 2, 3, 4}));
}

// Behind a snapshot what the frames before have stated is not read.
TEST_F(ReplayTest, AnOwnFrameThatStatesNothingFollowsAllThatItMayBuildOn) {
  Write(1, 2, {});
  Write(1, 4, {});
  Write(2, 1, {});
  Write(2, 3, {{.actor = 1, .count = 1}});
  EXPECT_EQ(Replay(1), (std::vector<std::uint64_t>{1, 2, 3, 4}));
}

TEST_F(ReplayTest, AnOwnFrameWhoseDependenciesAreMissingIsHandedOnAtTheEnd) {
  Write(1, 9, {{.actor = 3, .count = 1}});
  Write(2, 1, {});
  EXPECT_EQ(Replay(1), (std::vector<std::uint64_t>{1, 9}));
}

TEST_F(ReplayTest, AnotherActorsFrameWhoseDependenciesAreMissingIsHeldBack) {
  Write(1, 1, {});
  Write(2, 9, {{.actor = 3, .count = 1}});
  EXPECT_EQ(Replay(1), (std::vector<std::uint64_t>{1}));
  ASSERT_EQ(result_.waiting.size(), 1U);
  EXPECT_EQ(result_.waiting[0]->frame.header.actor, 2);
}

TEST_F(ReplayTest, AFrameWhoseClockIsAheadOfAllThatIsKnownIsHeldBackUntilMoreIs) {
  Write(2, 1, {});
  Write(2, 4, {});
  EXPECT_EQ(Replay(1), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(result_.waiting.size(), 1U);
  EXPECT_TRUE(result_.refused.empty());
  Write(3, 1, {});
  Write(3, 2, {});
  EXPECT_EQ(Replay(1), (std::vector<std::uint64_t>{1, 1, 2, 4}));
}

TEST_F(ReplayTest, OfAnotherActorsFeedNothingIsHandedOnBehindAFrameThatIsRefused) {
  Write(1, 1, {});
  Write(2, 2, {});
  Write(2, 3, {});
  Write(2, 4, {});
  refused_ = 3;
  EXPECT_EQ(Replay(1), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(result_.waiting.empty());
  EXPECT_EQ(result_.refused.count(2), 1U);
  EXPECT_EQ(result_.known.at(2).count, 1U);
}

TEST_F(ReplayTest, TheNewestFrameOfEachFeedIsGivenToBeProved) {
  Write(1, 1, {});
  Write(1, 2, {});
  Write(2, 9, {{.actor = 3, .count = 1}});
  Replay(1);
  ASSERT_EQ(result_.newest.size(), 2U);
  EXPECT_EQ(result_.newest[0]->frame.header.number + result_.newest[1]->frame.header.number, 1U);
}

TEST_F(ReplayTest, OwnFramesOfAnotherSegmentStateWhatTheReplicaKnowsAgain) {
  base::ManualClock clock;
  ASSERT_TRUE(storage_.CreateDirectory("/0001").ok());
  const Dependencies known = {{2, {.actor = 2, .count = 7, .frame = {1}}}};
  Feed on_disk(storage_, "/0001", identity_.volume, 1, /*segment_bytes_max=*/600, FeedEnd{}, FeedIndex{});
  OwnFeed feed(identity_, clock, random_, Ed25519(), on_disk, {}, 1 << 20);
  for (std::uint64_t counter = 1; counter <= 6; ++counter) {
    std::vector<FrameHeader> written;
    ASSERT_TRUE(feed.Write(Batch(counter), {}, known, 0, 0, written).ok());
    ASSERT_EQ(written.size(), 1U);
    EXPECT_EQ(written.front().op_count, 1U);
  }
  auto reader = FeedReader::Open(storage_, "/0001", identity_.volume, 1).value();
  std::string last_segment;
  for (FeedItem item; reader->Next(item).value();) {
    const std::string segment = item.place.substr(0, item.place.find(' '));
    EXPECT_EQ(item.frame.header.dependencies.size(), segment != last_segment ? 1U : 0U) << item.place;
    last_segment = segment;
  }
  EXPECT_EQ(reader->dependencies(), known);
}

}  // namespace
}  // namespace copse::replica
