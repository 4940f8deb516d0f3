#include <gtest/gtest.h>

#include <random>

#include "support.h"

// What a store looks like after the machine stopped at a bad moment, or the disk returned other bytes.

namespace copse::replica {
namespace {

using Keep = base::MemoryStorage::Keep;

/// A closed store whose feed has three frames of one batch each.
void MakeThreeFrames(Machine& machine) {
  auto store = machine.New();
  for (std::uint64_t counter = 1; counter <= 3; ++counter) {
    ASSERT_TRUE(store->Append(Batch(counter)).ok());
    ASSERT_TRUE(store->Sync().ok());
  }
}

void Truncate(Machine& machine, const std::string& path, std::uint64_t size) {
  auto file = machine.storage().Open(path, base::Storage::OpenMode::kReadWrite).value();
  ASSERT_TRUE(file->Truncate(size).ok());
}

/// As long as `seed`, and not to be compressed.
std::string Scrambled(const std::string& seed) {
  std::mt19937_64 random(static_cast<unsigned char>(seed.front()));
  std::string bytes = seed;
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST(StoreCrashTest, ARecordTornAtAnyByteIsCutAndTheFeedGoesOn) {
  Machine reference;
  MakeThreeFrames(reference);
  const std::uint64_t whole = reference.storage().Stat(Machine::kSegment)->size;
  const std::string bytes = reference.Read(Machine::kSegment);
  const std::uint64_t last = bytes.rfind("cprc");
  ASSERT_GT(last, 42U);
  const std::vector<crdt::Op> two = {Batch(1).front(), Batch(2).front()};
  for (std::uint64_t size = last; size < whole; ++size) {
    Machine machine;
    MakeThreeFrames(machine);
    Truncate(machine, Machine::kSegment, size);
    Replayed replayed;
    auto store = machine.Open(&replayed);
    ASSERT_TRUE(store.ok()) << size << ": " << store.status();
    EXPECT_EQ(replayed.ops, two) << size;
    EXPECT_EQ(machine.storage().Stat(Machine::kSegment)->size, last);
    ASSERT_TRUE((*store)->Append(Batch(9)).ok());
    ASSERT_TRUE((*store)->Sync().ok());
    machine.storage().Crash(Keep::kNothing);
    EXPECT_EQ(machine.Reopened()->size(), 3U) << size;
  }
}

TEST(StoreCrashTest, DamageBeforeAValidRecordIsRefusedWithItsPlaceAndNothingIsChanged) {
  Machine machine;
  MakeThreeFrames(machine);
  const std::string bytes = machine.Read(Machine::kSegment);
  const std::uint64_t last = bytes.rfind("cprc");
  for (std::uint64_t offset = 0; offset < last; offset += 7) {
    machine.storage().FlipBit(Machine::kSegment, offset, 3);
    const auto before = machine.Image();
    const absl::Status status = machine.Open().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << offset << ": " << status;
    EXPECT_NE(status.message().find(Machine::kSegment), absl::string_view::npos) << status;
    EXPECT_EQ(machine.Image(), before) << offset;
    machine.storage().FlipBit(Machine::kSegment, offset, 3);
  }
  EXPECT_EQ(machine.Reopened()->size(), 3U);
}

TEST(StoreCrashTest, AMissingSegmentIsRefused) {
  Machine machine;
  machine.options().segment_bytes_max = 1;
  MakeThreeFrames(machine);
  const std::vector<std::string> segments = machine.Files(Machine::kFeed);
  ASSERT_EQ(segments.size(), 3U);
  ASSERT_TRUE(machine.storage().Remove(segments[1]).ok());
  EXPECT_TRUE(absl::IsDataLoss(machine.Open().status()));
}

TEST(StoreCrashTest, AMissingPackIsRefused) {
  Machine machine;
  machine.options().pack_bytes_max = 1;
  {
    auto store = machine.New();
    for (const char* chunk : {"one", "two", "three"}) ASSERT_TRUE(store->Put(chunk).ok());
  }
  ASSERT_EQ(machine.Files("/store/chunks").size(), 3U);
  ASSERT_TRUE(machine.storage().Remove("/store/chunks/00000001.pack").ok());
  EXPECT_TRUE(absl::IsDataLoss(machine.Open().status()));
}

TEST(StoreCrashTest, AStoreWithoutOneOfItsPartsIsDamagedRatherThanAbsent) {
  for (const char* part : {"/store/identity", "/store/feeds", "/store/feeds/0001", "/store/chunks"}) {
    Machine machine;
    MakeThreeFrames(machine);
    ASSERT_TRUE(machine.storage().Rename(part, "/elsewhere").ok());
    const absl::Status status = machine.Open().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_NE(status.message().find(part), absl::string_view::npos) << status;
  }
}

TEST(StoreCrashTest, AStoreThatWasHalfMadeIsFinishedByTheNextCreate) {
  bool was_finished = false;
  for (std::uint64_t changes = 0; !was_finished; ++changes) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      Machine machine;
      machine.storage().CutPowerAfter(changes);
      was_finished = machine.Create().ok() && !machine.storage().power_is_cut();
      machine.storage().Crash(seed == 0 ? Keep::kNothing : Keep::kRandom, seed);
      if (absl::IsNotFound(machine.Open().status())) {
        const absl::Status created = machine.Create();
        ASSERT_TRUE(created.ok()) << changes << " " << seed << ": " << created;
      }
      const auto store = machine.Open();
      ASSERT_TRUE(store.ok()) << changes << " " << seed << ": " << store.status();
    }
    ASSERT_LT(changes, 100U);
  }
}

TEST(StoreCrashTest, AnIndexIsNeverLeftBehindChunksThatWereTorn) {
  bool is_done = false;
  for (std::uint64_t changes = 0; !is_done; ++changes) {
    for (std::uint64_t seed = 0; seed < 32; ++seed) {
      Machine machine;
      machine.options().pack_bytes_max = 3000;
      const std::vector<std::string> contents = {std::string(2000, 'a'), std::string(2000, 'b'), std::string(10, 'c')};
      auto store = machine.New();
      machine.storage().CutPowerAfter(changes);
      for (const std::string& content : contents) store->Put(Scrambled(content)).IgnoreError();  // The third closes.
      is_done = !machine.storage().power_is_cut();
      machine.storage().CutPowerAfter(0);
      store.reset();
      machine.storage().Crash(Keep::kRandom, seed);
      auto reopened = machine.Open();
      ASSERT_TRUE(reopened.ok()) << reopened.status();
      for (const std::string& content : contents) {
        const auto chunk = (*reopened)->Put(Scrambled(content));
        ASSERT_TRUE(chunk.ok()) << chunk.status();
        EXPECT_TRUE((*reopened)->Get(*chunk).value_or("damaged") == Scrambled(content)) << changes << " " << seed;
      }
      EXPECT_EQ((*reopened)->Verify()->problems, std::vector<std::string>()) << changes << " " << seed;
    }
    ASSERT_LT(changes, 100U);
  }
}

/// What one run had done when the power was cut.
struct Story {
  std::vector<crdt::Op> appended;
  std::size_t durable = 0;  // Of these, covered by a Sync that returned OK.
  std::vector<std::pair<base::ChunkRef, std::string>> chunks;
  std::size_t durable_chunks = 0;
};

/// Appends, puts and syncs at random until the power is cut.
void Work(Machine& machine, Store& store, std::mt19937_64& random, Story& story) {
  while (!machine.storage().power_is_cut()) {
    if (random() % 3 == 0) {
      const std::string content = "chunk " + std::to_string(random()) + std::string(random() % 3000, 'c');
      const auto chunk = store.Put(content);
      if (chunk.ok()) story.chunks.emplace_back(*chunk, content);
    }
    const auto batch = Batch(story.appended.size() + 1, 1 + random() % 4, 1, random() % 300);
    if (store.Append(batch).ok()) story.appended.insert(story.appended.end(), batch.begin(), batch.end());
    if (random() % 3 == 0 && store.Sync().ok()) {
      story.durable = story.appended.size();
      story.durable_chunks = story.chunks.size();
    }
  }
}

/// Opens after a crash; checks that what was durable is there, and takes what else survived as appended.
void Reopen(Machine& machine, Story& story, std::unique_ptr<Store>& store) {
  Replayed replayed;
  auto opened = machine.Open(&replayed);
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_GE(replayed.ops.size(), story.durable);
  ASSERT_LE(replayed.ops.size(), story.appended.size());
  story.appended.resize(replayed.ops.size());
  ASSERT_EQ(replayed.ops, story.appended);
  ASSERT_TRUE(replayed.ops.empty() || replayed.ops.back().ends_batch);
  story.durable = story.appended.size();
  store = *std::move(opened);
  std::vector<std::pair<base::ChunkRef, std::string>> survivors;
  for (std::size_t i = 0; i < story.chunks.size(); ++i) {
    const auto content = store->Get(story.chunks[i].first);
    ASSERT_TRUE(content.ok() || (i >= story.durable_chunks && absl::IsNotFound(content.status()))) << content.status();
    if (content.ok()) {
      ASSERT_EQ(*content, story.chunks[i].second);
      survivors.push_back(story.chunks[i]);
    }
  }
  story.chunks = std::move(survivors);
  story.durable_chunks = story.chunks.size();
  const auto verification = store->Verify();
  ASSERT_TRUE(verification.ok()) << verification.status();
  ASSERT_TRUE(verification->problems.empty()) << verification->problems.front();
}

class StoreCrashSeedTest : public testing::TestWithParam<int> {};

TEST_P(StoreCrashSeedTest, AfterAPowerCutAtAnyPointAllThatWasSyncedIsThereInWholeBatches) {
  for (std::uint64_t run = 0; run < 25; ++run) {
    const std::uint64_t seed = static_cast<std::uint64_t>(GetParam()) * 1000 + run;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    Machine machine(seed);
    machine.options().segment_bytes_max = 1500;
    machine.options().pack_bytes_max = 4000;
    machine.options().frame_bytes_max = 2000;
    ASSERT_TRUE(machine.Create().ok());
    Story story;
    std::unique_ptr<Store> store;
    Reopen(machine, story, store);
    for (int cut = 0; cut < 4 && !HasFatalFailure(); ++cut) {
      machine.storage().CutPowerAfter(1 + random() % 40);
      Work(machine, *store, random, story);
      store.reset();
      const Keep keep = cut == 3 ? Keep::kNothing : cut == 2 ? Keep::kEverything : Keep::kRandom;
      machine.storage().Crash(keep, random());
      Reopen(machine, story, store);
    }
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, StoreCrashSeedTest, testing::Range(0, 8));

}  // namespace
}  // namespace copse::replica
