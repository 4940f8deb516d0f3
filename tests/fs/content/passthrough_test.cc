#include <copse/base/posix_storage.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/backing_file.h"
#include "fs/content/content_fixture.h"
#include "support/temporary_directory.h"

// Files whose data file programs read and write past us. They need descriptors, so the disk is a real one here.

namespace copse::fs {
namespace {

using Precedence = StagedFile::Precedence;

constexpr std::uint64_t kSize = 2 * kMiB;
const std::vector<crdt::Timestamp> kHeads = {crdt::Timestamp::Of(1, 7)};
const std::vector<crdt::Timestamp> kNextHeads = {crdt::Timestamp::Of(2, 7)};

class PassthroughTest : public testing::Test {
 protected:
  PassthroughTest() { Start(); }

  void Start() { area_ = Must(StagingArea::Open(storage_, content_, Directory(), kVolumeKey, {})); }
  std::string Directory() const { return directory_.path() / "staging"; }
  std::string DataPath() const { return Directory() + "/000700000000002a.data"; }

  std::unique_ptr<StagedFile> Open(const Manifest& base = {}) { return area_->OpenFile(kNode, base, kHeads, false); }
  /// Written in full, and synced.
  std::unique_ptr<StagedFile> Synced(std::string_view bytes) {
    auto file = Open();
    Must(file->Write(0, bytes, 5));
    Must(file->Persist());
    return file;
  }
  std::vector<StagingArea::Recovered> Recover() {
    std::vector<std::string> left;
    auto recovered = Must(area_->Recover([](NodeId) { return true; }, left));
    EXPECT_TRUE(left.empty()) << left.front();
    return recovered;
  }

  /// As a program that has the file open, some time ago: what it has written is at rest.
  static void WriteLongAgo(int descriptor, std::uint64_t offset, std::string_view bytes, base::UnixNanoseconds when) {
    ASSERT_EQ(pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
    SetModificationTime(descriptor, when);
  }

  const test::TemporaryDirectory directory_;
  base::PosixStorage storage_;
  test::MemoryContentStore content_;
  std::unique_ptr<StagingArea> area_;
};

TEST_F(PassthroughTest, OnlyALargeFileThatWasWrittenInFullAndSyncedMayPassThrough) {
  const auto file = Open();
  Must(file->Write(0, RandomBytes(1, kSize), 5));
  EXPECT_FALSE(file->may_pass_through());
  EXPECT_TRUE(absl::IsFailedPrecondition(file->BeginPassthrough().status()));
  Must(file->Persist());
  EXPECT_TRUE(file->may_pass_through());

  const auto small = area_->OpenFile(NodeId::Of(7, 43), {}, kHeads, false);
  Must(small->Write(0, RandomBytes(1, kMiB - 1), 5));
  Must(small->Persist());
  EXPECT_FALSE(small->may_pass_through());

  const auto changed = area_->OpenFile(NodeId::Of(7, 44), Must(file->Publish()), kHeads, false);
  Must(changed->Write(0, RandomBytes(2, kSize - 1), 5));
  Must(changed->Persist());
  EXPECT_FALSE(changed->may_pass_through());
  Must(changed->Write(kSize - 1, "x", 5));
  Must(changed->Persist());
  EXPECT_TRUE(changed->may_pass_through());
}

TEST_F(PassthroughTest, AFileOfADiskWithoutDescriptorsDoesNotPassThrough) {
  ContentWorld world;
  const auto file = world.Open();
  Must(file->Write(0, RandomBytes(1, kSize), 5));
  Must(file->Persist());
  EXPECT_FALSE(file->may_pass_through());
}

TEST_F(PassthroughTest, WhatOthersWriteIsFoundAndPublished) {
  std::string bytes = RandomBytes(1, kSize);
  const auto file = Synced(bytes);
  Must(file->Rebase(Must(file->Publish()), kNextHeads));
  EXPECT_FALSE(file->may_pass_through());

  const auto again = Synced(bytes);
  const int descriptor = Must(again->BeginPassthrough());
  EXPECT_EQ(Must(again->BeginPassthrough()), descriptor);
  Must(again->Rebase(Must(again->Publish()), kNextHeads));
  EXPECT_FALSE(again->dirty());
  EXPECT_FALSE(again->NoteUnseenWrites());
  EXPECT_EQ(again->mtime(), 5);

  WriteLongAgo(descriptor, 12'345, "by others", 77);
  bytes.replace(12'345, 9, "by others");
  EXPECT_TRUE(again->NoteUnseenWrites());
  EXPECT_FALSE(again->NoteUnseenWrites());
  EXPECT_TRUE(again->dirty());
  EXPECT_EQ(again->mtime(), 77);
  WriteLongAgo(descriptor, kSize, "longer", 78);
  bytes += "longer";
  EXPECT_TRUE(again->NoteUnseenWrites());
  EXPECT_EQ(again->size(), kSize + 6);
  EXPECT_EQ(ReadAll(*again), bytes);

  const Manifest version = Must(again->Publish(Precedence::kUnderWriters));
  EXPECT_EQ(version.mtime, 78);
  Must(again->Rebase(version, {crdt::Timestamp::Of(3, 7)}));
  EXPECT_FALSE(again->dirty());
  EXPECT_EQ(ReadAll(*Open(version)), bytes);
}

TEST_F(PassthroughTest, WhatIsBeingWrittenIsNotPublishedUnlessItHasToBe) {
  const auto file = Synced(RandomBytes(1, kSize));
  const int descriptor = Must(file->BeginPassthrough());
  ASSERT_EQ(pwrite(descriptor, "now", 3, 0), 3);
  EXPECT_TRUE(absl::IsAborted(file->Publish(Precedence::kUnderWriters).status()));
  // Another write within the same tick would not show in the stamp: so it counts as written still.
  const Manifest version = Must(file->Publish(Precedence::kOverWriters));
  Must(file->Rebase(version, kNextHeads));
  EXPECT_TRUE(file->dirty());
  EXPECT_EQ(ReadAll(*Open(version)).substr(0, 3), "now");
  SetModificationTime(descriptor, 99);
  Must(file->Rebase(Must(file->Publish(Precedence::kUnderWriters)), kNextHeads));
  EXPECT_FALSE(file->dirty());
}

TEST_F(PassthroughTest, WhatWasWrittenWhileItWasPublishedIsPublishedNext) {
  const auto file = Synced(RandomBytes(1, kSize));
  const int descriptor = Must(file->BeginPassthrough());
  WriteLongAgo(descriptor, 0, "first", 10);
  const Manifest version = Must(file->Publish(Precedence::kUnderWriters));
  WriteLongAgo(descriptor, 0, "later", 11);
  Must(file->Rebase(version, kNextHeads));
  EXPECT_TRUE(file->dirty());
  EXPECT_EQ(ReadAll(*Open(version)).substr(0, 5), "first");
  EXPECT_EQ(ReadAll(*Open(Must(file->Publish(Precedence::kUnderWriters)))).substr(0, 5), "later");
}

TEST_F(PassthroughTest, AWriteThatWasUnderWayWhileAVersionWasReadIsFoundAtTheEnd) {
  const auto file = Synced(RandomBytes(1, kSize));
  const int descriptor = Must(file->BeginPassthrough());
  WriteLongAgo(descriptor, 0, "begun", 10);
  Must(file->Rebase(Must(file->Publish(Precedence::kUnderWriters)), kNextHeads));
  WriteLongAgo(descriptor, 0, "ended", 10);  // The time is that of its beginning.
  EXPECT_FALSE(file->NoteUnseenWrites());
  EXPECT_TRUE(Must(file->EndPassthrough()));
  EXPECT_TRUE(file->dirty());
  EXPECT_TRUE(file->persisted());
  EXPECT_EQ(ReadAll(*Open(Must(file->Publish()))).substr(0, 5), "ended");
}

TEST_F(PassthroughTest, WhatDoesNotBeginLeavesNoLogBehind) {
  const std::string log = Directory() + "/000700000000002a.extents";
  const auto file = Synced(RandomBytes(1, kSize));
  Must(file->KeepBacking(true));
  Must(file->Rebase(Must(file->Publish()), kNextHeads));
  EXPECT_FALSE(std::filesystem::exists(log));
  // A directory where the log is to be made: it cannot be renamed into place.
  std::filesystem::create_directory(log);
  EXPECT_FALSE(file->BeginPassthrough().ok());
  EXPECT_FALSE(file->passes_through());
  std::filesystem::remove(log);
  Must(file->KeepBacking(false));
  EXPECT_FALSE(std::filesystem::exists(DataPath()));
  EXPECT_FALSE(std::filesystem::exists(log));
}

TEST_F(PassthroughTest, HolesThatOthersMakeAreHolesOfTheVersion) {
  const auto file = Synced(RandomBytes(1, kSize));
  const int descriptor = Must(file->BeginPassthrough());
  ASSERT_EQ(ftruncate(descriptor, 64 * kMiB), 0);
  ASSERT_EQ(fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kMiB), 0);
  SetModificationTime(descriptor, 10);
  const Manifest version = Must(file->Publish(Precedence::kUnderWriters));
  EXPECT_EQ(version.size, 64 * kMiB);
  EXPECT_EQ(version.hole_bytes, 63 * kMiB);
  EXPECT_EQ(Must(file->SeekData(0)), std::optional<std::uint64_t>(kMiB));
  EXPECT_EQ(Must(file->SeekHole(kMiB)), kSize);
  EXPECT_LT(file->allocated_bytes(), 2 * kMiB);
}

TEST_F(PassthroughTest, DataBeyondTheOldEndIsFoundBeforeItIsTakenIn) {
  const auto file = Synced(RandomBytes(1, kSize));
  const int descriptor = Must(file->BeginPassthrough());
  ASSERT_EQ(pwrite(descriptor, "tail", 4, kSize + kMiB), 4);
  EXPECT_TRUE(file->NoteUnseenWrites());
  EXPECT_EQ(Must(file->SeekData(kSize)), std::optional<std::uint64_t>(kSize + kMiB));
  EXPECT_EQ(Must(file->SeekHole(kSize)), kSize);
  EXPECT_EQ(Must(file->SeekHole(kSize + kMiB)), kSize + kMiB + 4);
}

TEST_F(PassthroughTest, HolesOfWhatWasWrittenHereReadAsZerosInThePlainFile) {
  const auto file = Open();
  Must(file->Write(0, RandomBytes(1, kSize), 5));
  Must(file->PunchHole(4096, 100'000, 6));
  Must(file->Truncate(kMiB, 7));
  Must(file->Truncate(3 * kMiB, 8));
  Must(file->Persist());
  const std::string bytes = ReadAll(*file);
  const int descriptor = Must(file->BeginPassthrough());
  std::string plain(3 * kMiB, '?');
  ASSERT_EQ(pread(descriptor, plain.data(), plain.size(), 0), static_cast<ssize_t>(plain.size()));
  EXPECT_TRUE(plain == bytes);
  EXPECT_TRUE(ReadAll(*file) == bytes);
}

TEST_F(PassthroughTest, OurOwnChangesGoToThePlainFileToo) {
  std::string bytes = RandomBytes(1, kSize);
  const auto file = Synced(bytes);
  const int descriptor = Must(file->BeginPassthrough());
  ASSERT_EQ(pwrite(descriptor, "tail", 4, kSize), 4);
  EXPECT_EQ(Must(file->Append("end", 9)), kSize + 4);
  Must(file->Write(0, "begin", 9));
  Must(file->PunchHole(4096, 4096, 9));
  bytes += "tailend";
  bytes.replace(0, 5, "begin");
  bytes.replace(4096, 4096, std::string(4096, '\0'));
  EXPECT_TRUE(ReadAll(*file) == bytes);
  Must(file->Truncate(kMiB, 9));
  Must(file->Truncate(kMiB + 5, 9));
  bytes.resize(kMiB);
  bytes.resize(kMiB + 5);
  std::string plain(bytes.size() + 1, '?');
  ASSERT_EQ(pread(descriptor, plain.data(), plain.size(), 0), static_cast<ssize_t>(bytes.size()));
  plain.pop_back();
  EXPECT_TRUE(plain == bytes);
}

TEST_F(PassthroughTest, ItDoesNotEndWhileSomebodyHasThePlainFileOpen) {
  const auto file = Synced(RandomBytes(1, kSize));
  Must(file->BeginPassthrough());
  for (const int flags : {O_RDONLY, O_RDWR}) {
    const int other = open(DataPath().c_str(), flags | O_CLOEXEC);
    ASSERT_GE(other, 0);
    EXPECT_FALSE(Must(file->EndPassthrough()));
    EXPECT_TRUE(file->passes_through());
    close(other);
  }
  EXPECT_TRUE(Must(file->EndPassthrough()));
  EXPECT_FALSE(file->passes_through());
  EXPECT_TRUE(file->dirty());
}

TEST_F(PassthroughTest, WhileItPassesThroughItFollowsNoOtherVersion) {
  const auto file = Synced(RandomBytes(1, kSize));
  Must(file->BeginPassthrough());
  Must(file->Rebase(Must(file->Publish()), kNextHeads));
  EXPECT_FALSE(file->dirty());
  EXPECT_FALSE(file->Follow({}, {crdt::Timestamp::Of(3, 8)}));
  EXPECT_TRUE(file->Follow({}, kNextHeads));
  EXPECT_FALSE(file->Discard().ok());
  EXPECT_TRUE(Must(file->EndPassthrough()));
  Must(file->Rebase(Must(file->Publish()), kNextHeads));
  EXPECT_TRUE(file->Follow({}, {crdt::Timestamp::Of(3, 8)}));
  EXPECT_EQ(file->size(), 0);
}

TEST_F(PassthroughTest, WhatOthersHaveWrittenWhenTheProcessEndsIsRecovered) {
  std::string bytes = RandomBytes(1, kSize);
  auto file = Synced(bytes);
  const int descriptor = Must(file->BeginPassthrough());
  const Manifest version = Must(file->Publish());
  Must(file->Rebase(version, kNextHeads));
  WriteLongAgo(descriptor, 100, "unseen", 50);
  ASSERT_EQ(ftruncate(descriptor, kSize + 10), 0);
  SetModificationTime(descriptor, 51);
  bytes.replace(100, 6, "unseen");
  bytes.resize(kSize + 10);
  file.reset();

  Start();
  auto recovered = Recover();
  ASSERT_EQ(recovered.size(), 1);
  StagedFile& found = *recovered[0].file;
  EXPECT_FALSE(found.passes_through());
  EXPECT_TRUE(found.dirty());
  EXPECT_EQ(found.base_heads(), kNextHeads);
  EXPECT_EQ(found.base_root(), version.PlainRoot());
  EXPECT_EQ(found.mtime(), 51);
  EXPECT_TRUE(ReadAll(found) == bytes);
  EXPECT_TRUE(ReadAll(*Open(Must(found.Publish()))) == bytes);
}

TEST_F(PassthroughTest, WhatNobodyHasChangedWhenTheProcessEndsIsTheVersionThatWasThere) {
  auto file = Synced(RandomBytes(1, kSize));
  Must(file->BeginPassthrough());
  const Manifest version = Must(file->Publish());
  Must(file->Rebase(version, kNextHeads));
  file.reset();

  Start();
  auto recovered = Recover();
  ASSERT_EQ(recovered.size(), 1);
  EXPECT_EQ(Must(recovered[0].file->Publish()).PlainRoot(), version.PlainRoot());
  EXPECT_EQ(recovered[0].file->mtime(), 5);
}

TEST_F(PassthroughTest, AProgramThatOutlivesTheProcessGoesOn) {
  auto file = Synced(RandomBytes(1, kSize));
  Must(file->BeginPassthrough());
  const int program = open(DataPath().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(program, 0);
  file.reset();

  Start();
  auto recovered = Recover();
  ASSERT_EQ(recovered.size(), 1);
  StagedFile& found = *recovered[0].file;
  EXPECT_TRUE(found.passes_through());
  Must(found.Rebase(Must(found.Publish()), kNextHeads));
  WriteLongAgo(program, 0, "ghost", 60);
  EXPECT_TRUE(found.NoteUnseenWrites());
  EXPECT_EQ(ReadAll(*Open(Must(found.Publish(Precedence::kUnderWriters)))).substr(0, 5), "ghost");
  EXPECT_FALSE(Must(found.EndPassthrough()));
  close(program);
  EXPECT_TRUE(Must(found.EndPassthrough()));
}

TEST_F(PassthroughTest, TheLogSaysSoBeforeAnybodyWrites) {
  // Nothing is done after this but what a program does, and what a power cut leaves is the file as it lies there.
  auto file = Synced(RandomBytes(1, kSize));
  const int descriptor = Must(file->BeginPassthrough());
  const std::string log = Must(base::ReadWholeFile(storage_, Directory() + "/000700000000002a.extents"));
  ASSERT_EQ(pwrite(descriptor, "synced by msync(2)", 18, 0), 18);
  EXPECT_EQ(Must(base::ReadWholeFile(storage_, Directory() + "/000700000000002a.extents")), log);
  file.reset();
  Start();
  auto recovered = Recover();
  ASSERT_EQ(recovered.size(), 1);
  EXPECT_EQ(ReadAll(*recovered[0].file).substr(0, 18), "synced by msync(2)");
}

TEST_F(PassthroughTest, AKeptPlainFileMayPassThroughAgainUntilItIsKeptNoLonger) {
  std::string bytes = RandomBytes(1, kSize);
  const auto file = Synced(bytes);
  Must(file->KeepBacking(true));
  Must(file->Rebase(Must(file->Publish()), kNextHeads));
  EXPECT_FALSE(file->dirty());
  EXPECT_FALSE(file->persisted());
  EXPECT_TRUE(file->may_pass_through());
  // A write of ours goes to it, too, and only what it touched is stored again.
  Must(file->Write(10, "ours", 8));
  bytes.replace(10, 4, "ours");
  Must(file->Rebase(Must(file->Publish()), {crdt::Timestamp::Of(3, 7)}));
  EXPECT_TRUE(file->may_pass_through());

  const int descriptor = Must(file->BeginPassthrough());
  WriteLongAgo(descriptor, 20, "theirs", 9);
  bytes.replace(20, 6, "theirs");
  EXPECT_TRUE(Must(file->EndPassthrough()));
  Must(file->Rebase(Must(file->Publish()), {crdt::Timestamp::Of(4, 7)}));
  EXPECT_TRUE(file->may_pass_through());
  EXPECT_TRUE(ReadAll(*file) == bytes);
  EXPECT_TRUE(std::filesystem::exists(DataPath()));

  Must(file->KeepBacking(false));
  EXPECT_FALSE(file->may_pass_through());
  EXPECT_FALSE(std::filesystem::exists(DataPath()));
  EXPECT_TRUE(ReadAll(*file) == bytes);
}

TEST_F(PassthroughTest, WhatIsThrownAwayLeavesNoPlainFileBehind) {
  const std::string bytes = RandomBytes(1, kSize);
  const auto file = Synced(bytes);
  Must(file->KeepBacking(true));
  Must(file->Rebase(Must(file->Publish()), kNextHeads));
  Must(file->Write(0, "thrown away", 8));
  Must(file->Discard());
  EXPECT_FALSE(std::filesystem::exists(DataPath()));
  EXPECT_TRUE(ReadAll(*file) == bytes);
}

TEST_F(PassthroughTest, ReadsOfOthersAreFoundWhereTheDiskNotesThem) {
  const auto file = Synced(RandomBytes(1, kSize));
  const int descriptor = Must(file->BeginPassthrough());
  EXPECT_FALSE(file->NoteUnseenReads());
  const timespec times[2] = {{4'000'000'000, 0}, {0, UTIME_OMIT}};
  ASSERT_EQ(futimens(descriptor, times), 0);
  EXPECT_TRUE(file->NoteUnseenReads());
  EXPECT_FALSE(file->NoteUnseenReads());
  EXPECT_FALSE(file->NoteUnseenWrites());
}

}  // namespace
}  // namespace copse::fs
