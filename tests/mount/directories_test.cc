#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <map>
#include <set>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using DirectoriesTest = MountTest;

void MakeFiles(const std::string& directory, int count) {
  for (int i = 0; i < count; ++i) {
    const int file = open((directory + "/file" + std::to_string(i)).c_str(), O_CREAT | O_WRONLY, 0644);
    ASSERT_WORKS(file);
    close(file);
  }
}

TEST_F(DirectoriesTest, AListingHasDotAndDotDotFirstWithTheirInodes) {
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  DIR* const stream = opendir(At("d").c_str());
  ASSERT_NE(nullptr, stream);
  const dirent* entry = readdir(stream);
  ASSERT_NE(nullptr, entry);
  EXPECT_STREQ(".", entry->d_name);
  EXPECT_EQ(StatOf(At("d")).st_ino, entry->d_ino);
  entry = readdir(stream);
  ASSERT_NE(nullptr, entry);
  EXPECT_STREQ("..", entry->d_name);
  EXPECT_EQ(StatOf(mount_point()).st_ino, entry->d_ino);
  EXPECT_EQ(nullptr, readdir(stream));
  closedir(stream);
}

TEST_F(DirectoriesTest, EntriesTellTheirKindAndInode) {
  WriteFile(At("file"), "");
  ASSERT_WORKS(mkdir(At("directory").c_str(), 0755));
  ASSERT_WORKS(symlink("x", At("symlink").c_str()));
  ASSERT_WORKS(mkfifo(At("fifo").c_str(), 0600));
  std::map<std::string, int> kinds;
  DIR* const stream = opendir(mount_point().c_str());
  ASSERT_NE(nullptr, stream);
  while (const dirent* entry = readdir(stream)) {
    kinds[entry->d_name] = entry->d_type;
    if (entry->d_name[0] == '.') continue;
    EXPECT_EQ(StatOf(At(entry->d_name)).st_ino, entry->d_ino);
  }
  closedir(stream);
  const std::map<std::string, int> expected = {{".", DT_DIR},         {"..", DT_DIR},      {"file", DT_REG},
                                               {"directory", DT_DIR}, {"symlink", DT_LNK}, {"fifo", DT_FIFO}};
  EXPECT_EQ(expected, kinds);
}

TEST_F(DirectoriesTest, FiftyThousandEntriesAreListedOnceEach) {
  MakeFiles(mount_point(), 50'000);
  for (int listing = 0; listing < 2; ++listing) {  // The second comes from the kernel.
    const std::vector<std::string> names = NamesIn(mount_point());
    EXPECT_EQ(50'000u, names.size());
    EXPECT_EQ(50'000u, std::set<std::string>(names.begin(), names.end()).size());
  }
}

TEST_F(DirectoriesTest, AListingResumesWhereItWasTold) {
  MakeFiles(mount_point(), 10'000);
  DIR* const stream = opendir(mount_point().c_str());
  ASSERT_NE(nullptr, stream);
  std::vector<long> positions;
  std::vector<std::string> names;
  for (long position = telldir(stream); const dirent* entry = readdir(stream); position = telldir(stream)) {
    positions.push_back(position);
    names.push_back(entry->d_name);
  }
  ASSERT_EQ(10'002u, names.size());
  for (const std::size_t index : {9'999u, 0u, 1u, 2u, 5'000u, 3u, 10'001u, 4'999u}) {
    seekdir(stream, positions[index]);
    const dirent* const entry = readdir(stream);
    ASSERT_NE(nullptr, entry) << index;
    EXPECT_EQ(names[index], entry->d_name) << index;
  }
  closedir(stream);
}

TEST_F(DirectoriesTest, RemovingWhileListingNeitherSkipsNorRepeatsWhatStays) {
  MakeFiles(mount_point(), 3'000);
  DIR* const stream = opendir(mount_point().c_str());
  ASSERT_NE(nullptr, stream);
  int seen = 0;
  while (const dirent* entry = readdir(stream)) {  // As rm -r does.
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    ++seen;
    EXPECT_WORKS(unlinkat(dirfd(stream), name.c_str(), 0)) << name;
  }
  closedir(stream);
  EXPECT_EQ(3'000, seen);
  EXPECT_EQ(std::vector<std::string>{}, NamesIn(mount_point()));
}

TEST_F(DirectoriesTest, AListingThatTheKernelKeepsFollowsOwnChanges) {
  WriteFile(At("a"), "");
  EXPECT_EQ(std::vector<std::string>{"a"}, NamesIn(mount_point()));
  EXPECT_EQ(std::vector<std::string>{"a"}, NamesIn(mount_point()));
  WriteFile(At("b"), "");
  std::vector<std::string> names = NamesIn(mount_point());
  std::sort(names.begin(), names.end());
  EXPECT_EQ((std::vector<std::string>{"a", "b"}), names);
  ASSERT_WORKS(rename(At("a").c_str(), At("c").c_str()));
  ASSERT_WORKS(unlink(At("b").c_str()));
  EXPECT_EQ(std::vector<std::string>{"c"}, NamesIn(mount_point()));
}

TEST_F(DirectoriesTest, ADirectoryRemovedWhileOpenListsNothing) {
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  const Descriptor directory = OpenFile(At("d"), O_RDONLY | O_DIRECTORY);
  ASSERT_WORKS(rmdir(At("d").c_str()));
  DIR* const stream = fdopendir(dup(directory.get()));
  ASSERT_NE(nullptr, stream);
  EXPECT_EQ(nullptr, readdir(stream));
  closedir(stream);
  struct stat attributes {};
  ASSERT_WORKS(fstat(directory.get(), &attributes));
  EXPECT_EQ(0u, attributes.st_nlink);
  EXPECT_ERRNO(ENOENT, openat(directory.get(), "new", O_CREAT | O_WRONLY, 0644));
}

TEST_F(DirectoriesTest, TheKernelGivesBackWhatItLookedUp) {
  COPSE_NEEDS_ROOT();
  MakeFiles(mount_point(), 500);
  EXPECT_EQ(500u, NamesIn(mount_point()).size());
  // Again where somebody else has the kernel drop its caches meanwhile.
  EXPECT_TRUE(Eventually([this] {
    for (int i = 0; i < 500; ++i) StatOf(At("file" + std::to_string(i)));
    return volume().GetUsage().lookups >= 500;
  }));
  for (int i = 0; i < 500; ++i) ASSERT_WORKS(unlink(At("file" + std::to_string(i)).c_str()));
  WriteFile("/proc/sys/vm/drop_caches", "2");
  EXPECT_TRUE(Eventually([this] { return volume().GetUsage().lookups < 10; })) << volume().GetUsage().lookups;
}

}  // namespace
}  // namespace copse::test
