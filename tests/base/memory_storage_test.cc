#include <copse/base/memory_storage.h>
#include <gtest/gtest.h>

#include <set>

namespace copse::base {
namespace {

using Keep = MemoryStorage::Keep;
using Mode = Storage::OpenMode;

class MemoryStorageTest : public testing::Test {
 protected:
  std::unique_ptr<File> Create(const std::string& path) { return storage_.Open(path, Mode::kCreate).value(); }

  /// A file whose name and `contents` are durable.
  std::unique_ptr<File> CreateDurable(const std::string& path, std::string_view contents) {
    auto file = Create(path);
    EXPECT_TRUE(file->WriteAt(0, contents).ok());
    EXPECT_TRUE(file->Sync().ok());
    EXPECT_TRUE(storage_.SyncDirectory(ParentDirectory(path)).ok());
    return file;
  }

  std::string Contents(const std::string& path) {
    auto contents = ReadWholeFile(storage_, path);
    return contents.ok() ? *contents : "(none)";
  }

  MemoryStorage storage_;
};

TEST_F(MemoryStorageTest, ACrashDropsBytesThatWereNotSynced) {
  auto file = CreateDurable("/f", "old");
  ASSERT_TRUE(file->WriteAt(0, "newer").ok());
  storage_.Crash(Keep::kNothing);
  EXPECT_EQ(Contents("/f"), "old");
}

TEST_F(MemoryStorageTest, ACrashThatKeepsEverythingDropsNothing) {
  ASSERT_TRUE(Create("/f")->WriteAt(0, "new").ok());
  storage_.Crash(Keep::kEverything);
  EXPECT_EQ(Contents("/f"), "new");
}

TEST_F(MemoryStorageTest, ANameIsLostWhoseDirectoryWasNotSyncedThoughItsBytesWere) {
  auto file = Create("/f");
  ASSERT_TRUE(file->WriteAt(0, "abc").ok());
  ASSERT_TRUE(file->Sync().ok());
  storage_.Crash(Keep::kNothing);
  EXPECT_EQ(Contents("/f"), "(none)");
}

TEST_F(MemoryStorageTest, ARemovedFileReturnsWhenItsDirectoryWasNotSynced) {
  CreateDurable("/f", "abc");
  ASSERT_TRUE(storage_.Remove("/f").ok());
  storage_.Crash(Keep::kNothing);
  EXPECT_EQ(Contents("/f"), "abc");
}

TEST_F(MemoryStorageTest, ARenameIsWholeOnceEitherDirectoryIsSynced) {
  ASSERT_TRUE(storage_.CreateDirectory("/d").ok());
  CreateDurable("/f", "abc");
  ASSERT_TRUE(storage_.Rename("/f", "/d/g").ok());
  ASSERT_TRUE(storage_.SyncDirectory("/d").ok());
  storage_.Crash(Keep::kNothing);
  EXPECT_EQ(Contents("/f"), "(none)");
  EXPECT_EQ(Contents("/d/g"), "abc");
}

TEST_F(MemoryStorageTest, ARandomCrashKeepsWholeSectorsOfAWriteInAllCombinations) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    MemoryStorage storage;
    auto file = storage.Open("/f", Mode::kCreate).value();
    ASSERT_TRUE(file->WriteAt(0, std::string(1024, 'o')).ok());
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(storage.SyncDirectory("/").ok());
    ASSERT_TRUE(file->WriteAt(0, std::string(1024, 'n')).ok());
    storage.Crash(Keep::kRandom, seed);
    const std::string contents = ReadWholeFile(storage, "/f").value();
    outcomes.insert({contents[0], contents[511], contents[512], contents[1023]});
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"oooo", "oonn", "nnoo", "nnnn"}));
}

TEST_F(MemoryStorageTest, ACrashKeepsExactlyThePiecesThatWereChosen) {
  auto file = CreateDurable("/f", std::string(1024, 'o'));
  ASSERT_TRUE(storage_.CreateDirectory("/d").ok());
  ASSERT_TRUE(file->WriteAt(500, std::string(600, 'n')).ok());  // Sectors 0, 1 and 2.
  ASSERT_TRUE(file->Truncate(1050).ok());
  ASSERT_EQ(storage_.UnsyncedPieces(), 6U);  // The directory, the sectors, the length that they make, the truncation.
  std::set<std::string> outcomes;
  for (unsigned choice = 0; choice < 64; ++choice) {
    const std::unique_ptr<MemoryStorage> disk = storage_.Copy();
    std::vector<bool> kept;
    for (unsigned piece = 0; piece < 6; ++piece) kept.push_back((choice >> piece & 1) != 0);
    disk->Crash(kept);
    EXPECT_EQ(disk->UnsyncedPieces(), 0U);
    EXPECT_EQ(disk->Stat("/d").ok(), kept[0]);
    const std::string contents = ReadWholeFile(*disk, "/f").value();
    EXPECT_EQ(contents[511], kept[1] ? 'n' : 'o');
    EXPECT_EQ(contents[512], kept[2] ? 'n' : 'o');
    EXPECT_EQ(contents.size(), kept[5] ? 1050U : kept[3] || kept[4] ? 1100U : 1024U);
    EXPECT_TRUE(contents.size() <= 1030 || contents[1030] == (kept[3] ? 'n' : '\0'));
    EXPECT_EQ(disk->counts().torn_writes, (choice >> 1 & 15) % 15 == 0 ? 0U : 1U);
    outcomes.insert(contents + (kept[0] ? "d" : ""));
  }
  // A sector beyond the end brings the length along, and so does the truncation.
  EXPECT_EQ(outcomes.size(), 40U);
}

TEST_F(MemoryStorageTest, ACrashThatKeepsAPrefixTearsOneWriteAndKeepsAllBeforeIt) {
  auto first = CreateDurable("/first", "");
  auto second = CreateDurable("/second", "");
  ASSERT_TRUE(first->WriteAt(0, std::string(1024, 'a')).ok());
  ASSERT_TRUE(storage_.CreateDirectory("/d").ok());
  ASSERT_TRUE(second->WriteAt(0, std::string(1024, 'b')).ok());
  std::set<std::string> outcomes;
  for (unsigned seed = 0; seed < 200; ++seed) {
    const std::unique_ptr<MemoryStorage> disk = storage_.Copy();
    disk->Crash(Keep::kPrefix, seed);
    const std::string zeros(1024, '\0');
    const std::string a = ReadWholeFile(*disk, "/first").value();
    const std::string b = ReadWholeFile(*disk, "/second").value();
    EXPECT_TRUE(a.empty() || a == zeros || a.substr(0, 512) == std::string(512, 'a'));
    EXPECT_TRUE(!disk->Stat("/d").ok() || a == std::string(1024, 'a'));
    EXPECT_TRUE(b.empty() || disk->Stat("/d").ok());
    outcomes.insert(a + '|' + b + (disk->Stat("/d").ok() ? "d" : ""));
  }
  // Of the first write alone, or of the second after all else: nothing, zeros, a sector, a sector and zeros, the whole.
  EXPECT_EQ(outcomes.size(), 10U);
}

TEST_F(MemoryStorageTest, ACopyOfADiskIsADiskOfItsOwn) {
  auto file = CreateDurable("/f", "synced");
  ASSERT_TRUE(file->WriteAt(0, "u").ok());
  storage_.CutPowerAfter(0);
  const auto held = storage_.Copy();
  const std::unique_ptr<MemoryStorage> copy = storage_.Copy();
  EXPECT_EQ(ReadWholeFile(*copy, "/f").value(), "uynced");
  ASSERT_TRUE(copy->Remove("/f").ok());
  ASSERT_TRUE(copy->SyncDirectory("/").ok());
  held->Crash(Keep::kNothing);
  EXPECT_EQ(ReadWholeFile(*held, "/f").value(), "synced");
  storage_.Crash(Keep::kEverything);
  EXPECT_EQ(Contents("/f"), "uynced");
}

TEST_F(MemoryStorageTest, HandlesFromBeforeACrashFailAndLocksAreFree) {
  auto file = CreateDurable("/f", "abc");
  const auto lock = storage_.Lock("/lock").value();
  storage_.Crash(Keep::kEverything);
  EXPECT_FALSE(file->WriteAt(0, "x").ok());
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_FALSE(file->Size().ok());
  EXPECT_TRUE(storage_.Lock("/lock").ok());
}

TEST_F(MemoryStorageTest, ALockTakenAfterACrashSurvivesTheEndOfTheOldOne) {
  auto old = storage_.Lock("/lock").value();
  storage_.Crash(Keep::kEverything);
  const auto held = storage_.Lock("/lock").value();
  old.reset();
  EXPECT_TRUE(absl::IsUnavailable(storage_.Lock("/lock").status()));
}

TEST_F(MemoryStorageTest, AFailedSyncStaysFailedAndWhatItShouldHaveSavedIsLost) {
  auto file = CreateDurable("/f", "old");
  ASSERT_TRUE(file->WriteAt(0, "new").ok());
  storage_.FailSync(1);
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_EQ(Contents("/f"), "new");
  storage_.Crash(Keep::kEverything);
  EXPECT_EQ(Contents("/f"), "old");
}

TEST_F(MemoryStorageTest, TheNthWriteFailsAndChangesNothing) {
  auto file = Create("/f");
  storage_.FailWrite(2);
  EXPECT_TRUE(file->WriteAt(0, "a").ok());
  EXPECT_FALSE(file->WriteAt(1, "b").ok());
  EXPECT_TRUE(file->WriteAt(1, "c").ok());
  EXPECT_EQ(Contents("/f"), "ac");
}

TEST_F(MemoryStorageTest, AFullDiskTakesWhatFitsAndGoesOnOnceThereIsSpace) {
  auto file = Create("/f");
  storage_.SetFreeBytes(4096);
  const absl::Status full = file->WriteAt(0, std::string(10'000, 'a'));
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(file->Size().value(), 4096U);
  EXPECT_EQ(storage_.FreeSpace("/").value().free_bytes, 0U);
  ASSERT_TRUE(storage_.Remove("/f").ok());
  EXPECT_EQ(storage_.FreeSpace("/").value().free_bytes, 4096U);
  EXPECT_TRUE(Create("/g")->WriteAt(0, "fits").ok());
}

TEST_F(MemoryStorageTest, WhenThePowerIsCutEverythingFailsUntilTheCrash) {
  auto file = Create("/f");
  storage_.CutPowerAfter(1);
  EXPECT_TRUE(file->WriteAt(0, "a").ok());
  EXPECT_TRUE(storage_.power_is_cut());
  EXPECT_FALSE(file->WriteAt(1, "b").ok());
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_FALSE(storage_.SyncDirectory("/").ok());
  EXPECT_FALSE(storage_.Open("/f", Mode::kRead).ok());
  storage_.Crash(Keep::kEverything);
  EXPECT_EQ(Contents("/f"), "a");
}

TEST_F(MemoryStorageTest, AFlippedBitSurvivesACrash) {
  CreateDurable("/f", "a");
  storage_.FlipBit("/f", 0, 1);
  EXPECT_EQ(Contents("/f"), "c");
  storage_.Crash(Keep::kNothing);
  EXPECT_EQ(Contents("/f"), "c");
}

TEST_F(MemoryStorageTest, CountsCallsThatSucceeded) {
  CreateDurable("/f", "a");
  EXPECT_EQ(storage_.counts().changes, 4U);
  EXPECT_EQ(storage_.counts().writes, 1U);
  EXPECT_EQ(storage_.counts().file_syncs, 1U);
  EXPECT_EQ(storage_.counts().directory_syncs, 1U);
}

}  // namespace
}  // namespace copse::base
