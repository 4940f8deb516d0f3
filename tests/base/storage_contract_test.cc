#include <copse/base/memory_storage.h>
#include <copse/base/posix_storage.h>
#include <copse/base/storage.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/temporary_directory.h"

// What every Storage promises, asked of each.

namespace copse::base {
namespace {

class DiskInMemory {
 public:
  DiskInMemory() { EXPECT_TRUE(storage_.CreateDirectory(directory()).ok()); }
  Storage& storage() { return storage_; }
  std::string directory() const { return "/disk"; }

 private:
  MemoryStorage storage_;
};

class DiskOfPosix {
 public:
  Storage& storage() { return storage_; }
  std::string directory() const { return directory_.path(); }

 private:
  test::TemporaryDirectory directory_;
  PosixStorage storage_;
};

template <typename Disk>
class StorageContractTest : public testing::Test {
 protected:
  using Mode = Storage::OpenMode;

  Storage& storage() { return disk_.storage(); }
  std::string Path(const std::string& name) const { return disk_.directory() + "/" + name; }

  std::unique_ptr<File> Create(const std::string& name, std::string_view contents = "") {
    auto file = storage().Open(Path(name), Mode::kCreate);
    EXPECT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE((*file)->WriteAt(0, contents).ok());
    return *std::move(file);
  }

  std::string Contents(const std::string& name) {
    auto contents = ReadWholeFile(storage(), Path(name));
    return contents.ok() ? *contents : std::string(contents.status().message());
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto entries = storage().List(disk_.directory()).value();
    for (const Storage::Entry& entry : entries) {
      names.push_back(entry.name + (entry.is_directory ? "/" : ""));
    }
    return names;
  }

  Disk disk_;
};

using Disks = testing::Types<DiskInMemory, DiskOfPosix>;
TYPED_TEST_SUITE(StorageContractTest, Disks);

TYPED_TEST(StorageContractTest, WhatWasWrittenIsReadAndAGapReadsAsZeros) {
  const auto file = this->Create("f", "abc");
  ASSERT_TRUE(file->WriteAt(5, "xy").ok());
  EXPECT_EQ(this->Contents("f"), std::string("abc\0\0xy", 7));
  std::string two(2, '?');
  EXPECT_EQ(file->ReadAt(1, two).value(), 2U);
  EXPECT_EQ(two, "bc");
}

TYPED_TEST(StorageContractTest, ReadingBeyondTheEndGivesFewerBytes) {
  const auto file = this->Create("f", "abc");
  std::string out(10, '?');
  EXPECT_EQ(file->ReadAt(1, out).value(), 2U);
  EXPECT_EQ(file->ReadAt(3, out).value(), 0U);
  EXPECT_EQ(file->ReadAt(100, out).value(), 0U);
}

TYPED_TEST(StorageContractTest, TruncatingCutsAndExtendsWithZeros) {
  const auto file = this->Create("f", "abcdef");
  ASSERT_TRUE(file->Truncate(2).ok());
  ASSERT_TRUE(file->Truncate(4).ok());
  EXPECT_EQ(this->Contents("f"), std::string("ab\0\0", 4));
  EXPECT_EQ(file->Size().value(), 4U);
}

TYPED_TEST(StorageContractTest, APunchedHoleReadsAsZerosAndKeepsTheSize) {
  const auto file = this->Create("f", std::string(20'000, 'a'));
  ASSERT_TRUE(file->PunchHole(100, 10'000).ok());
  ASSERT_TRUE(file->PunchHole(15'000, 100'000).ok());
  std::string expected(20'000, 'a');
  expected.replace(100, 10'000, 10'000, '\0');
  expected.replace(15'000, 5'000, 5'000, '\0');
  EXPECT_EQ(this->Contents("f"), expected);
  EXPECT_EQ(file->Size().value(), 20'000U);
}

TYPED_TEST(StorageContractTest, SeekingDataNeverSkipsAnyAndEndsInNothing) {
  const auto file = this->Create("f");
  ASSERT_TRUE(file->WriteAt(1 << 20, "data").ok());
  const auto found = file->SeekData(0).value();
  ASSERT_TRUE(found.has_value());
  EXPECT_LE(*found, std::uint64_t{1} << 20);
  EXPECT_EQ(file->SeekData((1 << 20) + 1).value(), (1U << 20) + 1);
  EXPECT_EQ(file->SeekData((1 << 20) + 4).value(), std::nullopt);
}

TYPED_TEST(StorageContractTest, CreatingTwiceAndOpeningWhatIsMissingAreErrorsThatNameThePath) {
  this->Create("f");
  const absl::Status twice = this->storage().Open(this->Path("f"), Storage::OpenMode::kCreate).status();
  EXPECT_TRUE(absl::IsAlreadyExists(twice)) << twice;
  EXPECT_NE(twice.message().find(this->Path("f")), absl::string_view::npos);
  for (const auto mode : {Storage::OpenMode::kRead, Storage::OpenMode::kReadWrite}) {
    const absl::Status missing = this->storage().Open(this->Path("g"), mode).status();
    EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
    EXPECT_NE(missing.message().find(this->Path("g")), absl::string_view::npos);
  }
  EXPECT_TRUE(absl::IsNotFound(this->storage().Open(this->Path("d/f"), Storage::OpenMode::kCreate).status()));
}

TYPED_TEST(StorageContractTest, AFileOpenedForReadingRefusesWrites) {
  this->Create("f", "abc");
  const auto file = this->storage().Open(this->Path("f"), Storage::OpenMode::kRead).value();
  EXPECT_FALSE(file->WriteAt(0, "x").ok());
  EXPECT_EQ(this->Contents("f"), "abc");
}

TYPED_TEST(StorageContractTest, NewFilesAndDirectoriesBelongToTheirOwnerAlone) {
  this->Create("f", "abc");
  ASSERT_TRUE(this->storage().CreateDirectory(this->Path("d")).ok());
  const auto file = this->storage().Stat(this->Path("f")).value();
  EXPECT_EQ(file.size, 3U);
  EXPECT_EQ(file.owner, geteuid());
  EXPECT_EQ(file.permissions, 0600U);
  EXPECT_FALSE(file.is_directory);
  const auto directory = this->storage().Stat(this->Path("d")).value();
  EXPECT_EQ(directory.permissions, 0700U);
  EXPECT_TRUE(directory.is_directory);
  EXPECT_TRUE(absl::IsNotFound(this->storage().Stat(this->Path("g")).status()));
}

TYPED_TEST(StorageContractTest, ListingIsSortedByName) {
  this->Create("c");
  this->Create("a");
  ASSERT_TRUE(this->storage().CreateDirectory(this->Path("b")).ok());
  EXPECT_EQ(this->Names(), (std::vector<std::string>{"a", "b/", "c"}));
  EXPECT_TRUE(absl::IsNotFound(this->storage().List(this->Path("d")).status()));
}

TYPED_TEST(StorageContractTest, RenamingReplacesAndAnOpenHandleKeepsTheReplacedFile) {
  const auto old = this->Create("to", "old");
  this->Create("from", "new");
  ASSERT_TRUE(this->storage().Rename(this->Path("from"), this->Path("to")).ok());
  EXPECT_EQ(this->Names(), (std::vector<std::string>{"to"}));
  EXPECT_EQ(this->Contents("to"), "new");
  std::string out(3, '?');
  EXPECT_EQ(old->ReadAt(0, out).value(), 3U);
  EXPECT_EQ(out, "old");
  EXPECT_TRUE(absl::IsNotFound(this->storage().Rename(this->Path("from"), this->Path("to"))));
}

TYPED_TEST(StorageContractTest, RemovingTakesTheNameAway) {
  this->Create("f");
  ASSERT_TRUE(this->storage().CreateDirectory(this->Path("d")).ok());
  EXPECT_FALSE(this->storage().Remove(this->Path("d")).ok());
  EXPECT_TRUE(this->storage().Remove(this->Path("f")).ok());
  EXPECT_TRUE(absl::IsNotFound(this->storage().Remove(this->Path("f"))));
  EXPECT_TRUE(this->storage().RemoveDirectory(this->Path("d")).ok());
  EXPECT_TRUE(this->Names().empty());
}

TYPED_TEST(StorageContractTest, OnlyAnEmptyDirectoryIsRemoved) {
  ASSERT_TRUE(this->storage().CreateDirectory(this->Path("d")).ok());
  this->Create("d/f");
  EXPECT_FALSE(this->storage().RemoveDirectory(this->Path("d")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(this->storage().CreateDirectory(this->Path("d"))));
}

TYPED_TEST(StorageContractTest, ALockIsHeldByOneUntilItIsLetGo) {
  auto held = this->storage().Lock(this->Path("lock"));
  ASSERT_TRUE(held.ok()) << held.status();
  const absl::Status second = this->storage().Lock(this->Path("lock")).status();
  EXPECT_TRUE(absl::IsUnavailable(second)) << second;
  EXPECT_NE(second.message().find(this->Path("lock") + " is in use by another process"), absl::string_view::npos);
  held->reset();
  EXPECT_TRUE(this->storage().Lock(this->Path("lock")).ok());
}

TYPED_TEST(StorageContractTest, SyncingAndAskingForSpaceWork) {
  const auto file = this->Create("f", "abc");
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_TRUE(this->storage().SyncDirectory(this->disk_.directory()).ok());
  EXPECT_TRUE(absl::IsNotFound(this->storage().SyncDirectory(this->Path("d"))));
  const auto space = this->storage().FreeSpace(this->disk_.directory()).value();
  EXPECT_GT(space.total_bytes, 0U);
  EXPECT_LE(space.free_bytes, space.total_bytes);
}

TYPED_TEST(StorageContractTest, ReplacingAFileLeavesNothingBesideIt) {
  ASSERT_TRUE(ReplaceFile(this->storage(), this->Path("f"), "one").ok());
  this->Create("f.new", "left by a crash, and longer than what replaces it");
  ASSERT_TRUE(ReplaceFile(this->storage(), this->Path("f"), "two").ok());
  EXPECT_EQ(this->Contents("f"), "two");
  EXPECT_EQ(this->Names(), (std::vector<std::string>{"f"}));
}

TEST(PosixStorageTest, TheLockNamesTheProcessThatHoldsIt) {
  DiskOfPosix disk;
  const auto held = disk.storage().Lock(disk.directory() + "/lock");
  const absl::Status second = disk.storage().Lock(disk.directory() + "/lock").status();
  EXPECT_NE(second.message().find("(pid " + std::to_string(getpid()) + ")"), absl::string_view::npos) << second;
}

TEST(ParentDirectoryTest, IsThePathUpToItsLastSlash) {
  EXPECT_EQ(ParentDirectory("/a/b"), "/a");
  EXPECT_EQ(ParentDirectory("/a"), "/");
}

}  // namespace
}  // namespace copse::base
