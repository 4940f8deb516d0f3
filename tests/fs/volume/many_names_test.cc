// A file with very many names. None of these calls may look at all of them: that would take hours here.
#include "fs/volume/volume_fixture.h"

namespace copse::fs {
namespace {

constexpr std::uint32_t kNames = 50'000;

class ManyNamesTest : public VolumeTest {
 protected:
  static std::string Name(std::uint32_t i) { return "name" + std::to_string(i); }

  // A published file with the names 0 .. kNames - 1, every second one in a directory below the root.
  void MakeNames() {
    file_ = MakeFile(kRoot, Name(0), "bytes");
    ASSERT_TRUE(volume().Flush().ok());
    below_ = MakeDirectory(kRoot, "below");
    for (std::uint32_t i = 1; i < kNames; ++i) {
      const auto linked = volume().Link(kAlice, file_, DirectoryOf(i), Name(i));
      ASSERT_TRUE(linked.ok()) << linked.status();
      ASSERT_EQ(linked->attributes.links, i + 1);
    }
  }
  NodeId DirectoryOf(std::uint32_t i) const { return i % 2 == 0 ? kRoot : below_; }

  NodeId file_;
  NodeId below_;
};

TEST_F(ManyNamesTest, EachIsMadeFoundRenamedWrittenThroughAndRemoved) {
  MakeNames();
  for (std::uint32_t i = 0; i < kNames; ++i) {
    const auto found = volume().Lookup(DirectoryOf(i), Name(i));
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->attributes.links, kNames);
    ASSERT_TRUE(volume().Rename(kAlice, DirectoryOf(i), Name(i), DirectoryOf(i), "new" + Name(i), 0).ok());
  }
  for (std::uint32_t i = 0; i < kNames; ++i) {  // The oldest first: each is the one that was made first of those left.
    if (i % 1000 == 0) {
      ASSERT_TRUE(volume().Write(file_, nullptr, 0, Name(i)).ok());
      ASSERT_TRUE(volume().Flush().ok());
    }
    ASSERT_TRUE(volume().Unlink(kAlice, DirectoryOf(i), "new" + Name(i)).ok());
    ASSERT_EQ(Stat(file_).links, kNames - i - 1);
  }
  EXPECT_EQ(Names(kRoot), std::vector<std::string>{"below"});
}

TEST_F(ManyNamesTest, NamesThatCameAndWentCostNothing) {
  file_ = MakeFile(kRoot, "file", "bytes");
  ASSERT_TRUE(volume().Flush().ok());
  for (std::uint32_t i = 0; i < kNames; ++i) {
    ASSERT_TRUE(volume().Link(kAlice, file_, kRoot, "lock").ok());
    ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "lock").ok());
  }
  EXPECT_EQ(Stat(file_).links, 1u);
}

TEST_F(ManyNamesTest, EachIsRestoredFromTrashOrPurged) {
  MakeNames();
  for (std::uint32_t i = 0; i < kNames; ++i) ASSERT_TRUE(volume().Unlink(kAlice, DirectoryOf(i), Name(i)).ok());
  const auto trash = volume().ListTrash();
  ASSERT_EQ(trash.size(), kNames);
  std::uint32_t restored = 0;
  for (std::uint32_t i = 0; i < kNames; ++i) {
    if (i % 2 == 0) {
      ASSERT_TRUE(volume().PurgeFromTrash(trash[i].node).ok());
    } else {
      ASSERT_TRUE(volume().RestoreFromTrash(trash[i].node).ok());
      ASSERT_EQ(Stat(file_).links, ++restored);
    }
  }
  EXPECT_EQ(volume().ListTrash().size(), 0u);
  EXPECT_EQ(Contents(file_), "bytes");
}

}  // namespace
}  // namespace copse::fs
