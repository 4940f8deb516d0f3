// What a member can do to others who follows the formats and no rule besides.

#include "chunk_seal.h"
#include "store_exchange_fixture.h"

namespace copse::replica {
namespace {

class StoreHostileMemberTest : public StoreExchangeTest {
 protected:
  void SetUp() override {
    StoreExchangeTest::SetUp();
    Join(one_, three_, "phone");
    Send(one_, two_);
  }

  /// Lets `page` of each level, from 1 to `levels`, name the page below it `width` times, and that of level 1 a chunk.
  /// Returns the ids from the chunk up; an op at `counter` of the third member names the last.
  std::vector<base::Hash> NameDeepPages(std::uint64_t counter, std::uint8_t levels, std::size_t width) {
    std::vector<base::ChunkRef> chunks = {three_.store->Put("the bytes of the file").value()};
    for (std::uint8_t level = 1; level <= levels; ++level) {
      chunks.push_back(three_.store->Put("page " + std::to_string(level)).value());
    }
    for (Replica* replica : {&one_, &two_, &three_}) {
      replica->machine.options().namer.named_by_page = [chunks, width](std::uint8_t level, std::string_view plain) {
        EXPECT_EQ(plain, "page " + std::to_string(level));
        return std::vector<base::NamedContent>(width, {chunks[level - 1U], static_cast<std::uint8_t>(level - 1)});
      };
    }
    (*contents_)[crdt::Timestamp::Of(counter, three_.actor())] = {{chunks.back(), levels}};
    std::vector<base::Hash> ids;
    for (const base::ChunkRef& chunk : chunks) ids.push_back(chunk.id);
    return ids;
  }
  static void Reopen(Replica& replica) {
    replica.store.reset();
    replica.Open();
  }
  void Give(const base::Hash& id) { two_.side().OnChunk(id, three_.side().ReadChunk(id)); }
};

TEST_F(StoreHostileMemberTest, PagesThatNameOnePageManyTimesAreReadOnce) {
  const std::vector<base::Hash> ids = NameDeepPages(1, 8, 512);
  Reopen(two_);
  three_.Write(1);
  Send(three_, two_);
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    EXPECT_EQ(two_.store->MissingChunks(), std::vector{*id});
    EXPECT_TRUE(two_.Counters().empty());
    Give(*id);
  }
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1}));
  Reopen(two_);
  EXPECT_TRUE(two_.store->MissingChunks().empty());
  // And the same where all of it was here before it was named.
  (*contents_)[crdt::Timestamp::Of(2, three_.actor())] = contents_->begin()->second;
  three_.Write(2);
  Send(three_, two_);
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(StoreHostileMemberTest, APageThatSomebodyNamesAsBytesIsAPageToOthers) {
  const std::vector<base::Hash> ids = NameDeepPages(2, 1, 1);
  const std::vector<base::NamedContent> as_page = contents_->begin()->second;
  (*contents_)[crdt::Timestamp::Of(1, three_.actor())] = {{as_page.front().chunk, 0}};
  Reopen(two_);
  three_.Write(1);
  three_.Write(2);
  Send(three_, two_);
  EXPECT_EQ(two_.store->MissingChunks(), std::vector{ids[1]});
  Give(ids[1]);
  EXPECT_EQ(two_.store->MissingChunks(), std::vector{ids[0]});
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1}));
  Give(ids[0]);
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(StoreHostileMemberTest, AChunkLongerThanAnySealedOneIsNotStored) {
  const std::string sealed(kSealedChunkBytesMax + 1, 'x');
  base::NamedContent content;
  content.chunk.id = base::Sha256(sealed);
  content.chunk.plain_length = base::ContentStore::kChunkBytesMax;
  (*contents_)[crdt::Timestamp::Of(1, three_.actor())] = {content};
  three_.Write(1);
  Send(three_, two_);
  two_.side().OnChunk(content.chunk.id, sealed);
  EXPECT_EQ(two_.side().ChunksMissing(), 1U);
  Reopen(two_);
  EXPECT_EQ(two_.store->MissingChunks(), std::vector{content.chunk.id});
}

TEST_F(StoreHostileMemberTest, AFrameWhoseClockIsAheadOfWhatIsKnownWaitsAndIsAppliedWhereMoreIsKnown) {
  three_.Write(3);
  Send(three_, two_);
  EXPECT_TRUE(two_.Counters().empty());
  Reopen(two_);
  EXPECT_TRUE(two_.Counters().empty());
  one_.Write(1, 2);
  Send(one_, two_);
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_TRUE(two_.store->usage().refused_feeds.empty());
}

TEST_F(StoreHostileMemberTest, AFirstFrameThatIsNotLaterThanTheOneThatLetItsAuthorInIsRefused) {
  one_.Write(1, 5);
  Replica newcomer(4, contents_);
  Join(one_, newcomer, "tv");
  Send(one_, two_);
  newcomer.Write(5);
  const auto frames = newcomer.side().ReadFrames(newcomer.actor(), 0, 1 << 20).value();
  const absl::Status added = two_.side().AddFrames(newcomer.actor(), 0, frames);
  EXPECT_TRUE(absl::IsDataLoss(added)) << added;
  EXPECT_NE(added.message().find("clock runs backward"), std::string::npos) << added;
}

TEST_F(StoreHostileMemberTest, AnHonestNewcomersFirstFrameIsTakenWhateverItIs) {
  one_.Write(1, 5);
  Replica acknowledging(4, contents_);
  Join(one_, acknowledging, "tv");
  acknowledging.machine.clock().Advance(std::chrono::seconds(61));
  acknowledging.machine.executor().RunDue();
  Replica writing(5, contents_);
  Join(one_, writing, "watch");
  writing.Write(6);
  Send(one_, two_);
  for (Replica* newcomer : {&acknowledging, &writing}) {
    ASSERT_EQ(newcomer->store->frame_counts().at(newcomer->actor()), 1U);
    Send(*newcomer, two_);
  }
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
}

}  // namespace
}  // namespace copse::replica
