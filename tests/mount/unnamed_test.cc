// Files without a name: open(2) with O_TMPFILE.
#include <fcntl.h>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

class UnnamedTest : public MountTest {
 protected:
  /// Needs Linux 6.1.
  Descriptor OpenUnnamed(int flags = O_RDWR, mode_t mode = 0640) {
    return Descriptor(open(mount_point().c_str(), O_TMPFILE | flags | O_CLOEXEC, mode));
  }
  static int Name(const Descriptor& file, const std::string& path) {
    return linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(file.get())).c_str(), AT_FDCWD, path.c_str(),
                  AT_SYMLINK_FOLLOW);
  }
  static struct stat StatOf(const Descriptor& file) {
    struct stat found {};
    EXPECT_WORKS(fstat(file.get(), &found));
    return found;
  }
};

TEST_F(UnnamedTest, AFileWithoutANameIsAFileLikeAnyOther) {
  const mode_t umask_before = umask(022);
  const Descriptor file = OpenUnnamed(O_RDWR, 0666);
  umask(umask_before);
  ASSERT_TRUE(file.ok()) << std::strerror(errno);
  EXPECT_EQ(S_IFREG | mode_t{0644}, StatOf(file).st_mode);
  EXPECT_EQ(0u, StatOf(file).st_nlink);
  ASSERT_EQ(5, write(file.get(), "bytes", 5));
  EXPECT_EQ(5, StatOf(file).st_size);
  ASSERT_WORKS(fsync(file.get()));
  ASSERT_EQ(1, pwrite(file.get(), "B", 1, 0));
  char bytes[6] = "";
  EXPECT_EQ(5, pread(file.get(), bytes, 5, 0));
  EXPECT_STREQ("Bytes", bytes);
  EXPECT_TRUE(NamesIn(mount_point()).empty());
}

TEST_F(UnnamedTest, ANameMakesItLast) {
  {
    const Descriptor file = OpenUnnamed();
    ASSERT_TRUE(file.ok()) << std::strerror(errno);
    ASSERT_EQ(5, write(file.get(), "bytes", 5));
    ASSERT_WORKS(Name(file, At("named")));
    EXPECT_EQ(1u, StatOf(file).st_nlink);
    EXPECT_EQ(StatOf(file).st_ino, test::StatOf(At("named")).st_ino);
    ASSERT_EQ(6, write(file.get(), ", more", 6));
    EXPECT_ERRNO(EEXIST, Name(file, At("named")));
    ASSERT_WORKS(Name(file, At("twice")));
  }
  EXPECT_EQ("bytes, more", ReadFile(At("named")));
  ASSERT_TRUE(StopServing().ok());
  ASSERT_TRUE(volume().Flush().ok());
  ASSERT_TRUE(Mount(DefaultOptions()).ok());
  EXPECT_EQ("bytes, more", ReadFile(At("named")));
  EXPECT_EQ("bytes, more", ReadFile(At("twice")));
  EXPECT_EQ(2u, test::StatOf(At("named")).st_nlink);
}

TEST_F(UnnamedTest, WithoutANameItIsGoneWithItsLastDescriptor) {
  {
    const Descriptor file = OpenUnnamed();
    ASSERT_TRUE(file.ok()) << std::strerror(errno);
    ASSERT_EQ(5, write(file.get(), "bytes", 5));
    ASSERT_WORKS(fsync(file.get()));
    EXPECT_EQ(1u, volume().GetUsage().dirty_files);
  }
  EXPECT_TRUE(Eventually([&] { return volume().GetUsage().dirty_files == 0; }));
  EXPECT_TRUE(NamesIn(mount_point()).empty());
  EXPECT_TRUE(volume().ListTrash().empty());
  EXPECT_EQ(0u, volume().GetUsage().entries);
}

TEST_F(UnnamedTest, ANamedOneThatIsUnlinkedGoesLikeAnyOther) {
  {
    const Descriptor file = OpenUnnamed();
    ASSERT_TRUE(file.ok()) << std::strerror(errno);
    ASSERT_WORKS(Name(file, At("named")));
    ASSERT_WORKS(unlink(At("named").c_str()));
    ASSERT_EQ(5, write(file.get(), "bytes", 5));
    EXPECT_EQ(0u, StatOf(file).st_nlink);
    EXPECT_ERRNO(ENOENT, Name(file, At("again")));
  }
  EXPECT_TRUE(Eventually([&] { return volume().GetUsage().dirty_files == 0; }));
  EXPECT_FALSE(Exists(At("named")));
}

TEST_F(UnnamedTest, WithOExclItNeverGetsAName) {
  const Descriptor file = OpenUnnamed(O_RDWR | O_EXCL);
  ASSERT_TRUE(file.ok()) << std::strerror(errno);
  EXPECT_ERRNO(ENOENT, Name(file, At("named")));
}

TEST_F(UnnamedTest, ADirectoryGivesItsGroup) {
  COPSE_NEEDS_ROOT();
  ASSERT_WORKS(chown(mount_point().c_str(), 0, 4321));
  ASSERT_WORKS(chmod(mount_point().c_str(), 02777));
  const Descriptor file = OpenUnnamed();
  ASSERT_TRUE(file.ok()) << std::strerror(errno);
  EXPECT_EQ(4321u, StatOf(file).st_gid);
  EXPECT_ERRNO(ENOENT, open(At("absent").c_str(), O_TMPFILE | O_RDWR, 0600));
}

}  // namespace
}  // namespace copse::test
