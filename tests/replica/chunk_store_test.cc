#include "chunk_store.h"

#include <copse/base/memory_storage.h>
#include <gtest/gtest.h>

#include "chunk_seal.h"

namespace copse::replica {
namespace {

using Keep = base::MemoryStorage::Keep;

constexpr VolumeId kVolume = {1, 2, 3};

class ChunkStoreTest : public testing::Test {
 protected:
  ChunkStoreTest() {
    EXPECT_TRUE(storage_.CreateDirectory("/chunks").ok());
    EXPECT_TRUE(storage_.SyncDirectory("/").ok());
  }

  absl::StatusOr<std::unique_ptr<ChunkStore>> Open(std::uint64_t pack_bytes_max = 1 << 20) {
    auto chunks = ChunkStore::Open(storage_, "/chunks", kVolume, pack_bytes_max);
    if (chunks.ok()) {
      EXPECT_TRUE((*chunks)->Repair().ok());
    }
    return chunks;
  }

  static base::Hash Add(ChunkStore& chunks, const std::string& sealed) {
    const base::Hash id = base::Sha256(sealed);
    const PackEntry entry{
        .id = id, .epoch = 1, .sealed_length = static_cast<std::uint32_t>(sealed.size()), .plain_length = 1};
    EXPECT_TRUE(chunks.Add(entry, sealed).ok());
    return id;
  }

  static std::string PackOf(const ChunkStore& chunks, const base::Hash& id) {
    const std::string place = chunks.PlaceOf(id);
    return place.substr(0, place.find(' '));
  }
  void FlipBitOf(ChunkStore& chunks, const base::Hash& id) {
    storage_.FlipBit(PackOf(chunks, id), chunks.EntryOf(id)->offset + kPackRecordHeaderBytes, 0);
  }

  std::size_t Packs() { return storage_.List("/chunks")->size(); }

  base::MemoryStorage storage_;
};

TEST_F(ChunkStoreTest, TheIndexOfClosedPacksAndAScanOfThemFindTheSame) {
  std::vector<std::string> sealed;
  {
    auto chunks = Open(3000).value();
    for (int i = 0; i < 30; ++i) {
      sealed.emplace_back().assign(500, static_cast<char>('A' + i));
      Add(*chunks, sealed.back());
    }
    ASSERT_TRUE(chunks->Close().ok());
  }
  ASSERT_GT(Packs(), 3U);
  const auto expect_all = [&](ChunkStore& chunks) {
    EXPECT_EQ(chunks.counts().chunks, sealed.size());
    for (const std::string& bytes : sealed) EXPECT_EQ(chunks.Read(base::Sha256(bytes)).value(), bytes);
  };
  expect_all(**Open(3000));
  const auto packs = storage_.List("/chunks").value();
  for (const auto& entry : packs) {  // The last byte of a pack is of its index's magic.
    const std::string path = "/chunks/" + entry.name;
    storage_.FlipBit(path, storage_.Stat(path)->size - 1, 0);
  }
  expect_all(**Open(3000));
}

TEST_F(ChunkStoreTest, WhatIsLongerThanAnySealedChunkIsRefusedAndTheLongestIsReadAgain) {
  auto chunks = Open().value();
  const std::string sealed(kSealedChunkBytesMax + 1, 'x');
  const PackEntry entry{.id = base::Sha256(sealed), .sealed_length = static_cast<std::uint32_t>(sealed.size())};
  EXPECT_TRUE(absl::IsInvalidArgument(chunks->Add(entry, sealed).status()));
  const base::Hash longest = Add(*chunks, sealed.substr(1));
  ASSERT_TRUE(chunks->Sync().ok());
  auto reopened = Open();
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  EXPECT_EQ((*reopened)->counts().chunks, 1U);
  EXPECT_TRUE((*reopened)->Read(longest).ok());
}

TEST_F(ChunkStoreTest, AfterACleanEndTheNewestPackGoesOn) {
  base::Hash one;
  {
    auto chunks = Open().value();
    one = Add(*chunks, "one");
    ASSERT_TRUE(chunks->Close().ok());
  }
  base::Hash two;
  {
    auto chunks = Open().value();
    two = Add(*chunks, "two");
    ASSERT_TRUE(chunks->Close().ok());
  }
  EXPECT_EQ(Packs(), 1U);
  auto chunks = Open().value();
  EXPECT_EQ(chunks->Read(one).value(), "one");
  EXPECT_EQ(chunks->Read(two).value(), "two");
}

TEST_F(ChunkStoreTest, AnUnsyncedTailIsCutAndWhatWasSyncedStays) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto before = Open().value()->counts().chunks;
    auto chunks = Open().value();
    const base::Hash synced = Add(*chunks, "synced " + std::to_string(seed));
    ASSERT_TRUE(chunks->Sync().ok());
    for (int i = 0; i < 4; ++i) Add(*chunks, std::string(700 + i, static_cast<char>(seed)));
    storage_.Crash(Keep::kRandom, seed);
    auto reopened = Open();
    ASSERT_TRUE(reopened.ok()) << seed << ": " << reopened.status();
    EXPECT_TRUE((*reopened)->Read(synced).ok());
    EXPECT_GE((*reopened)->counts().chunks, before + 1);
    std::vector<std::string> problems;
    ASSERT_TRUE((*reopened)->Verify((*reopened)->end(), problems).ok());
    EXPECT_TRUE(problems.empty()) << seed << ": " << problems.front();
  }
}

TEST_F(ChunkStoreTest, ADamagedRecordThatIsKnownToHaveBeenSyncedIsNotCut) {
  auto chunks = Open().value();
  const base::Hash damaged = Add(*chunks, "damaged later");
  ASSERT_TRUE(chunks->Sync().ok());
  const base::Hash after = Add(*chunks, "after it");  // Its record says that the first was synced.
  ASSERT_TRUE(chunks->Sync().ok());
  storage_.Crash(Keep::kNothing);
  storage_.FlipBit("/chunks/00000000.pack", kPackHeaderBytes + kPackRecordHeaderBytes, 0);
  auto reopened = Open().value();
  EXPECT_EQ(reopened->Read(after).value(), "after it");
  EXPECT_NE(base::Sha256(reopened->Read(damaged).value()), damaged);
  reopened.reset();
  storage_.FlipBit("/chunks/00000000.pack", kPackHeaderBytes, 0);
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
}

TEST_F(ChunkStoreTest, AChunkThatComesAgainCountsInPlaceOfTheDamagedOne) {
  for (const bool is_closed : {false, true}) {
    SCOPED_TRACE(is_closed ? "in a pack that is closed" : "in the newest pack");
    auto chunks = Open().value();
    const std::string sealed = is_closed ? "damaged later" : "damaged before";
    const base::Hash damaged = Add(*chunks, sealed);
    const base::Hash after = Add(*chunks, "after it, " + sealed);
    ASSERT_TRUE(chunks->Sync().ok());
    const PackEntry entry = chunks->EntryOf(damaged).value();
    const std::string path = PackOf(*chunks, damaged);
    if (is_closed) {
      // A damaged chunk of the newest pack closes that.
      FlipBitOf(*chunks, after);
      ASSERT_TRUE(chunks->SetAside(after));
      Add(*chunks, "after it, " + sealed);
      ASSERT_NE(PackOf(*chunks, after), path);
    }
    FlipBitOf(*chunks, damaged);

    EXPECT_TRUE(chunks->SetAside(damaged));
    EXPECT_FALSE(chunks->SetAside(damaged));
    EXPECT_TRUE(chunks->IsSetAside(damaged));
    EXPECT_FALSE(chunks->Has(damaged));
    EXPECT_TRUE(absl::IsDataLoss(chunks->Read(damaged).status()));
    EXPECT_EQ(PackOf(*chunks, damaged), path);
    std::vector<std::string> problems;
    EXPECT_EQ(chunks->Verify(chunks->end(), problems)->damaged, std::vector{entry});
    EXPECT_EQ(problems.size(), 1U);

    EXPECT_EQ(*chunks->Add(entry, sealed), ChunkStore::Added::kInPlaceOfDamaged);
    EXPECT_EQ(*chunks->Add(entry, sealed), ChunkStore::Added::kWasHere);
    EXPECT_FALSE(chunks->IsSetAside(damaged));
    EXPECT_NE(PackOf(*chunks, damaged), path);
    ASSERT_TRUE(chunks->Sync().ok());
    storage_.Crash(Keep::kNothing);
    chunks = Open().value();
    EXPECT_EQ(chunks->Read(damaged).value(), sealed);
    EXPECT_TRUE(chunks->Has(after));
    problems.clear();
    EXPECT_TRUE(chunks->Verify(chunks->end(), problems)->damaged.empty());
    EXPECT_TRUE(problems.empty()) << problems.front();
    ASSERT_TRUE(chunks->Close().ok());
    EXPECT_EQ(Open().value()->Read(damaged).value(), sealed);
  }
}

TEST_F(ChunkStoreTest, AChunkThatIsSoundIsNotSetAside) {
  auto chunks = Open().value();
  const base::Hash id = Add(*chunks, "bytes");
  EXPECT_FALSE(chunks->SetAside(id));
  EXPECT_EQ(chunks->Read(id).value(), "bytes");
  EXPECT_FALSE(chunks->SetAside(base::Sha256("nowhere")));
}

TEST_F(ChunkStoreTest, ABlockThatIsLostOfAClosedPackCostsNoChunkUnnoticed) {
  auto chunks = Open().value();
  std::vector<PackEntry> lost;
  const std::vector<std::string> contents = {"first", "second", "third", "last"};
  for (const std::string& sealed : contents) lost.push_back(chunks->EntryOf(Add(*chunks, sealed)).value());
  const PackEntry last = lost.back();
  lost.pop_back();
  ASSERT_TRUE(chunks->Close().ok());
  chunks = Open(/*pack_bytes_max=*/1).value();
  Add(*chunks, "of the next pack");
  const auto file = storage_.Open("/chunks/00000000.pack", base::Storage::OpenMode::kReadWrite).value();
  ASSERT_TRUE(file->WriteAt(kPackHeaderBytes, std::string(last.offset - kPackHeaderBytes, '\0')).ok());

  std::vector<std::string> problems;
  auto verified = chunks->Verify(chunks->end(), problems).value();
  EXPECT_EQ(verified.damaged, lost);
  EXPECT_EQ(problems.size(), 3U);
  EXPECT_EQ(verified.sound, 2U);
  ASSERT_TRUE(chunks->SetAside(lost[0].id));
  ASSERT_TRUE(chunks->Add(lost[0], contents[0]).ok());
  problems.clear();
  EXPECT_EQ(chunks->Verify(chunks->end(), problems)->damaged, (std::vector{lost[1], lost[2]}));
  EXPECT_EQ(problems.size(), 2U);
}

TEST_F(ChunkStoreTest, APackThatWasClosedForTheNextStaysClosedThoughThatCouldNotBeBegun) {
  auto chunks = Open().value();
  const base::Hash damaged = Add(*chunks, "damaged");
  ASSERT_TRUE(chunks->Sync().ok());
  const PackEntry entry = chunks->EntryOf(damaged).value();
  FlipBitOf(*chunks, damaged);
  ASSERT_TRUE(chunks->SetAside(damaged));
  storage_.SetFreeBytes(EncodePackIndex({entry}, entry.end()).size());
  EXPECT_TRUE(absl::IsResourceExhausted(chunks->Add(entry, "damaged").status()));
  storage_.SetFreeBytes(1 << 20);
  EXPECT_EQ(PackOf(*chunks, Add(*chunks, "another")), "/chunks/00000001.pack");
  Add(*chunks, "damaged");
  ASSERT_TRUE(chunks->Sync().ok());
  storage_.Crash(Keep::kNothing);
  EXPECT_EQ(Open().value()->Read(damaged).value(), "damaged");
}

TEST_F(ChunkStoreTest, DamageOfTheRecordThatCountsIsFoundThoughAnOlderIsSound) {
  auto chunks = Open().value();
  const base::Hash id = Add(*chunks, "bytes");
  ASSERT_TRUE(chunks->Sync().ok());
  const PackEntry entry = chunks->EntryOf(id).value();
  FlipBitOf(*chunks, id);
  ASSERT_TRUE(chunks->SetAside(id));
  ASSERT_TRUE(chunks->Add(entry, "bytes").ok());
  storage_.FlipBit("/chunks/00000000.pack", entry.offset + kPackRecordHeaderBytes, 0);  // It was so in memory only.
  FlipBitOf(*chunks, id);
  std::vector<std::string> problems;
  EXPECT_EQ(chunks->Verify(chunks->end(), problems)->damaged.size(), 1U);
  EXPECT_TRUE(chunks->SetAside(id));
}

TEST_F(ChunkStoreTest, WhatADamagedChunkIsIsKnownFromItsRecordOrFromTheIndex) {
  auto chunks = Open().value();
  const base::Hash id = Add(*chunks, "bytes");
  const PackEntry entry = chunks->EntryOf(id).value();
  EXPECT_EQ(entry.id, id);
  EXPECT_EQ(entry.sealed_length, 5U);
  ASSERT_TRUE(chunks->Close().ok());
  FlipBitOf(*chunks, id);
  storage_.FlipBit("/chunks/00000000.pack", kPackHeaderBytes, 0);
  EXPECT_TRUE(absl::IsNotFound(chunks->EntryOf(id).status()));
  ASSERT_TRUE(chunks->SetAside(id));
  EXPECT_EQ(*chunks->Add(entry, "bytes"), ChunkStore::Added::kInPlaceOfDamaged);
  std::vector<std::string> problems;
  EXPECT_EQ(chunks->Verify(chunks->end(), problems)->sound, 1U);
  EXPECT_TRUE(problems.empty()) << problems.front();
}

TEST_F(ChunkStoreTest, AChunkThatEndsLikeAnIndexIsNone) {
  const std::uint64_t hostile_begins = kPackHeaderBytes + 2 * kPackRecordHeaderBytes + std::string("own").size();
  PackEntry covers_both{.id = base::Sha256("covers both"), .offset = kPackHeaderBytes};
  covers_both.sealed_length = static_cast<std::uint32_t>(hostile_begins - kPackHeaderBytes - kPackRecordHeaderBytes);
  for (const std::vector<PackEntry>& entries : {std::vector<PackEntry>{}, {covers_both}}) {
    const auto packs = storage_.List("/chunks").value();
    for (const base::Storage::Entry& pack : packs) {
      ASSERT_TRUE(storage_.Remove("/chunks/" + pack.name).ok());
    }
    auto chunks = Open().value();
    const base::Hash own = Add(*chunks, "own");
    const std::string ends_like_an_index = EncodePackIndex(entries, hostile_begins);
    const base::Hash hostile = Add(*chunks, ends_like_an_index);
    ASSERT_TRUE(chunks->Sync().ok());
    storage_.Crash(Keep::kNothing);
    chunks = Open().value();
    EXPECT_EQ(chunks->counts().chunks, 2U);
    const base::Hash later = Add(*chunks, "later");
    EXPECT_EQ(chunks->Read(own).value(), "own");
    EXPECT_EQ(chunks->Read(hostile).value(), ends_like_an_index);
    EXPECT_EQ(chunks->Read(later).value(), "later");
  }
}

TEST_F(ChunkStoreTest, AnIndexCountsThoughTheHeaderOfARecordIsDamaged) {
  base::Hash one;
  base::Hash two;
  {
    auto chunks = Open().value();
    one = Add(*chunks, "one");
    two = Add(*chunks, "two");
    ASSERT_TRUE(chunks->Close().ok());
  }
  storage_.FlipBit("/chunks/00000000.pack", kPackHeaderBytes, 0);
  auto chunks = Open().value();
  EXPECT_EQ(chunks->Read(one).value(), "one");
  EXPECT_EQ(chunks->Read(two).value(), "two");
}

TEST_F(ChunkStoreTest, APackThatWasJustBegunIsMadeAnew) {
  ASSERT_TRUE(storage_.Open("/chunks/00000000.pack", base::Storage::OpenMode::kCreate).value()->WriteAt(0, "cop").ok());
  auto chunks = Open().value();
  const base::Hash id = Add(*chunks, "bytes");
  EXPECT_EQ(chunks->Read(id).value(), "bytes");
  EXPECT_EQ(Packs(), 1U);
}

TEST_F(ChunkStoreTest, APackOfAnotherVolumeIsRefused) {
  {
    auto chunks = Open().value();
    Add(*chunks, "bytes");
  }
  EXPECT_TRUE(absl::IsDataLoss(ChunkStore::Open(storage_, "/chunks", {9}, 1 << 20).status()));
}

}  // namespace
}  // namespace copse::replica
