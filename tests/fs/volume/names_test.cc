#include <sys/stat.h>

#include "fs/volume/volume_fixture.h"

namespace copse::fs {
namespace {

using NamesTest = VolumeTest;
using Strings = std::vector<std::string>;

TEST_F(NamesTest, ANewVolumeHasAnEmptyRootWithTwoLinks) {
  const Attributes root = Stat(kRoot);
  EXPECT_EQ(root.kind, Kind::kDirectory);
  EXPECT_EQ(root.mode, 0755u);
  EXPECT_EQ(root.links, 2u);
  EXPECT_EQ(Names(kRoot), Strings{});
}

TEST_F(NamesTest, AFileThatWasMadeIsFoundByItsName) {
  const NodeId made = MakeFile(kRoot, "a");
  EXPECT_EQ(Find(kRoot, "a"), made);
  EXPECT_EQ(Names(kRoot), Strings{"a"});
  EXPECT_EQ(Stat(made).uid, kAlice.uid);
  EXPECT_EQ(Stat(made).mode, 0644u);
}

TEST_F(NamesTest, LookingUpNothingIsENOENTAndBelowAFileENOTDIR) {
  const NodeId file = MakeFile(kRoot, "a");
  EXPECT_EQ(ErrorOf(volume().Lookup(kRoot, "b")), std::errc::no_such_file_or_directory);
  EXPECT_EQ(ErrorOf(volume().Lookup(file, "b")), std::errc::not_a_directory);
  EXPECT_EQ(ErrorOf(volume().Lookup(kRoot, std::string(256, 'x'))), std::errc::filename_too_long);
  EXPECT_EQ(ErrorOf(volume().Lookup(NodeId{12345}, "b")), std::errc::no_such_file_or_directory);
}

TEST_F(NamesTest, NamesOfAnyBytesUpTo255AreKept) {
  const std::string odd = "\xff\n\\ " + std::string(251, 'x');
  const NodeId made = MakeFile(kRoot, odd);
  EXPECT_EQ(Find(kRoot, odd), made);
  EXPECT_EQ(ErrorOf(volume().MakeDirectory(kAlice, kRoot, std::string(256, 'x'), 0755)), std::errc::filename_too_long);
}

TEST_F(NamesTest, MakingANameThatIsThereIsEEXIST) {
  const NodeId file = MakeFile(kRoot, "a");
  EXPECT_EQ(ErrorOf(volume().MakeDirectory(kAlice, kRoot, "a", 0755)), std::errc::file_exists);
  EXPECT_EQ(ErrorOf(volume().MakeSymlink(kAlice, kRoot, "a", "x")), std::errc::file_exists);
  EXPECT_EQ(ErrorOf(volume().Link(kAlice, file, kRoot, "a")), std::errc::file_exists);
  EXPECT_EQ(ErrorOf(volume().MakeNode(kAlice, kRoot, "a", Kind::kFifo, 0600, 0)), std::errc::file_exists);
  EXPECT_EQ(ErrorOf(volume().Create(kAlice, kRoot, "a", 0600, {})), std::errc::file_exists);
}

TEST_F(NamesTest, SpecialFilesKeepTheirKindAndDevice) {
  const auto fifo = volume().MakeNode(kAlice, kRoot, "fifo", Kind::kFifo, 0600, 99);
  const auto device = volume().MakeNode(kAlice, kRoot, "null", Kind::kCharacterDevice, 0666, 259);
  ASSERT_TRUE(fifo.ok() && device.ok());
  EXPECT_EQ(Stat(fifo->node).kind, Kind::kFifo);
  EXPECT_EQ(Stat(fifo->node).device, 0u);
  EXPECT_EQ(Stat(device->node).kind, Kind::kCharacterDevice);
  EXPECT_EQ(Stat(device->node).device, 259u);
}

TEST_F(NamesTest, ASymbolicLinkSaysWhereItLeads) {
  const auto link = volume().MakeSymlink(kAlice, kRoot, "l", "../somewhere");
  ASSERT_TRUE(link.ok());
  EXPECT_EQ(*volume().ReadLink(link->node), "../somewhere");
  EXPECT_EQ(Stat(link->node).size, 12u);
  EXPECT_EQ(Stat(link->node).mode, 0777u);
  EXPECT_EQ(ErrorOf(volume().ReadLink(kRoot)), std::errc::invalid_argument);
  EXPECT_EQ(ErrorOf(volume().MakeSymlink(kAlice, kRoot, "m", std::string(4096, 'x'))), std::errc::filename_too_long);
}

TEST_F(NamesTest, ADirectoryCountsItsSubdirectoriesAsLinks) {
  const NodeId parent = MakeDirectory(kRoot, "d");
  MakeDirectory(parent, "a");
  MakeDirectory(parent, "b");
  MakeFile(parent, "f");
  EXPECT_EQ(Stat(parent).links, 4u);
  ASSERT_TRUE(volume().RemoveDirectory(kAlice, parent, "a").ok());
  EXPECT_EQ(Stat(parent).links, 3u);
}

TEST_F(NamesTest, EntriesOfASetgidDirectoryGetItsGroupAndDirectoriesTheBit) {
  const NodeId parent = MakeDirectory(kRoot, "d");
  ASSERT_TRUE(volume().SetAttributes(kAlice, parent, {.mode = 02775, .gid = 50}).ok());
  const NodeId file = MakeFile(parent, "f");
  const NodeId directory = MakeDirectory(parent, "sub");
  EXPECT_EQ(Stat(file).gid, 50u);
  EXPECT_EQ(Stat(file).mode, 0644u);
  EXPECT_EQ(Stat(directory).gid, 50u);
  EXPECT_EQ(Stat(directory).mode, 02755u);
}

TEST_F(NamesTest, HardlinksShareOneInode) {
  const NodeId file = MakeFile(kRoot, "a", "bytes");
  world_.Advance(kSecond);
  const auto linked = volume().Link(kAlice, file, kRoot, "b");
  ASSERT_TRUE(linked.ok());
  EXPECT_EQ(linked->node, file);
  EXPECT_EQ(linked->attributes.links, 2u);
  EXPECT_EQ(linked->attributes.ctime, world_.clock.Now());
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "a").ok());
  EXPECT_EQ(Stat(file).links, 1u);
  EXPECT_EQ(Contents(Find(kRoot, "b")), "bytes");
}

TEST_F(NamesTest, ADirectoryOrARemovedFileCannotBeLinked) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  EXPECT_EQ(ErrorOf(volume().Link(kAlice, directory, kRoot, "e")), std::errc::operation_not_permitted);
  const NodeId file = MakeFile(kRoot, "a");
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "a").ok());
  EXPECT_EQ(ErrorOf(volume().Link(kAlice, file, kRoot, "b")), std::errc::no_such_file_or_directory);
}

TEST_F(NamesTest, UnlinkIsForFilesAndRmdirForEmptyDirectories) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  MakeFile(directory, "f");
  EXPECT_EQ(ErrorOf(volume().Unlink(kAlice, kRoot, "d")), std::errc::is_a_directory);
  EXPECT_EQ(ErrorOf(volume().RemoveDirectory(kAlice, directory, "f")), std::errc::not_a_directory);
  EXPECT_EQ(ErrorOf(volume().RemoveDirectory(kAlice, kRoot, "d")), std::errc::directory_not_empty);
  EXPECT_EQ(ErrorOf(volume().Unlink(kAlice, kRoot, "x")), std::errc::no_such_file_or_directory);
  ASSERT_TRUE(volume().Unlink(kAlice, directory, "f").ok());
  EXPECT_TRUE(volume().RemoveDirectory(kAlice, kRoot, "d").ok());
  EXPECT_EQ(Names(kRoot), Strings{});
}

TEST_F(NamesTest, ADeletedDirectoryIsStillThereForWhoIsInItAndTakesNothing) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  ASSERT_TRUE(volume().RemoveDirectory(kAlice, kRoot, "d").ok());
  EXPECT_EQ(Stat(directory).links, 0u);
  EXPECT_EQ(Names(directory), Strings{});
  EXPECT_EQ(ErrorOf(volume().MakeDirectory(kAlice, directory, "x", 0755)), std::errc::no_such_file_or_directory);
  EXPECT_EQ(ErrorOf(volume().Create(kAlice, directory, "x", 0644, {})), std::errc::no_such_file_or_directory);
  EXPECT_EQ(ErrorOf(volume().Parent(directory)), std::errc::no_such_file_or_directory);
}

TEST_F(NamesTest, ChangingEntriesMovesTheTimesOfTheDirectory) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  world_.Advance(kSecond);
  MakeFile(directory, "f");
  EXPECT_EQ(Stat(directory).mtime, world_.clock.Now());
  EXPECT_EQ(Stat(directory).ctime, world_.clock.Now());
  world_.Advance(kSecond);
  ASSERT_TRUE(volume().Unlink(kAlice, directory, "f").ok());
  EXPECT_EQ(Stat(directory).mtime, world_.clock.Now());
}

TEST_F(NamesTest, ACallMakesOneBatch) {
  const auto batches = [&] {
    const auto ops = world_.journal.ops();
    return std::count_if(ops.begin(), ops.end(), [](const crdt::Op& op) { return op.ends_batch; });
  };
  const NodeId file = MakeFile(kRoot, "a");
  EXPECT_EQ(batches(), 1);
  ASSERT_TRUE(volume().Link(kAlice, file, kRoot, "b").ok());
  EXPECT_EQ(batches(), 2);
  MakeFile(kRoot, "c");
  EXPECT_EQ(batches(), 3);
  ASSERT_TRUE(volume().Rename(kAlice, kRoot, "a", kRoot, "c", 0).ok());
  EXPECT_EQ(batches(), 4);
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "b").ok());
  EXPECT_EQ(batches(), 5);
}

TEST_F(NamesTest, LookupsAreCountedUntilTheyAreForgotten) {
  const NodeId file = MakeFile(kRoot, "a");  // Create counts one.
  Find(kRoot, "a");
  ASSERT_TRUE(volume().Link(kAlice, file, kRoot, "b").ok());
  EXPECT_EQ(volume().GetUsage().lookups, 3u);
  volume().Forget(file, 2);
  EXPECT_EQ(volume().GetUsage().lookups, 1u);
  volume().Forget(file, 1);
  EXPECT_EQ(volume().GetUsage().lookups, 0u);
}

TEST_F(NamesTest, ANewProcessFindsTheSameInodes) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  const NodeId file = MakeFile(directory, "f", "kept");
  world_.Reopen();
  EXPECT_EQ(Find(kRoot, "d"), directory);
  EXPECT_EQ(Find(directory, "f"), file);
  EXPECT_EQ(Contents(file), "kept");
}

TEST_F(NamesTest, AReadOnlyVolumeRefusesEveryChangeWithEROFS) {
  const NodeId file = MakeFile(kRoot, "a", "bytes");
  ASSERT_TRUE(volume().Flush().ok());
  world_.options.read_only = true;
  world_.Reopen();
  const auto kErofs = std::errc::read_only_file_system;
  EXPECT_EQ(ErrorOf(volume().MakeDirectory(kAlice, kRoot, "d", 0755)), kErofs);
  EXPECT_EQ(ErrorOf(volume().MakeSymlink(kAlice, kRoot, "l", "x")), kErofs);
  EXPECT_EQ(ErrorOf(volume().Create(kAlice, kRoot, "b", 0644, {.write = true})), kErofs);
  EXPECT_EQ(ErrorOf(volume().Link(kAlice, file, kRoot, "b")), kErofs);
  EXPECT_EQ(ErrorOf(volume().Unlink(kAlice, kRoot, "a")), kErofs);
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "a", kRoot, "b", 0)), kErofs);
  EXPECT_EQ(ErrorOf(volume().SetAttributes(kAlice, file, {.mode = 0600})), kErofs);
  EXPECT_EQ(ErrorOf(volume().SetXattr(kAlice, file, "user.x", "1", Volume::XattrMode::kSet)), kErofs);
  EXPECT_EQ(ErrorOf(volume().RemoveXattr(kAlice, file, "user.x")), kErofs);
  EXPECT_EQ(ErrorOf(volume().Open(file, {.write = true})), kErofs);
  EXPECT_EQ(ErrorOf(volume().Write(file, nullptr, 0, "x")), kErofs);
  EXPECT_EQ(ErrorOf(volume().Fallocate(file, nullptr, 0, 0, 10)), kErofs);
  EXPECT_EQ(Contents(file), "bytes");
}

TEST_F(NamesTest, BelowTheReserveNothingNewIsTakenAndDeletingGoesOn) {
  const NodeId file = MakeFile(kRoot, "a", "bytes");
  MakeFile(kRoot, "b");
  ASSERT_TRUE(volume().Flush().ok());
  world_.storage.SetFreeBytes(world_.options.reserve_bytes / 2);
  world_.Advance(kSecond);
  const auto kEnospc = std::errc::no_space_on_device;
  EXPECT_EQ(ErrorOf(volume().Create(kAlice, kRoot, "c", 0644, {})), kEnospc);
  EXPECT_EQ(ErrorOf(volume().MakeDirectory(kAlice, kRoot, "c", 0755)), kEnospc);
  EXPECT_EQ(ErrorOf(volume().MakeSymlink(kAlice, kRoot, "c", "x")), kEnospc);
  EXPECT_EQ(ErrorOf(volume().Link(kAlice, file, kRoot, "c")), kEnospc);
  EXPECT_EQ(ErrorOf(volume().Write(file, nullptr, 0, "x")), kEnospc);
  EXPECT_EQ(ErrorOf(volume().Fallocate(file, nullptr, 0, 0, 100)), kEnospc);
  EXPECT_EQ(ErrorOf(volume().SetXattr(kAlice, file, "user.x", "1", Volume::XattrMode::kSet)), kEnospc);
  EXPECT_TRUE(volume().SetAttributes(kAlice, file, {.size = 0}).ok());
  EXPECT_TRUE(volume().Rename(kAlice, kRoot, "b", kRoot, "e", 0).ok());
  EXPECT_TRUE(volume().Unlink(kAlice, kRoot, "e").ok());
  world_.storage.SetFreeBytes(std::uint64_t{1} << 40);
  EXPECT_TRUE(volume().Create(kAlice, kRoot, "c", 0644, {}).ok());
}

TEST_F(NamesTest, DfSeesTheDiskLessTheReserve) {
  world_.storage.SetFreeBytes(10 << 20);
  const auto space = volume().GetSpace();
  ASSERT_TRUE(space.ok());
  EXPECT_EQ(space->free_blocks * space->block_bytes, 10u << 20);
  EXPECT_LT(space->available_blocks, space->free_blocks);
  EXPECT_EQ(space->name_bytes_max, 255u);
}

}  // namespace
}  // namespace copse::fs
