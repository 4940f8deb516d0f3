#include <fcntl.h>
#include <sys/statvfs.h>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using AttributesTest = MountTest;

constexpr uid_t kNobody = 65534;

std::int64_t Nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

TEST_F(AttributesTest, TimesKeepTheirNanoseconds) {
  WriteFile(At("file"), "");
  const timespec times[2] = {{1'234'567'890, 123'456'789}, {-1, 999'999'999}};  // mtime just before 1970.
  ASSERT_WORKS(utimensat(AT_FDCWD, At("file").c_str(), times, 0));
  const struct stat attributes = StatOf(At("file"));
  EXPECT_EQ(1'234'567'890'123'456'789, Nanoseconds(attributes.st_atim));
  EXPECT_EQ(-1, Nanoseconds(attributes.st_mtim));
}

TEST_F(AttributesTest, TouchingMakesAFileNoOlderThanOneWrittenBefore) {
  for (int i = 0; i < 50; ++i) {
    WriteFile(At("written"), "x");
    WriteFile(At("touched"), "");
    ASSERT_WORKS(utimensat(AT_FDCWD, At("touched").c_str(), nullptr, 0));
    ASSERT_GE(Nanoseconds(StatOf(At("touched")).st_mtim), Nanoseconds(StatOf(At("written")).st_mtim));
  }
}

TEST_F(AttributesTest, TimesMayBeOmittedOrSetToNowOneByOne) {
  WriteFile(At("file"), "");
  const timespec old_times[2] = {{1000, 1}, {2000, 2}};
  ASSERT_WORKS(utimensat(AT_FDCWD, At("file").c_str(), old_times, 0));
  const timespec only_atime_now[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  ASSERT_WORKS(utimensat(AT_FDCWD, At("file").c_str(), only_atime_now, 0));
  EXPECT_GT(StatOf(At("file")).st_atim.tv_sec, 1'000'000'000);
  EXPECT_EQ(2'000'000'000'002, Nanoseconds(StatOf(At("file")).st_mtim));
}

TEST_F(AttributesTest, ChmodChangesModeAndCtimeOnly) {
  WriteFile(At("file"), "x");
  const struct stat before = StatOf(At("file"));
  ASSERT_WORKS(chmod(At("file").c_str(), 04751));
  const struct stat after = StatOf(At("file"));
  EXPECT_EQ(S_IFREG | mode_t{04751}, after.st_mode);
  EXPECT_GT(Nanoseconds(after.st_ctim), Nanoseconds(before.st_ctim));
  EXPECT_EQ(Nanoseconds(before.st_mtim), Nanoseconds(after.st_mtim));
}

TEST_F(AttributesTest, ChownChangesOwnersAndTakesSetidAway) {
  COPSE_NEEDS_ROOT();
  WriteFile(At("file"), "");
  ASSERT_WORKS(chmod(At("file").c_str(), 06755));
  ASSERT_WORKS(chown(At("file").c_str(), 1234, 5678));
  const struct stat attributes = StatOf(At("file"));
  EXPECT_EQ(1234u, attributes.st_uid);
  EXPECT_EQ(5678u, attributes.st_gid);
  EXPECT_EQ(S_IFREG | mode_t{0755}, attributes.st_mode);
}

TEST_F(AttributesTest, WritingByAnOtherUserTakesSetidAway) {
  COPSE_NEEDS_ROOT();
  for (const char* name : {"written", "truncated", "opened"}) {
    WriteFile(At(name), "contents");
    ASSERT_WORKS(chown(At(name).c_str(), 1000, 1000));
    ASSERT_WORKS(chmod(At(name).c_str(), 06777));
  }
  ASSERT_EQ(0, InChild([this] {
              if (setgid(kNobody) != 0 || setuid(kNobody) != 0) return 1;
              const int written = open(At("written").c_str(), O_WRONLY);
              if (written < 0 || write(written, "y", 1) != 1) return 2;
              if (truncate(At("truncated").c_str(), 3) != 0) return 3;
              return open(At("opened").c_str(), O_WRONLY | O_TRUNC) < 0 ? 4 : 0;
            }));
  for (const char* name : {"written", "truncated", "opened"}) {
    EXPECT_EQ(S_IFREG | mode_t{0777}, StatOf(At(name)).st_mode) << name;
  }
}

TEST_F(AttributesTest, WritingByRootKeepsSetid) {
  COPSE_NEEDS_ROOT();
  WriteFile(At("file"), "contents");
  ASSERT_WORKS(chmod(At("file").c_str(), 06755));
  WriteFile(At("file"), "changed");
  EXPECT_EQ(S_IFREG | mode_t{06755}, StatOf(At("file")).st_mode);
}

TEST_F(AttributesTest, PermissionsBindOtherUsers) {
  COPSE_NEEDS_ROOT();
  WriteFile(At("secret"), "x");
  ASSERT_WORKS(chmod(At("secret").c_str(), 0600));
  EXPECT_EQ(EACCES, InChild([this] {
              if (setgid(kNobody) != 0 || setuid(kNobody) != 0) return 1;
              if (!Exists(At("secret"))) return 2;
              if (open(At("secret").c_str(), O_RDONLY) >= 0) return 0;
              const int error = errno;
              if (open(At("new").c_str(), O_CREAT | O_WRONLY, 0644) >= 0) return 0;
              return error;
            }));
}

TEST_F(AttributesTest, NewFilesBelongToTheirMakerAndHonourTheUmask) {
  COPSE_NEEDS_ROOT();
  ASSERT_WORKS(chmod(mount_point().c_str(), 0777));
  ASSERT_EQ(0, InChild([this] {
              umask(027);
              if (setgid(1001) != 0 || setuid(1000) != 0) return 1;
              if (mkdir(At("d").c_str(), 0777) != 0) return 2;
              return open(At("f").c_str(), O_CREAT | O_WRONLY, 0666) < 0 ? 3 : 0;
            }));
  EXPECT_EQ(1000u, StatOf(At("f")).st_uid);
  EXPECT_EQ(1001u, StatOf(At("f")).st_gid);
  EXPECT_EQ(S_IFREG | mode_t{0640}, StatOf(At("f")).st_mode);
  EXPECT_EQ(S_IFDIR | mode_t{0750}, StatOf(At("d")).st_mode);
}

TEST_F(AttributesTest, ASetgidDirectoryGivesItsGroupToWhatIsMadeInIt) {
  COPSE_NEEDS_ROOT();
  ASSERT_WORKS(mkdir(At("shared").c_str(), 0777));
  ASSERT_WORKS(chown(At("shared").c_str(), 0, 4321));
  ASSERT_WORKS(chmod(At("shared").c_str(), 02777));
  WriteFile(At("shared/file"), "");
  ASSERT_WORKS(mkdir(At("shared/below").c_str(), 0755));
  EXPECT_EQ(4321u, StatOf(At("shared/file")).st_gid);
  EXPECT_EQ(4321u, StatOf(At("shared/below")).st_gid);
  EXPECT_TRUE((StatOf(At("shared/below")).st_mode & S_ISGID) != 0);
  EXPECT_FALSE((StatOf(At("shared/file")).st_mode & S_ISGID) != 0);
}

TEST_F(AttributesTest, MakingAndRemovingNamesMovesTheTimesOfTheDirectory) {
  const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
  ASSERT_WORKS(utimensat(AT_FDCWD, mount_point().c_str(), long_ago, 0));
  ASSERT_EQ(1000, StatOf(mount_point()).st_mtim.tv_sec);
  WriteFile(At("file"), "");
  EXPECT_GT(StatOf(mount_point()).st_mtim.tv_sec, 1000);
  ASSERT_WORKS(utimensat(AT_FDCWD, mount_point().c_str(), long_ago, 0));
  ASSERT_WORKS(unlink(At("file").c_str()));
  EXPECT_GT(StatOf(mount_point()).st_mtim.tv_sec, 1000);
}

TEST_F(AttributesTest, ADirectoryCountsItsSubdirectories) {
  EXPECT_EQ(2u, StatOf(mount_point()).st_nlink);
  ASSERT_WORKS(mkdir(At("a").c_str(), 0755));
  ASSERT_WORKS(mkdir(At("b").c_str(), 0755));
  WriteFile(At("file"), "");
  EXPECT_EQ(4u, StatOf(mount_point()).st_nlink);
  ASSERT_WORKS(rename(At("a").c_str(), At("b/a").c_str()));
  EXPECT_EQ(3u, StatOf(mount_point()).st_nlink);
  EXPECT_EQ(3u, StatOf(At("b")).st_nlink);
}

TEST_F(AttributesTest, TheFileSystemTellsItsSpace) {
  struct statvfs space {};
  ASSERT_WORKS(statvfs(mount_point().c_str(), &space));
  EXPECT_EQ(255u, space.f_namemax);
  EXPECT_GT(space.f_frsize, 0u);
  EXPECT_GT(space.f_blocks, 0u);
  EXPECT_LE(space.f_bavail, space.f_bfree);
  EXPECT_LE(space.f_bfree, space.f_blocks);
}

TEST_F(AttributesTest, InodeNumbersStayOverARemount) {
  WriteFile(At("file"), "kept");
  const ino_t inode = StatOf(At("file")).st_ino;
  ASSERT_TRUE(StopServing().ok());
  ASSERT_TRUE(volume().Flush().ok());
  ASSERT_TRUE(Mount(DefaultOptions()).ok());
  EXPECT_EQ(inode, StatOf(At("file")).st_ino);
  EXPECT_EQ("kept", ReadFile(At("file")));
}

}  // namespace
}  // namespace copse::test
