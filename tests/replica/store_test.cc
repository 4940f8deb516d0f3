#include <copse/base/posix_storage.h>
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "support.h"
#include "support/temporary_directory.h"

namespace copse::replica {
namespace {

using Keep = base::MemoryStorage::Keep;

std::vector<crdt::Op> Joined(std::initializer_list<std::vector<crdt::Op>> batches) {
  std::vector<crdt::Op> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

class StoreTest : public testing::Test {
 protected:
  Machine machine_;
};

TEST_F(StoreTest, OpeningReplaysTheOpsInOrderWithActorAndNumber) {
  auto store = machine_.New();
  ASSERT_TRUE(store->Append(Batch(1)).ok());
  ASSERT_TRUE(store->Sync().ok());
  ASSERT_TRUE(store->Append(Batch(2, 3)).ok());
  ASSERT_TRUE(store->Append(Batch(5)).ok());
  store.reset();
  Replayed replayed;
  ASSERT_TRUE(machine_.Open(&replayed).ok());
  EXPECT_EQ(replayed.ops, Joined({Batch(1), Batch(2, 3), Batch(5)}));
  ASSERT_EQ(replayed.frames.size(), 2U);
  EXPECT_EQ(replayed.frames[0].actor, 1);
  EXPECT_EQ(replayed.frames[0].first, 0U);
  EXPECT_EQ(replayed.frames[1].first, 1U);
  EXPECT_EQ(replayed.frames[1].count, 4U);
}

TEST_F(StoreTest, OpsAppendedBetweenTwoSyncsShareOneFrameAndOneFsync) {
  auto store = machine_.New();
  ASSERT_TRUE(store->Append(Batch(1)).ok());
  ASSERT_TRUE(store->Sync().ok());
  const std::uint64_t before = machine_.storage().counts().file_syncs;
  for (std::uint64_t counter = 2; counter < 102; ++counter) ASSERT_TRUE(store->Append(Batch(counter)).ok());
  ASSERT_TRUE(store->Sync().ok());
  EXPECT_EQ(machine_.storage().counts().file_syncs, before + 1);
  EXPECT_EQ(store->usage().frames, 2U);
  EXPECT_EQ(store->usage().durable_ops, 101U);
}

TEST_F(StoreTest, SyncingWithNothingToSyncDoesNotTouchTheDisk) {
  auto store = machine_.New();
  ASSERT_TRUE(store->Append(Batch(1)).ok());
  ASSERT_TRUE(store->Put("chunk").ok());
  ASSERT_TRUE(store->Sync().ok());
  machine_.storage().CutPowerAfter(0);
  EXPECT_TRUE(store->Sync().ok());
}

TEST_F(StoreTest, AnOpIsDurableOneSyncDelayAfterItWasAppendedWithoutAnyonesSync) {
  auto store = machine_.New();
  ASSERT_TRUE(store->Append(Batch(1)).ok());
  machine_.clock().Advance(std::chrono::milliseconds(999));
  machine_.executor().RunDue();
  EXPECT_EQ(store->usage().durable_ops, 0U);
  machine_.clock().Advance(std::chrono::milliseconds(1));
  machine_.executor().RunDue();
  EXPECT_EQ(store->usage().durable_ops, 1U);
  machine_.storage().Crash(Keep::kNothing);
  EXPECT_EQ(machine_.Reopened().value(), Batch(1));
}

TEST_F(StoreTest, BatchesAreNotDividedBetweenFrames) {
  machine_.options().frame_bytes_max = 400;
  auto store = machine_.New();
  for (std::uint64_t counter = 1; counter < 40; counter += 3) ASSERT_TRUE(store->Append(Batch(counter, 3)).ok());
  ASSERT_TRUE(store->Append(Batch(40, 20)).ok());  // Alone longer than a frame.
  store.reset();
  Replayed replayed;
  ASSERT_TRUE(machine_.Open(&replayed).ok());
  ASSERT_GT(replayed.frames.size(), 2U);
  for (const Replayed::Frame& frame : replayed.frames) {
    EXPECT_TRUE(replayed.ops[frame.first + frame.count - 1].ends_batch);
  }
  EXPECT_EQ(replayed.ops.size(), 39U + 20U);
}

TEST_F(StoreTest, AFeedOfManySegmentsReplaysWhole) {
  machine_.options().segment_bytes_max = 600;
  auto store = machine_.New();
  std::vector<crdt::Op> expected;
  for (std::uint64_t counter = 1; counter <= 20; ++counter) {
    ASSERT_TRUE(store->Append(Batch(counter)).ok());
    ASSERT_TRUE(store->Sync().ok());
    expected.push_back(Batch(counter).front());
    if (counter == 10) {
      store.reset();
      store = machine_.Open().value();
    }
  }
  store.reset();
  EXPECT_GT(machine_.Files(Machine::kFeed).size(), 5U);
  EXPECT_EQ(machine_.Reopened().value(), expected);
}

TEST_F(StoreTest, ManyThreadsThatSyncShareFsyncsAndFindTheirOpsDurable) {
  auto store = machine_.New();
  std::mutex mutex;  // As the tree does: times are handed out and appended in one order.
  std::uint64_t counter = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        std::uint64_t mine = 0;
        {
          const std::lock_guard lock(mutex);
          mine = ++counter;
          EXPECT_TRUE(store->Append(Batch(mine)).ok());
        }
        EXPECT_TRUE(store->Sync().ok());
        EXPECT_GE(store->usage().durable_ops, mine);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  machine_.storage().Crash(Keep::kNothing);
  EXPECT_EQ(machine_.Reopened()->size(), 200U);
}

TEST_F(StoreTest, AFailedFsyncMakesTheStoreReadOnlyForGood) {
  auto store = machine_.New();
  const auto chunk = store->Put("kept");
  ASSERT_TRUE(store->Append(Batch(1)).ok());
  ASSERT_TRUE(store->Sync().ok());
  ASSERT_TRUE(store->Append(Batch(2)).ok());
  machine_.storage().FailSync(1);
  const absl::Status failed = store->Sync();
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(store->Sync(), failed);
  EXPECT_TRUE(absl::IsFailedPrecondition(store->Append(Batch(3))));
  EXPECT_TRUE(absl::IsFailedPrecondition(store->Put("new").status()));
  EXPECT_EQ(store->Get(*chunk).value(), "kept");
  EXPECT_TRUE(store->usage().read_only);
  EXPECT_NE(store->usage().last_error.find("Input/output error"), std::string::npos) << store->usage().last_error;
  store.reset();
  machine_.storage().Crash(Keep::kNothing);
  EXPECT_EQ(machine_.Reopened().value(), Batch(1));
}

TEST_F(StoreTest, WhatASyncFailedToWriteAndANextProcessFindsIsDurableFromThenOn) {
  // The first sync that fails is that of the segment, of the pack, of a record of either, ...
  for (std::uint64_t failing = 1; failing <= 8; ++failing) {
    SCOPED_TRACE(failing);
    Machine machine;
    auto store = machine.New();
    machine.storage().FailSync(failing);
    std::optional<base::ChunkRef> chunk;
    for (std::uint64_t counter = 1; counter <= 4; ++counter) {
      if (const auto put = store->Put("chunk " + std::to_string(counter)); put.ok()) chunk = *put;
      (void)store->Append(Batch(counter));
      (void)store->Sync();
    }
    store.reset();
    // The machine goes on: what the disk never got is still read from its caches.
    Replayed replayed;
    store = machine.Open(&replayed).value();
    const bool has_chunk = chunk && store->Get(*chunk).ok();
    store.reset();
    machine.storage().Crash(Keep::kNothing);
    Replayed after;
    store = machine.Open(&after).value();
    EXPECT_EQ(after.ops, replayed.ops);
    EXPECT_TRUE(store->Verify()->problems.empty());
    EXPECT_EQ(has_chunk, chunk && store->Get(*chunk).ok());
  }
}

TEST_F(StoreTest, AFailedWriteMakesTheStoreReadOnly) {
  auto store = machine_.New();
  ASSERT_TRUE(store->Append(Batch(1)).ok());
  machine_.storage().FailWrite(1);
  EXPECT_FALSE(store->Sync().ok());
  EXPECT_TRUE(store->usage().read_only);
}

TEST_F(StoreTest, OpsAppendedOnAFullDiskBecomeDurableOnceThereIsSpace) {
  auto store = machine_.New();
  ASSERT_TRUE(store->Append(Batch(1)).ok());
  ASSERT_TRUE(store->Sync().ok());
  const std::string before = machine_.Read(Machine::kSegment);
  ASSERT_TRUE(store->Append(Batch(2, 200, 1, 100)).ok());
  machine_.storage().SetFreeBytes(4096);
  const absl::Status full = store->Sync();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(machine_.Read(Machine::kSegment), before) << "what fitted was cut off again";
  EXPECT_FALSE(store->usage().read_only);
  EXPECT_FALSE(store->usage().last_error.empty());
  ASSERT_TRUE(store->Append(Batch(202)).ok());
  machine_.storage().SetFreeBytes(1 << 20);
  EXPECT_TRUE(store->Sync().ok());
  EXPECT_EQ(store->usage().last_error, "");
  machine_.storage().Crash(Keep::kNothing);
  EXPECT_EQ(machine_.Reopened().value(), Joined({Batch(1), Batch(2, 200, 1, 100), Batch(202)}));
}

TEST_F(StoreTest, TheDelayedSyncTriesAgainWhileTheDiskIsFull) {
  auto store = machine_.New();
  ASSERT_TRUE(store->Append(Batch(1)).ok());
  machine_.storage().SetFreeBytes(0);
  machine_.clock().Advance(std::chrono::seconds(1));
  machine_.executor().RunDue();
  EXPECT_EQ(store->usage().durable_ops, 0U);
  machine_.storage().SetFreeBytes(1 << 20);
  machine_.clock().Advance(std::chrono::seconds(1));
  machine_.executor().RunDue();
  EXPECT_EQ(store->usage().durable_ops, 1U);
}

TEST_F(StoreTest, APutOnAFullDiskChangesNothingAndWorksLater) {
  auto store = machine_.New();
  base::SeededRandom random(9);
  const std::string big = random.Bytes(50'000);
  const auto small = store->Put("small");
  machine_.storage().SetFreeBytes(4096);
  EXPECT_TRUE(absl::IsResourceExhausted(store->Put(big).status()));
  machine_.storage().SetFreeBytes(1 << 20);
  const auto chunk = store->Put(big);
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  ASSERT_TRUE(store->Sync().ok());
  store.reset();
  store = machine_.Open().value();
  EXPECT_EQ(store->Get(*small).value(), "small");
  EXPECT_EQ(store->Get(*chunk).value(), big);
}

TEST_F(StoreTest, WhatWantsDescriptorsChangesNothingAndWorksLater) {
  auto store = machine_.New();
  ASSERT_TRUE(store->Append(Batch(1)).ok());
  machine_.storage().SetHasDescriptors(false);
  EXPECT_TRUE(absl::IsUnavailable(store->Put("chunk").status()));
  EXPECT_TRUE(absl::IsUnavailable(store->Sync()));
  EXPECT_FALSE(store->usage().read_only);
  machine_.storage().SetHasDescriptors(true);
  const auto chunk = store->Put("chunk");
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  ASSERT_TRUE(store->Sync().ok());
  machine_.storage().Crash(Keep::kNothing);
  EXPECT_EQ(machine_.Reopened().value(), Batch(1));
}

TEST_F(StoreTest, ASecondProcessIsToldThatTheStoreIsInUse) {
  auto store = machine_.New();
  const absl::Status second = machine_.Open().status();
  EXPECT_TRUE(absl::IsUnavailable(second)) << second;
  store.reset();
  EXPECT_TRUE(machine_.Open().ok());
}

TEST_F(StoreTest, AnotherFormatIsRefusedWithItsNumberAndPath) {
  machine_.New().reset();
  ASSERT_TRUE(base::ReplaceFile(machine_.storage(), "/store/format", "copse store\nformat 7\nanything").ok());
  const absl::Status status = machine_.Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(std::string(status.message()),
            "store format 7 at /store: this copse reads format 2; use a matching version");
}

TEST_F(StoreTest, AStoreOfAnotherUserIsRefused) {
  machine_.New().reset();
  machine_.storage().SetOwner("/store", geteuid() + 1);
  EXPECT_TRUE(absl::IsPermissionDenied(machine_.Open().status()));
}

TEST_F(StoreTest, AnIdentityThatOthersMayReadIsRefused) {
  machine_.New().reset();
  machine_.storage().SetPermissions("/store/identity", 0644);
  EXPECT_TRUE(absl::IsPermissionDenied(machine_.Open().status()));
}

TEST_F(StoreTest, WhereThereIsNoStoreOpeningSaysHowToMakeOne) {
  const absl::Status missing = machine_.Open().status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_NE(missing.message().find("copse init /store"), absl::string_view::npos);
  ASSERT_TRUE(machine_.storage().CreateDirectory("/store").ok());
  EXPECT_TRUE(absl::IsNotFound(machine_.Open().status()));
}

TEST_F(StoreTest, CreatingRefusesAWrongLabelAStoreAndADirectoryWithOtherThings) {
  EXPECT_TRUE(absl::IsInvalidArgument(Store::Create(machine_.environment(), "/store", "My Laptop")));
  EXPECT_FALSE(machine_.storage().Stat("/store").ok());
  ASSERT_TRUE(machine_.Create().ok());
  EXPECT_TRUE(absl::IsAlreadyExists(machine_.Create()));
  ASSERT_TRUE(machine_.storage().CreateDirectory("/other").ok());
  ASSERT_TRUE(machine_.storage().Open("/other/photo.jpg", base::Storage::OpenMode::kCreate).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Store::Create(machine_.environment(), "/other", "laptop")));
}

TEST_F(StoreTest, CreatingInAnEmptyDirectoryWorks) {
  ASSERT_TRUE(machine_.storage().CreateDirectory("/store").ok());
  EXPECT_TRUE(machine_.Create().ok());
  EXPECT_TRUE(machine_.Open().ok());
}

TEST_F(StoreTest, AChunkComesBackAndIsStoredOnceHoweverOftenItIsPut) {
  auto store = machine_.New();
  const auto one = store->Put("the same bytes");
  const std::uint64_t bytes = store->usage().chunk_bytes;
  const auto two = store->Put("the same bytes");
  EXPECT_EQ(*one, *two);
  EXPECT_EQ(store->usage().chunk_bytes, bytes);
  EXPECT_EQ(store->usage().chunks, 1U);
  EXPECT_EQ(store->Get(*one).value(), "the same bytes");
  EXPECT_TRUE(absl::IsNotFound(store->Get(base::ChunkRef{}).status()));
}

TEST_F(StoreTest, TextIsCompressedAndNoiseIsNot) {
  auto store = machine_.New();
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "line " + std::to_string(i) + "\n";
  const auto compressed = store->Put(text);
  EXPECT_LT(store->usage().chunk_bytes, text.size() / 2);
  EXPECT_EQ(store->Get(*compressed).value(), text);
  const std::uint64_t before = store->usage().chunk_bytes;
  base::SeededRandom random(3);
  const std::string noise = random.Bytes(base::ContentStore::kChunkBytesMax);
  const auto stored = store->Put(noise);
  EXPECT_LT(store->usage().chunk_bytes, before + noise.size() + 200);
  EXPECT_EQ(store->Get(*stored).value(), noise);
}

TEST_F(StoreTest, ADamagedChunkIsDataLossThatNamesFileAndOffset) {
  auto store = machine_.New();
  const auto chunk = store->Put("some bytes");
  const std::uint64_t size = machine_.storage().Stat(Machine::kPack)->size;
  machine_.storage().FlipBit(Machine::kPack, size - 1, 0);
  const absl::Status status = store->Get(*chunk).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find(Machine::kPack + " offset 32"), absl::string_view::npos) << status;
}

TEST_F(StoreTest, ARefThatIsWrongInAnyFieldDoesNotOpenTheChunk) {
  auto store = machine_.New();
  const base::ChunkRef right = store->Put("some bytes").value();
  for (int field = 0; field < 4; ++field) {
    base::ChunkRef wrong = right;
    if (field == 0) wrong.sealed_hash[0] ^= 1;
    if (field == 1) wrong.plain_hash[0] ^= 1;
    if (field == 2) ++wrong.plain_length;
    if (field == 3) ++wrong.epoch;
    EXPECT_TRUE(absl::IsDataLoss(store->Get(wrong).status())) << field;
  }
}

TEST_F(StoreTest, AChunkIsDurableBeforeTheFrameThatMayNameIt) {
  // The power is cut after each change that the sync makes in turn: where the op is there, so is its chunk.
  bool op_was_missing = false;
  bool op_was_there = false;
  for (std::uint64_t changes = 0; changes < 12; ++changes) {
    Machine machine;
    auto store = machine.New();
    const base::ChunkRef chunk = store->Put("content").value();
    ASSERT_TRUE(store->Append(Batch(1)).ok());
    machine.storage().CutPowerAfter(changes);
    store->Sync().IgnoreError();
    machine.storage().Crash(Keep::kNothing);
    Replayed replayed;
    auto reopened = machine.Open(&replayed);
    ASSERT_TRUE(reopened.ok()) << reopened.status();
    (replayed.ops.empty() ? op_was_missing : op_was_there) = true;
    if (!replayed.ops.empty()) {
      EXPECT_EQ((*reopened)->Get(chunk).value(), "content");
    }
  }
  EXPECT_TRUE(op_was_missing);
  EXPECT_TRUE(op_was_there);
}

TEST(PosixStoreTest, AStoreOnARealDiskKeepsItsOpsAndChunks) {
  const test::TemporaryDirectory directory;
  {
    base::PosixStorage storage;
    base::SystemClock clock;
    base::SystemRandom random;
    base::ThreadExecutor executor;
    const Store::Environment environment{storage, clock, random, executor};
    const std::string path = directory.path() / "store";
    ASSERT_TRUE(Store::Create(environment, path, "laptop").ok());
    Replayed replayed;
    auto store = Store::Open(environment, path, {}, replayed.replayer()).value();
    const base::ChunkRef chunk = store->Put("content").value();
    ASSERT_TRUE(store->Append(Batch(1, 3)).ok());
    EXPECT_TRUE(absl::IsUnavailable(Store::Open(environment, path, {}, replayed.replayer()).status()));
    store.reset();
    store = Store::Open(environment, path, {}, replayed.replayer()).value();
    EXPECT_EQ(replayed.ops, Batch(1, 3));
    EXPECT_EQ(store->Get(chunk).value(), "content");
    EXPECT_TRUE(store->Verify()->problems.empty());
    EXPECT_EQ(storage.Stat(path)->permissions, 0700U);
  }
}

}  // namespace
}  // namespace copse::replica
