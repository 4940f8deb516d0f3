#include "fs/volume/volume_fixture.h"

namespace copse::fs {
namespace {

class ContentsTest : public VolumeTest {
 protected:
  Volume::Handle* Open(NodeId node, Volume::OpenFlags flags) {
    const auto handle = volume().Open(node, flags);
    EXPECT_TRUE(handle.ok()) << handle.status();
    return handle.ok() ? *handle : nullptr;
  }
  void Write(NodeId node, Volume::Handle* handle, std::uint64_t offset, std::string_view bytes) {
    const auto written = volume().Write(node, handle, offset, bytes);
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ(*written, bytes.size());
  }
  /// How many ops have written a version of contents.
  std::size_t Versions() {
    std::size_t versions = 0;
    for (const crdt::Op& op : world_.journal.ops()) {
      for (const crdt::Field& field : op.fields) versions += field.id.number == 10 && field.value ? 1 : 0;
    }
    return versions;
  }
};

TEST_F(ContentsTest, WhatWasWrittenIsReadThroughEveryHandle) {
  const NodeId file = MakeFile(kRoot, "a");
  Volume::Handle* writer = Open(file, {.write = true});
  Volume::Handle* reader = Open(file, {});
  Write(file, writer, 0, "hello");
  Write(file, writer, 8, "world");
  std::string bytes(20, '?');
  EXPECT_EQ(*volume().Read(file, reader, 0, bytes), 13u);
  EXPECT_EQ(bytes.substr(0, 13), std::string("hello\0\0\0world", 13));
  EXPECT_EQ(Stat(file).size, 13u);
  volume().Release(reader);
  volume().Release(writer);
  EXPECT_EQ(volume().GetUsage().open_handles, 0u);
}

TEST_F(ContentsTest, WhatIsAppendedIsAtTheEndAndItsOffsetIsTold) {
  const NodeId file = MakeFile(kRoot, "log", "one\n");
  Volume::Handle* handle = Open(file, {.write = true});
  const auto offset = volume().Append(file, handle, "two\n");
  ASSERT_TRUE(offset.ok()) << offset.status();
  EXPECT_EQ(*offset, 4u);
  EXPECT_EQ(*volume().Append(file, handle, ""), 8u);
  volume().Release(handle);
  EXPECT_EQ(Contents(file), "one\ntwo\n");
}

TEST_F(ContentsTest, OpeningToTruncateEmptiesTheFile) {
  const NodeId file = MakeFile(kRoot, "a", "bytes");
  world_.Advance(kSecond);
  Volume::Handle* handle = Open(file, {.write = true, .truncate = true});
  EXPECT_EQ(Stat(file).size, 0u);
  EXPECT_EQ(Stat(file).mtime, world_.clock.Now());
  volume().Release(handle);
  EXPECT_EQ(Contents(file), "");
}

TEST_F(ContentsTest, TruncatingToTheSameSizeMovesTheTime) {
  const NodeId file = MakeFile(kRoot, "a", "bytes");
  for (int step = 0; step < 2; ++step) {
    world_.Advance(kSecond);
    ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.size = step == 0 ? 5u : 0u}).ok());
    EXPECT_EQ(Stat(file).mtime, world_.clock.Now());
  }
  world_.Advance(kSecond);
  volume().Release(Open(file, {.write = true, .truncate = true}));
  EXPECT_EQ(Stat(file).mtime, world_.clock.Now());
  EXPECT_EQ(Stat(file).ctime, world_.clock.Now());
}

TEST_F(ContentsTest, OnlyRegularFilesAreOpened) {
  EXPECT_EQ(ErrorOf(volume().Open(kRoot, {})), std::errc::is_a_directory);
  const auto fifo = volume().MakeNode(kAlice, kRoot, "fifo", Kind::kFifo, 0600, 0);
  EXPECT_EQ(ErrorOf(volume().Open(fifo->node, {})), std::errc::invalid_argument);
  EXPECT_EQ(ErrorOf(volume().Open(NodeId{999}, {})), std::errc::no_such_file_or_directory);
}

TEST_F(ContentsTest, AReadersHandleDoesNotWrite) {
  const NodeId file = MakeFile(kRoot, "a");
  Volume::Handle* handle = Open(file, {});
  EXPECT_EQ(ErrorOf(volume().Write(file, handle, 0, "x")), std::errc::bad_file_descriptor);
  volume().Release(handle);
}

TEST_F(ContentsTest, AClosedFileIsPublishedSoonAndAsOneVersion) {
  const NodeId file = MakeFile(kRoot, "a");
  Volume::Handle* handle = Open(file, {.write = true});
  for (int i = 0; i < 10; ++i) Write(file, handle, static_cast<std::uint64_t>(i), "x");
  EXPECT_EQ(Versions(), 0u);
  EXPECT_EQ(volume().GetUsage().dirty_files, 1u);
  volume().Release(handle);
  EXPECT_EQ(Versions(), 0u) << "close is not kept waiting";
  world_.executor.RunDue();
  EXPECT_EQ(Versions(), 1u);
  EXPECT_EQ(volume().GetUsage().dirty_files, 0u);
  EXPECT_EQ(Contents(file), "xxxxxxxxxx");
}

TEST_F(ContentsTest, ALargeFileThatWasClosedIsPublishedWhenItHasRestedAsLongAsThatTakes) {
  const NodeId file = MakeFile(kRoot, "a");
  for (const bool is_synced : {false, true}) {
    const std::uint64_t before = Versions();
    Volume::Handle* handle = Open(file, {.write = true});
    Write(file, handle, 0, std::string(64 << 20, is_synced ? 's' : 'x'));
    if (is_synced) {
      EXPECT_TRUE(volume().Fsync(file).ok());
    }
    volume().Release(handle);
    world_.Advance(std::chrono::milliseconds(200));
    EXPECT_EQ(Versions(), before) << "whoever wrote it may go on with it";
    world_.Advance(std::chrono::milliseconds(100));
    EXPECT_EQ(Versions(), before + 1);
    world_.Advance(kSecond * 2);
  }
}

TEST_F(ContentsTest, AnOpenFileIsPublishedWhenItHasRested) {
  const NodeId file = MakeFile(kRoot, "a");
  Volume::Handle* handle = Open(file, {.write = true});
  Write(file, handle, 0, "x");
  world_.Advance(std::chrono::milliseconds(1500));
  Write(file, handle, 1, "y");
  world_.Advance(std::chrono::milliseconds(1500));
  EXPECT_EQ(Versions(), 0u) << "written 1.5 s ago";
  world_.Advance(std::chrono::milliseconds(500));
  EXPECT_EQ(Versions(), 1u);
  volume().Release(handle);
  world_.Advance(kSecond * 10);
  EXPECT_EQ(Versions(), 1u);
}

TEST_F(ContentsTest, PublicationChangesNothingThatStatShows) {
  const NodeId file = MakeFile(kRoot, "a");
  Volume::Handle* handle = Open(file, {.write = true});
  Write(file, handle, 0, "bytes");
  world_.Advance(std::chrono::milliseconds(10));
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.mode = 0600, .mtime = 12345}).ok());
  const Attributes before = Stat(file);
  EXPECT_EQ(before.mtime, 12345);
  EXPECT_EQ(before.ctime, world_.clock.Now());
  volume().Release(handle);
  world_.Advance(kSecond);
  ASSERT_EQ(Versions(), 1u);
  const Attributes after = Stat(file);
  EXPECT_EQ(after.mtime, before.mtime);
  EXPECT_EQ(after.ctime, before.ctime);
  EXPECT_EQ(after.size, before.size);
}

TEST_F(ContentsTest, AWriteAfterUtimensMovesTheTimeAgain) {
  const NodeId file = MakeFile(kRoot, "a", "bytes");
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.mtime = 12345}).ok());
  world_.Advance(kSecond);
  EXPECT_EQ(Stat(file).mtime, 12345);
  Volume::Handle* handle = Open(file, {.write = true});
  Write(file, handle, 0, "B");
  EXPECT_EQ(Stat(file).mtime, world_.clock.Now());
  volume().Release(handle);
}

TEST_F(ContentsTest, WritingTheSameBytesMovesTheTimeAndMakesNoVersion) {
  const NodeId file = MakeFile(kRoot, "a", "bytes");
  world_.Advance(kSecond);
  ASSERT_EQ(Versions(), 1u);
  Volume::Handle* handle = Open(file, {.write = true});
  Write(file, handle, 0, "bytes");
  const base::UnixNanoseconds written = world_.clock.Now();
  volume().Release(handle);
  world_.Advance(kSecond);
  EXPECT_EQ(Versions(), 1u);
  EXPECT_EQ(Stat(file).mtime, written);
  EXPECT_EQ(Stat(file).ctime, written);
}

TEST_F(ContentsTest, AnUnlinkedFileWorksUntilItsLastHandleAndIsNotPublished) {
  const NodeId file = MakeFile(kRoot, "tmp");
  Volume::Handle* handle = Open(file, {.write = true});
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "tmp").ok());
  Write(file, handle, 0, "scratch");
  EXPECT_EQ(Stat(file).links, 0u);
  EXPECT_EQ(Stat(file).size, 7u);
  std::string bytes(7, '?');
  EXPECT_EQ(*volume().Read(file, handle, 0, bytes), 7u);
  EXPECT_EQ(bytes, "scratch");
  world_.Advance(kSecond * 5);
  volume().Release(handle);
  volume().Forget(file, 1);
  world_.Advance(kSecond * 5);
  EXPECT_EQ(Versions(), 0u);
  EXPECT_EQ(volume().GetUsage().dirty_files, 0u);
  EXPECT_EQ(volume().GetUsage().lookups, 0u);
}

TEST_F(ContentsTest, WhatWasClosedBeforeItsDeletionIsWholeInTheTrash) {
  const NodeId file = MakeFile(kRoot, "a", "precious");
  EXPECT_EQ(Versions(), 0u);
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "a").ok());
  ASSERT_EQ(volume().ListTrash().size(), 1u);
  EXPECT_EQ(volume().ListTrash()[0].size, 8u);
  volume().Forget(file, 1);
  world_.Reopen();
  ASSERT_TRUE(volume().RestoreFromTrash(volume().ListTrash()[0].node).ok());
  EXPECT_EQ(Contents(Find(kRoot, "a")), "precious");
}

TEST_F(ContentsTest, WhatWasFsyncedSurvivesACrashAndWhatWasNotMayNot) {
  const NodeId file = MakeFile(kRoot, "a");
  Volume::Handle* handle = Open(file, {.write = true});
  Write(file, handle, 0, "first");
  ASSERT_TRUE(volume().Fsync(file).ok());
  EXPECT_EQ(Versions(), 1u) << "small and not published lately: at once";
  Write(file, handle, 5, " second");
  ASSERT_TRUE(volume().Fsync(file).ok());
  EXPECT_EQ(Versions(), 1u) << "within a second: staged";
  Write(file, handle, 12, " third");
  world_.CrashAndReopen();
  EXPECT_TRUE(world_.notes.empty()) << world_.notes[0];
  EXPECT_EQ(Contents(Find(kRoot, "a")), "first second");
}

TEST_F(ContentsTest, ACrashBetweenAVersionAndTheEndOfItsStagingMakesNoSecondHead) {
  const NodeId file = MakeFile(kRoot, "a", "base");
  ASSERT_TRUE(volume().Fsync(file).ok());
  Volume::Handle* handle = Open(file, {.write = true});
  Write(file, handle, 0, "staged");
  ASSERT_TRUE(volume().Fsync(file).ok());  // Staged only: published a moment ago.
  // The op of the version becomes durable while the disk forgets that the staging was dropped.
  base::MemoryStorage& disk = world_.storage;
  disk.CutPowerAfter(0);
  world_.Advance(kSecond * 3);
  ASSERT_TRUE(world_.journal.Sync().ok());
  EXPECT_EQ(Versions(), 2u);
  world_.CrashAndReopen();
  EXPECT_EQ(Contents(Find(kRoot, "a")), "staged");
  EXPECT_EQ(world_.replica->tree().Versions(file, 10).size(), 1u);
}

TEST_F(ContentsTest, FlushPublishesEverythingAndMakesItDurable) {
  const NodeId a = MakeFile(kRoot, "a", "bytes of a");
  MakeFile(kRoot, "b", "bytes of b");
  ASSERT_TRUE(volume().Flush().ok());
  EXPECT_EQ(Versions(), 2u);
  EXPECT_EQ(world_.journal.durable(), world_.journal.op_count());
  world_.CrashAndReopen();
  EXPECT_EQ(Find(kRoot, "a"), a);
  EXPECT_EQ(Contents(a), "bytes of a");
}

TEST_F(ContentsTest, TruncatingCutsAndExtendsWithZeros) {
  const NodeId file = MakeFile(kRoot, "a", "0123456789");
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.size = 4}).ok());
  EXPECT_EQ(Contents(file), "0123");
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.size = 6}).ok());
  EXPECT_EQ(Contents(file), std::string("0123\0\0", 6));
  world_.Advance(kSecond);
  EXPECT_EQ(Versions(), 1u) << "published though nobody had it open";
  EXPECT_EQ(ErrorOf(volume().SetAttributes(kAlice, kRoot, {.size = 0})), std::errc::is_a_directory);
  EXPECT_EQ(ErrorOf(volume().SetAttributes(kAlice, file, {.size = std::uint64_t{1} << 63})), std::errc::file_too_large);
}

TEST_F(ContentsTest, FallocateGrowsPunchesAndZeroes) {
  const NodeId file = MakeFile(kRoot, "a", "0123456789");
  Volume::Handle* handle = Open(file, {.write = true});
  ASSERT_TRUE(volume().Fallocate(file, handle, 0, 5, 10).ok());
  EXPECT_EQ(Stat(file).size, 15u);
  ASSERT_TRUE(volume().Fallocate(file, handle, Volume::kKeepSize, 0, 100).ok());
  EXPECT_EQ(Stat(file).size, 15u);
  ASSERT_TRUE(volume().Fallocate(file, handle, Volume::kPunchHole | Volume::kKeepSize, 2, 3).ok());
  ASSERT_TRUE(volume().Fallocate(file, handle, Volume::kZeroRange, 8, 10).ok());
  EXPECT_EQ(Contents(file), std::string("01\0\0\0"
                                        "567\0\0\0\0\0\0\0\0\0\0",
                                        18));
  EXPECT_EQ(ErrorOf(volume().Fallocate(file, handle, Volume::kPunchHole, 0, 1)), std::errc::operation_not_supported);
  EXPECT_EQ(ErrorOf(volume().Fallocate(file, handle, 8, 0, 1)), std::errc::operation_not_supported);
  EXPECT_EQ(ErrorOf(volume().Fallocate(file, handle, 0, 0, 0)), std::errc::invalid_argument);
  EXPECT_EQ(ErrorOf(volume().Fallocate(file, handle, 0, INT64_MAX, 1)), std::errc::file_too_large);
  volume().Release(handle);
}

TEST_F(ContentsTest, FallocateThatChangesNoByteMovesTheTimesAllTheSame) {
  const NodeId file = MakeFile(kRoot, "a", "0123456789");
  Volume::Handle* handle = Open(file, {.write = true});
  for (const int mode : {Volume::kKeepSize | 0, Volume::kPunchHole | Volume::kKeepSize}) {
    world_.Advance(kSecond);
    ASSERT_TRUE(volume().Fallocate(file, handle, mode, 100, 50).ok());
    EXPECT_EQ(Stat(file).mtime, world_.clock.Now());
    EXPECT_EQ(Stat(file).ctime, world_.clock.Now());
  }
  volume().Release(handle);
}

TEST_F(ContentsTest, SeekFindsDataAndHoles) {
  const NodeId file = MakeFile(kRoot, "a");
  Volume::Handle* handle = Open(file, {.write = true});
  Write(file, handle, 1 << 20, "data");
  EXPECT_EQ(*volume().Seek(file, 0, true), 1u << 20);
  EXPECT_EQ(*volume().Seek(file, 0, false), 0u);
  EXPECT_EQ(*volume().Seek(file, 1 << 20, false), (1u << 20) + 4);
  EXPECT_EQ(ErrorOf(volume().Seek(file, (1 << 20) + 4, true)), std::errc::no_such_device_or_address);
  volume().Release(handle);
}

TEST_F(ContentsTest, CopyRangeCopiesBetweenFilesAndRefusesOverlap) {
  const NodeId from = MakeFile(kRoot, "from", "0123456789");
  const NodeId to = MakeFile(kRoot, "to", "abc");
  EXPECT_EQ(*volume().CopyRange(from, nullptr, 2, to, nullptr, 1, 5), 5u);
  EXPECT_EQ(Contents(to), "a23456");
  EXPECT_EQ(*volume().CopyRange(from, nullptr, 8, to, nullptr, 0, 100), 2u) << "up to the end of the source";
  EXPECT_EQ(ErrorOf(volume().CopyRange(from, nullptr, 0, from, nullptr, 2, 5)), std::errc::invalid_argument);
}

TEST_F(ContentsTest, WritingClearsSetIdBitsForTheUnprivilegedAndCapabilitiesForAll) {
  const NodeId file = MakeFile(kRoot, "a");
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.mode = 06755}).ok());
  ASSERT_TRUE(volume().SetXattr(kAlice, file, "security.capability", "x", Volume::XattrMode::kSet).ok());
  ASSERT_TRUE(volume().Write(file, nullptr, 0, "x").ok());
  EXPECT_EQ(Stat(file).mode, 06755u);
  EXPECT_EQ(ErrorOf(volume().GetXattr(file, "security.capability")), std::errc::no_message_available);
  ASSERT_TRUE(volume().Write(file, nullptr, 0, "x", {.clears = true}).ok());
  EXPECT_EQ(Stat(file).mode, 0755u);
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.mode = 02644}).ok());
  ASSERT_TRUE(volume().Write(file, nullptr, 0, "x", {.clears = true}).ok());
  EXPECT_EQ(Stat(file).mode, 02644u) << "without group execution the bit means mandatory locking";
}

TEST_F(ContentsTest, AFullChunkStoreLeavesTheFileDirtyAndItIsPublishedLater) {
  world_.content.FailPutsAfter(0);
  const std::string long_contents(100000, 'x');
  const NodeId file = MakeFile(kRoot, "a", long_contents);
  EXPECT_EQ(ErrorOf(volume().Flush()), std::errc::no_space_on_device);
  EXPECT_EQ(volume().GetUsage().dirty_files, 1u);
  EXPECT_EQ(Contents(file), long_contents);
  world_.content.FailPutsAfter(-1);
  world_.Advance(kSecond * 10);
  EXPECT_EQ(Versions(), 1u);
}

TEST_F(ContentsTest, ReadingMovesTheAccessTimeOnceAChange) {
  const NodeId file = MakeFile(kRoot, "a", "bytes");
  const std::size_t ops_before = (world_.Advance(kSecond), world_.journal.op_count());
  const auto read = [&] {
    Volume::Handle* handle = Open(file, {});
    std::string bytes(5, '?');
    EXPECT_TRUE(volume().Read(file, handle, 0, bytes).ok());
    volume().Release(handle);
  };
  read();
  const base::UnixNanoseconds first = world_.clock.Now();
  EXPECT_EQ(Stat(file).atime, first);
  world_.Advance(kSecond);
  read();
  EXPECT_EQ(Stat(file).atime, first) << "as relatime does";
  EXPECT_EQ(world_.journal.op_count(), ops_before) << "an access is no op";
}

TEST_F(ContentsTest, ALargeFileIsWholeAfterPublicationAndRestart) {
  std::string bytes;
  for (std::uint64_t i = 0; bytes.size() < 3'000'000; ++i) bytes += std::to_string(i * 7919) + ",";
  const NodeId file = MakeFile(kRoot, "big");
  Volume::Handle* handle = Open(file, {.write = true});
  for (std::size_t at = 0; at < bytes.size(); at += 128 * 1024) {
    Write(file, handle, at, std::string_view(bytes).substr(at, 128 * 1024));
  }
  volume().Release(handle);
  world_.Reopen();
  std::string read_back(bytes.size(), '\0');
  ASSERT_EQ(*volume().Read(file, nullptr, 0, read_back), bytes.size());
  EXPECT_TRUE(read_back == bytes);
}

}  // namespace
}  // namespace copse::fs
