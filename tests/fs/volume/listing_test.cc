// What the kernel asks of a directory as a whole: listing it with attributes, and making its entries durable.
#include "fs/volume/volume_fixture.h"

namespace copse::fs {
namespace {

class ListingTest : public VolumeTest {
 protected:
  struct Taken {
    std::string name;
    NodeId node;
    std::uint64_t size = 0;
    std::uint64_t position = 0;
  };

  /// What a listing with attributes gives behind `after`, whose visitor takes `count` entries and refuses the next.
  std::vector<Taken> Take(NodeId directory, std::uint64_t after, std::size_t count) {
    std::vector<Taken> taken;
    const auto visit = [&](std::uint64_t position, const std::string& name, const Volume::Entry& entry) {
      if (taken.size() == count) return false;
      taken.push_back({name, entry.node, entry.attributes.size, position});
      return true;
    };
    EXPECT_TRUE(volume().ListPlus(directory, after, visit).ok());
    return taken;
  }
};

TEST_F(ListingTest, WithAttributesShowsWhatLookupShows) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  const NodeId file = MakeFile(directory, "f", "bytes");
  const NodeId below = MakeDirectory(directory, "below");
  const std::vector<Taken> taken = Take(directory, 0, 10);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].name, "f");
  EXPECT_EQ(taken[0].node, file);
  EXPECT_EQ(taken[0].size, 5u);
  EXPECT_EQ(taken[1].name, "below");
  EXPECT_EQ(taken[1].node, below);
  EXPECT_EQ(taken[1].size, Stat(below).size);
}

TEST_F(ListingTest, WithAttributesCountsALookupForEachEntryTakenAndNoOther) {
  std::vector<NodeId> files;
  for (const char* name : {"a", "b", "c"}) files.push_back(MakeFile(kRoot, name));
  for (const NodeId file : files) volume().Forget(file, 1);
  ASSERT_EQ(volume().GetUsage().lookups, 0u);
  Names(kRoot);
  EXPECT_EQ(volume().GetUsage().lookups, 0u) << "a listing without attributes counts none";

  const std::vector<Taken> first = Take(kRoot, 0, 2);
  EXPECT_EQ(volume().GetUsage().lookups, 2u);
  const std::vector<Taken> rest = Take(kRoot, first.back().position, 10);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].name, "c");
  EXPECT_EQ(volume().GetUsage().lookups, 3u);
  for (const NodeId file : files) volume().Forget(file, 1);
  EXPECT_EQ(volume().GetUsage().lookups, 0u);
}

TEST_F(ListingTest, OfWhatIsNoDirectoryIsENOTDIR) {
  const NodeId file = MakeFile(kRoot, "f");
  const auto none = [](std::uint64_t, const std::string&, const Volume::Entry&) { return false; };
  EXPECT_EQ(ErrorOf(volume().ListPlus(file, 0, none)), std::errc::not_a_directory);
  EXPECT_EQ(ErrorOf(volume().FsyncDirectory(file)), std::errc::not_a_directory);
}

TEST_F(ListingTest, FsyncOfADirectoryMakesItsEntriesDurable) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  MakeFile(directory, "old");
  ASSERT_TRUE(volume().Flush().ok());
  ASSERT_TRUE(volume().Rename(kAlice, directory, "old", directory, "kept", Volume::kRenamePlain).ok());
  MakeDirectory(directory, "below");
  ASSERT_TRUE(volume().FsyncDirectory(directory).ok());
  EXPECT_EQ(world_.journal.durable(), world_.journal.op_count());
  MakeDirectory(directory, "later");
  world_.CrashAndReopen();
  EXPECT_EQ(Names(directory), (std::vector<std::string>{"below", "kept"}));
}

}  // namespace
}  // namespace copse::fs
