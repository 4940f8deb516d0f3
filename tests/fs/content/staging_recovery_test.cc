#include <copse/base/hash.h>
#include <copse/crdt/bytes.h>
#include <copse/fs/staged_file.h>

#include <functional>
#include <optional>

#include "content/manifest_writer.h"
#include "content/staging_log.h"
#include "fs/content/content_fixture.h"

namespace copse::fs {
namespace {

using Keep = base::MemoryStorage::Keep;

struct Outcome {
  std::vector<StagingArea::Recovered> recovered;
  std::vector<std::string> left;
};

Outcome Recover(ContentWorld& world, bool is_file = true) {
  Outcome outcome;
  outcome.recovered = Must(world.area->Recover([&](NodeId) { return is_file; }, outcome.left));
  return outcome;
}

/// Crashes and starts again. Files of before must be gone.
void Restart(ContentWorld& world, Keep keep = Keep::kNothing, std::uint64_t seed = 0) {
  world.storage.Crash(keep, seed);
  world.Start();
}

std::string ReadDisk(ContentWorld& world, const std::string& path) {
  return Must(base::ReadWholeFile(world.storage, path));
}

TEST(StagingTest, ASmallFileTouchesNoDiskUntilPersist) {
  ContentWorld world;
  const auto before = world.storage.counts();
  const auto file = world.Open();
  Must(file->Write(0, RandomBytes(1, 4096), 1));
  Must(file->Rebase(Must(file->Publish()), {}));
  EXPECT_EQ(world.storage.counts().writes, before.writes);
  EXPECT_EQ(world.storage.counts().directory_syncs, before.directory_syncs);
  EXPECT_TRUE(world.Names().empty());
}

TEST(StagingTest, MuchWrittenGoesToAFileAtTheSameOffsetsThatVanishesWithTheStagedFile) {
  ContentWorld world({16 * kKiB, kMiB});
  auto file = world.Open();
  Must(file->Write(100'000, RandomBytes(1, 10'000), 1));
  EXPECT_TRUE(world.Names().empty());
  Must(file->Write(200'000, RandomBytes(2, 10'000), 2));
  EXPECT_EQ(world.Names(), std::vector<std::string>{"000700000000002a.data"});
  EXPECT_EQ(ReadDisk(world, "/staging/000700000000002a.data").substr(200'000), RandomBytes(2, 10'000));
  file.reset();
  EXPECT_TRUE(world.Names().empty());
}

TEST(StagingTest, OverwritingWhatIsPersistedSyncsTheBytesAndNotTheLog) {
  ContentWorld world;
  const auto file = world.Open();
  Must(file->Write(0, std::string(8192, 'a'), 1));
  Must(file->Persist());
  const auto syncs = world.storage.counts().file_syncs;
  Must(file->Write(4096, std::string(100, 'b'), 2));
  Must(file->Persist());
  EXPECT_EQ(world.storage.counts().file_syncs, syncs + 1);
  Must(file->Persist());
  EXPECT_EQ(world.storage.counts().file_syncs, syncs + 1);
  Must(file->Write(8192, "c", 2));
  Must(file->Persist());
  EXPECT_EQ(world.storage.counts().file_syncs, syncs + 3);
}

TEST(StagingTest, WhatWasPersistedIsRecoveredWithItsTimeAndMode) {
  ContentWorld world;
  const Manifest base = world.Version(RandomBytes(1, 100'000), true);
  auto file = world.Open(base, true);
  Must(file->Write(50'000, "new", 77));
  Must(file->Truncate(60'000, 78));
  Must(file->Persist());
  const std::string bytes = ReadAll(*file);
  file.reset();
  Restart(world);
  Outcome outcome = Recover(world);
  ASSERT_EQ(outcome.recovered.size(), 1U);
  const StagedFile& recovered = *outcome.recovered[0].file;
  EXPECT_EQ(outcome.recovered[0].node, kNode);
  EXPECT_EQ(ReadAll(recovered), bytes);
  EXPECT_EQ(recovered.mtime(), 78);
  EXPECT_TRUE(recovered.dirty());
  EXPECT_TRUE(Must(outcome.recovered[0].file->Publish()).fixed_chunks);
  EXPECT_EQ(recovered.base_heads(), (std::vector{crdt::Timestamp::Of(1, 7)}));
}

TEST(StagingTest, AStagingWhoseFileIsUnknownStaysAndIsNeverWrittenOver) {
  ContentWorld world;
  auto file = world.Open();
  Must(file->Write(0, "first", 1));
  Must(file->Persist());
  file.reset();
  Restart(world);
  const Outcome outcome = Recover(world, false);
  EXPECT_TRUE(outcome.recovered.empty());
  EXPECT_EQ(outcome.left, std::vector<std::string>{"/staging/000700000000002a.extents: its file is not known here"});

  file = world.Open();
  Must(file->Write(0, "second", 2));
  Must(file->Persist());
  EXPECT_EQ(world.Names().size(), 4U);
  Must(file->Discard());
  file.reset();
  Restart(world);
  const Outcome again = Recover(world);
  ASSERT_EQ(again.recovered.size(), 1U);
  EXPECT_EQ(ReadAll(*again.recovered[0].file), "first");
}

TEST(StagingTest, ATornLastChangeIsDroppedAndDamageBeforeAValidOneIsReported) {
  ContentWorld world;
  auto file = world.Open();
  const std::string log = "/staging/000700000000002a.extents";
  Must(file->Write(0, "one", 1));
  Must(file->Persist());
  const std::size_t after_one = ReadDisk(world, log).size();
  Must(file->Write(3, "two", 2));
  Must(file->Persist());
  file.reset();
  const std::string whole = ReadDisk(world, log);
  for (std::size_t size = after_one; size <= whole.size(); ++size) {
    const auto parsed = Must(ParseStagingLog(whole.substr(0, size)));
    EXPECT_EQ(parsed.sum.size, size < whole.size() ? 3U : 6U);
    EXPECT_EQ(parsed.valid_bytes, size < whole.size() ? after_one : whole.size());
  }
  for (std::size_t offset = 0; offset < after_one; ++offset) {
    std::string damaged = whole;
    damaged[offset] = static_cast<char>(damaged[offset] ^ 4);
    EXPECT_EQ(ParseStagingLog(damaged).status().code(), absl::StatusCode::kDataLoss) << offset;
  }
  world.storage.FlipBit(log, 20, 3);
  Restart(world);
  const Outcome outcome = Recover(world);
  EXPECT_TRUE(outcome.recovered.empty());
  ASSERT_EQ(outcome.left.size(), 1U);
  EXPECT_EQ(outcome.left[0].substr(0, log.size()), log);
  EXPECT_EQ(world.Names().size(), 2U);
}

TEST(StagingTest, AChangeThatNobodyWouldWriteIsRefused) {
  const auto parse = [](std::uint64_t size, std::uint64_t limit, const std::vector<std::uint64_t>& begins) {
    crdt::ByteWriter body;
    body.U8(2);
    body.U64(size);
    body.U64(limit);
    body.SignedVarint(0);
    body.Varint(begins.size());
    for (const std::uint64_t begin : begins) {
      body.U8(1);
      body.Varint(begin);
      body.Varint(10);
    }
    crdt::ByteWriter record;
    record.U32(static_cast<std::uint32_t>(body.size()));
    record.U32(base::Crc32c(body.bytes()));
    return ParseStagingLog(
               EncodeStagingHeader({NodeId{42}, InlineManifest(std::string(100, 'b'), 0, false), false, {}}) +
               record.bytes() + body.bytes())
        .status();
  };
  EXPECT_TRUE(parse(100, 100, {0, 20}).ok());
  EXPECT_TRUE(absl::IsDataLoss(parse(100, 101, {0, 20}))) << "the lowest size is above the size";
  EXPECT_TRUE(absl::IsDataLoss(parse(100, 100, {0, 9}))) << "ranges overlap";
  EXPECT_TRUE(absl::IsDataLoss(parse(100, 100, {20, 0}))) << "ranges descend";
  EXPECT_TRUE(absl::IsDataLoss(parse(100, 100, {91}))) << "a range ends behind the file";
}

TEST(StagingTest, TheExampleOfTheDocumentationIsWhatIsWritten) {
  ChangeSet changes(10);
  changes.Set(4096, 8192, RangeKind::kData);
  changes.Set(8192, 10'000, RangeKind::kHole);
  const std::string header =
      EncodeStagingHeader({kNode, InlineManifest("0123456789", 1, false), false, {crdt::Timestamp::Of(1, 7)}});
  const std::string change = EncodeStagingChange({10'000, 1, changes});
  EXPECT_EQ(
      base::Hex(header),
      "2d000000642cb70b01636f70736553544702002a000000000007000f0100000a023031323334353637383900010700010000000000");
  EXPECT_EQ(base::Hex(change), "1d0000009c1c33d80210270000000000000a0000000000000002020180208020028040900e");
  EXPECT_EQ(Must(ParseStagingLog(header + change)).sum.size, 10'000U);
}

// The life of a persisted file, cut at every change of the disk, with whatever the disk then keeps. `durable` is what
// the file held when Persist last returned, until Rebase is called: by then the op is durable, so both are right.
TEST(StagingTest, ACrashAtAnyMomentLeavesWhatPersistPromised) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (std::uint64_t cut = 0;; ++cut) {
      ContentWorld world({8 * kKiB, kMiB});
      std::string contents = RandomBytes(3, 40'000);
      std::optional<std::string> durable;
      std::optional<std::string> next;
      bool may_be_gone = true;
      const std::vector<crdt::Timestamp> first = {crdt::Timestamp::Of(1, 7)};
      const std::vector<crdt::Timestamp> second = {crdt::Timestamp::Of(2, 7)};
      const Manifest base = world.Version(contents);
      auto file = world.area->OpenFile(kNode, base, first, false);
      world.storage.CutPowerAfter(cut);
      const auto life = [&]() -> absl::Status {
        const auto persist = [&]() -> absl::Status {
          next = contents;
          absl::Status status = file->Persist();
          if (status.ok()) {
            durable = std::exchange(next, std::nullopt);
            may_be_gone = false;
          }
          return status;
        };
        const auto write = [&](std::size_t offset, const std::string& bytes) {
          if (offset + bytes.size() > contents.size()) contents.resize(offset + bytes.size());
          contents.replace(offset, bytes.size(), bytes);
          return file->Write(offset, bytes, 1);
        };
        absl::Status status = write(1'000, RandomBytes(4, 20'000));
        if (status.ok()) status = persist();
        if (status.ok()) status = write(45'000, "tail");
        if (status.ok()) status = persist();
        if (!status.ok()) return status;
        const auto version = file->Publish();
        if (!version.ok()) return version.status();
        if (seed % 2 == 0) status = write(60'000, "later");
        if (!status.ok()) return status;
        may_be_gone = true;
        next = contents;
        status = file->Rebase(*version, second);
        if (!status.ok()) return status;
        durable = std::exchange(next, std::nullopt);
        may_be_gone = seed % 2 != 0;
        return absl::OkStatus();
      };
      const bool survived = life().ok();
      file.reset();
      Restart(world, Keep::kRandom, seed * 1'000 + cut);
      std::vector<std::string> left;
      const auto recovered = Must(world.area->Recover([](NodeId) { return true; }, left));
      ASSERT_TRUE(left.empty()) << "cut " << cut << ": " << left[0];
      if (recovered.empty()) {
        ASSERT_TRUE(may_be_gone) << "cut " << cut << " seed " << seed;
        ASSERT_TRUE(world.Names().empty());
      } else {
        const std::string bytes = ReadAll(*recovered[0].file);
        ASSERT_TRUE(bytes == durable || bytes == next) << "cut " << cut << " seed " << seed;
      }
      if (survived) break;
    }
  }
}

TEST(StagingTest, TheVersionThatIsBeingMadeAnOpIsFoundByRecovery) {
  ContentWorld world;
  auto file = world.Open();
  Must(file->Write(0, "bytes", 1));
  Must(file->Persist());
  const Manifest version = Must(file->Publish());
  Must(file->Write(0, "later", 2));
  Must(file->Persist());
  file.reset();  // The op may be made, and the log is as before it.
  Restart(world);
  const Outcome outcome = Recover(world);
  ASSERT_EQ(outcome.recovered.size(), 1U);
  EXPECT_EQ(ReadAll(*outcome.recovered[0].file), "later");
  EXPECT_EQ(outcome.recovered[0].publications, std::vector{version.PlainRoot()});
}

TEST(StagingTest, AVersionMadeBeforeTheFirstPersistIsFoundByRecoveryToo) {
  ContentWorld world;
  auto file = world.Open();
  Must(file->Write(0, "bytes", 1));
  const Manifest version = Must(file->Publish());
  Must(file->Persist());
  file.reset();
  Restart(world);
  EXPECT_EQ(Recover(world).recovered.at(0).publications, std::vector{version.PlainRoot()});
}

TEST(StagingTest, SeveralStagingsOfOneNodeAreRecovered) {
  ContentWorld world;
  const std::vector<crdt::Timestamp> one = {crdt::Timestamp::Of(1, 7)};
  const std::vector<crdt::Timestamp> other = {crdt::Timestamp::Of(2, 8)};
  auto a = world.area->OpenFile(kNode, InlineManifest("a", 1, false), one, false);
  auto b = world.area->OpenFile(kNode, InlineManifest("b", 1, false), other, false);
  Must(a->Write(1, "1", 1));
  Must(b->Write(1, "2", 1));
  Must(a->Persist());
  Must(b->Persist());
  a.reset();
  b.reset();
  Restart(world);
  const Outcome outcome = Recover(world);
  ASSERT_EQ(outcome.recovered.size(), 2U);
  EXPECT_EQ(ReadAll(*outcome.recovered[0].file), "a1");
  EXPECT_EQ(outcome.recovered[0].file->base_heads(), one);
  EXPECT_EQ(ReadAll(*outcome.recovered[1].file), "b2");
  EXPECT_EQ(outcome.recovered[1].file->base_heads(), other);
}

TEST(StagingTest, ACleanFileFollowsAnotherVersionAndADirtyOneDoesNot) {
  ContentWorld world;
  auto file = world.Open(InlineManifest("old", 1, false));
  const std::vector<crdt::Timestamp> heads = {crdt::Timestamp::Of(5, 8)};
  EXPECT_TRUE(file->Follow(InlineManifest("new version", 2, false), heads));
  EXPECT_EQ(ReadAll(*file), "new version");
  EXPECT_EQ(file->base_heads(), heads);
  EXPECT_FALSE(file->dirty());
  Must(file->Write(0, "N", 3));
  EXPECT_FALSE(file->Follow(InlineManifest("third", 4, false), {}));
  EXPECT_EQ(ReadAll(*file), "New version");
  EXPECT_EQ(file->base_heads(), heads);
}

TEST(StagingTest, WhatIsReaddressedIsRecoveredForTheOtherNode) {
  ContentWorld world;
  const NodeId other = NodeId::Of(7, 50);
  const std::vector<crdt::Timestamp> heads = {crdt::Timestamp::Of(50, 7)};
  auto file = world.Open(InlineManifest("base", 1, false));
  Must(file->Write(4, "+", 2));
  Must(file->Persist());
  file->Readdress(other, heads);
  Must(file->Persist());
  file.reset();
  Restart(world);
  const Outcome outcome = Recover(world);
  ASSERT_EQ(outcome.recovered.size(), 1U);
  EXPECT_EQ(outcome.recovered[0].node, other);
  EXPECT_EQ(outcome.recovered[0].file->base_heads(), heads);
  EXPECT_EQ(ReadAll(*outcome.recovered[0].file), "base+");
}

TEST(StagingTest, AFailedSyncIsToldAndTheFileStaysReadable) {
  ContentWorld world;
  const auto file = world.Open();
  Must(file->Write(0, "bytes", 1));
  world.storage.FailSync(1);
  EXPECT_FALSE(file->Persist().ok());
  EXPECT_FALSE(file->persisted());
  EXPECT_EQ(ReadAll(*file), "bytes");
}

TEST(StagingTest, ALogWhoseRemovalWasNotSyncedAtOnceDoesNotComeBack) {
  ContentWorld world;
  const auto file = world.Open();
  Must(file->Write(0, "bytes", 1));
  Must(file->Persist());
  const Manifest published = Must(file->Publish());
  const std::vector<crdt::Timestamp> heads = {crdt::Timestamp::Of(2, 7)};
  world.storage.SetHasDescriptors(false);
  EXPECT_FALSE(file->Rebase(published, heads).ok());
  world.storage.SetHasDescriptors(true);
  Must(file->Rebase(published, heads));
  Restart(world);
  EXPECT_TRUE(Recover(world).recovered.empty());
}

std::unique_ptr<StagedFile> WithHalfWrittenLog(ContentWorld& world) {
  auto file = world.Open();
  Must(file->Write(0, "bytes", 1));
  world.storage.FailSync(3);  // That of the directory, after the bytes and the log.
  EXPECT_FALSE(file->Persist().ok());
  return file;
}

TEST(StagingTest, ALogThatWasWrittenHalfWayKnowsThePublicationThatFollows) {
  ContentWorld world;
  const auto file = WithHalfWrittenLog(world);
  const Manifest published = Must(file->Publish());
  Restart(world, Keep::kEverything);  // Its op may be durable.
  const Outcome outcome = Recover(world);
  ASSERT_EQ(outcome.recovered.size(), 1U);
  EXPECT_EQ(outcome.recovered[0].publications, std::vector{published.PlainRoot()});
}

TEST(StagingTest, ALogThatWasWrittenHalfWayGivesWayToWhatWasWrittenSince) {
  ContentWorld world;
  const auto file = WithHalfWrittenLog(world);
  const Manifest published = Must(file->Publish());
  Must(file->Write(5, " and more", 2));
  const std::vector<crdt::Timestamp> heads = {crdt::Timestamp::Of(2, 7)};
  Must(file->Rebase(published, heads));
  Restart(world, Keep::kEverything);
  const Outcome outcome = Recover(world);
  ASSERT_EQ(outcome.recovered.size(), 1U);
  EXPECT_EQ(outcome.recovered[0].file->base_heads(), heads);
  EXPECT_EQ(ReadAll(*outcome.recovered[0].file), "bytes and more");
}

TEST(StagingTest, AFullDiskFailsTheWriteAndKeepsWhatWasThere) {
  ContentWorld world({8 * kKiB, kMiB});
  const auto file = world.Open();
  const std::string bytes = RandomBytes(1, 8'000);
  Must(file->Write(0, bytes, 1));
  world.storage.SetFreeBytes(10'000);
  EXPECT_EQ(file->Write(8'000, RandomBytes(2, 50'000), 2).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadAll(*file), bytes);
  EXPECT_EQ(file->mtime(), 1);
}

}  // namespace
}  // namespace copse::fs
