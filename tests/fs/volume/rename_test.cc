#include "fs/volume/volume_fixture.h"

namespace copse::fs {
namespace {

using RenameTest = VolumeTest;
using Strings = std::vector<std::string>;

TEST_F(RenameTest, MovesANameAndItsInodeStays) {
  const NodeId file = MakeFile(kRoot, "a", "bytes");
  const NodeId directory = MakeDirectory(kRoot, "d");
  world_.Advance(kSecond);
  ASSERT_TRUE(volume().Rename(kAlice, kRoot, "a", directory, "b", 0).ok());
  EXPECT_EQ(Find(kRoot, "a"), NodeId{});
  EXPECT_EQ(Find(directory, "b"), file);
  EXPECT_EQ(Stat(file).ctime, world_.clock.Now()) << "as on ext4";
  EXPECT_NE(Stat(file).mtime, world_.clock.Now());
  EXPECT_EQ(Stat(kRoot).mtime, world_.clock.Now());
  EXPECT_EQ(Stat(directory).mtime, world_.clock.Now());
}

TEST_F(RenameTest, OverAFileTheSourceTakesTheNameAndTheOldOneGoesToTrash) {
  const NodeId source = MakeFile(kRoot, "new", "new bytes");
  const NodeId target = MakeFile(kRoot, "f", "old bytes");
  ASSERT_TRUE(volume().Rename(kAlice, kRoot, "new", kRoot, "f", 0).ok());
  EXPECT_EQ(Find(kRoot, "f"), source);
  EXPECT_EQ(Stat(target).links, 0u);
  EXPECT_EQ(Contents(source), "new bytes");
  ASSERT_EQ(volume().ListTrash().size(), 1u);
  EXPECT_EQ(volume().ListTrash()[0].path, "f");
  EXPECT_EQ(volume().ListTrash()[0].size, 9u);
}

TEST_F(RenameTest, OfTwoNamesInOneDirectoryTakesTheOneThatWasNamedThoughTheVictimIsPublishedFirst) {
  const NodeId source = MakeFile(kRoot, "a", "new bytes");
  ASSERT_TRUE(volume().Link(kAlice, source, kRoot, "b").ok());
  const NodeId target = MakeFile(kRoot, "c", "old bytes");
  ASSERT_TRUE(volume().SetAttributes(kAlice, target, {.size = 2}).ok());
  ASSERT_GE(volume().GetUsage().dirty_files, 1u);
  ASSERT_TRUE(volume().Rename(kAlice, kRoot, "b", kRoot, "c", 0).ok());
  EXPECT_EQ(Find(kRoot, "a"), source);
  EXPECT_EQ(Find(kRoot, "b"), NodeId{});
  EXPECT_EQ(Find(kRoot, "c"), source);
}

TEST_F(RenameTest, KindsMustMatchAndDirectoriesMustBeEmpty) {
  MakeFile(kRoot, "f");
  const NodeId full = MakeDirectory(kRoot, "full");
  MakeFile(full, "x");
  MakeDirectory(kRoot, "empty");
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "f", kRoot, "empty", 0)), std::errc::is_a_directory);
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "empty", kRoot, "f", 0)), std::errc::not_a_directory);
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "empty", kRoot, "full", 0)), std::errc::directory_not_empty);
  EXPECT_TRUE(volume().Rename(kAlice, kRoot, "full", kRoot, "empty", 0).ok());
  EXPECT_EQ(Names(kRoot), (Strings{"empty", "f"}));
  EXPECT_EQ(Find(kRoot, "empty"), full);
}

TEST_F(RenameTest, ADirectoryCannotGoBelowItself) {
  const NodeId outer = MakeDirectory(kRoot, "outer");
  const NodeId inner = MakeDirectory(outer, "inner");
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "outer", inner, "x", 0)), std::errc::invalid_argument);
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "outer", outer, "x", 0)), std::errc::invalid_argument);
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, outer, "inner", kRoot, "outer", 0)), std::errc::directory_not_empty);
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, outer, "inner", kRoot, "outer", Volume::kRenameExchange)),
            std::errc::invalid_argument);
}

TEST_F(RenameTest, OfOneHardlinkOverAnotherDoesNothing) {
  const NodeId file = MakeFile(kRoot, "a");
  ASSERT_TRUE(volume().Link(kAlice, file, kRoot, "b").ok());
  const std::size_t ops = world_.journal.op_count();
  EXPECT_TRUE(volume().Rename(kAlice, kRoot, "a", kRoot, "b", 0).ok());
  EXPECT_EQ(Names(kRoot), (Strings{"a", "b"}));
  EXPECT_EQ(world_.journal.op_count(), ops);
}

TEST_F(RenameTest, NoReplaceRefusesATakenName) {
  MakeFile(kRoot, "a");
  MakeFile(kRoot, "b");
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "a", kRoot, "b", Volume::kRenameNoReplace)), std::errc::file_exists);
  EXPECT_TRUE(volume().Rename(kAlice, kRoot, "a", kRoot, "c", Volume::kRenameNoReplace).ok());
}

TEST_F(RenameTest, ExchangeSwapsEvenAFileAndADirectory) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  const NodeId inside = MakeFile(directory, "inside");
  const NodeId file = MakeFile(kRoot, "f");
  ASSERT_TRUE(volume().Rename(kAlice, kRoot, "d", kRoot, "f", Volume::kRenameExchange).ok());
  EXPECT_EQ(Find(kRoot, "f"), directory);
  EXPECT_EQ(Find(kRoot, "d"), file);
  EXPECT_EQ(Find(directory, "inside"), inside);
  EXPECT_TRUE(volume().ListTrash().empty());
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "f", kRoot, "none", Volume::kRenameExchange)),
            std::errc::no_such_file_or_directory);
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "f", kRoot, "x", 3)), std::errc::invalid_argument);
}

TEST_F(RenameTest, NothingAndIntoNothingAreENOENT) {
  MakeFile(kRoot, "f");
  const NodeId gone = MakeDirectory(kRoot, "gone");
  ASSERT_TRUE(volume().RemoveDirectory(kAlice, kRoot, "gone").ok());
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "x", kRoot, "y", 0)), std::errc::no_such_file_or_directory);
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "f", gone, "y", 0)), std::errc::no_such_file_or_directory);
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, kRoot, "f", kRoot, std::string(256, 'x'), 0)),
            std::errc::filename_too_long);
}

TEST_F(RenameTest, AMovedDirectoryKnowsItsNewParent) {
  const NodeId a = MakeDirectory(kRoot, "a");
  const NodeId b = MakeDirectory(kRoot, "b");
  ASSERT_TRUE(volume().Rename(kAlice, kRoot, "a", b, "a", 0).ok());
  EXPECT_EQ(*volume().Parent(a), b);
  EXPECT_EQ(Stat(kRoot).links, 3u);
  EXPECT_EQ(Stat(b).links, 3u);
}

}  // namespace
}  // namespace copse::fs
