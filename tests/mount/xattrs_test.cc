#include <sys/xattr.h>

#include <algorithm>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using XattrsTest = MountTest;

std::string GetXattr(const std::string& path, const std::string& name) {
  std::string value(65536, '\0');
  const ssize_t size = lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
  EXPECT_NE(-1, size) << std::strerror(errno);
  value.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return value;
}

TEST_F(XattrsTest, ValuesAreSetReadListedAndRemoved) {
  WriteFile(At("file"), "");
  const std::string value("bytes\0and more", 14);
  ASSERT_WORKS(setxattr(At("file").c_str(), "user.one", value.data(), value.size(), 0));
  ASSERT_WORKS(setxattr(At("file").c_str(), "user.two", "", 0, 0));
  EXPECT_EQ(value, GetXattr(At("file"), "user.one"));
  EXPECT_EQ("", GetXattr(At("file"), "user.two"));
  std::string names(1000, '\0');
  const ssize_t size = listxattr(At("file").c_str(), names.data(), names.size());
  ASSERT_EQ(18, size);
  EXPECT_NE(std::string::npos, names.find(std::string("user.one\0", 9)));
  EXPECT_NE(std::string::npos, names.find(std::string("user.two\0", 9)));
  ASSERT_WORKS(removexattr(At("file").c_str(), "user.one"));
  EXPECT_ERRNO(ENODATA, getxattr(At("file").c_str(), "user.one", names.data(), names.size()));
  EXPECT_ERRNO(ENODATA, removexattr(At("file").c_str(), "user.one"));
}

TEST_F(XattrsTest, CreatingAndReplacingCheckWhatIsThere) {
  WriteFile(At("file"), "");
  EXPECT_ERRNO(ENODATA, setxattr(At("file").c_str(), "user.a", "1", 1, XATTR_REPLACE));
  EXPECT_WORKS(setxattr(At("file").c_str(), "user.a", "1", 1, XATTR_CREATE));
  EXPECT_ERRNO(EEXIST, setxattr(At("file").c_str(), "user.a", "2", 1, XATTR_CREATE));
  EXPECT_WORKS(setxattr(At("file").c_str(), "user.a", "3", 1, XATTR_REPLACE));
  EXPECT_EQ("3", GetXattr(At("file"), "user.a"));
}

TEST_F(XattrsTest, TheSizeIsToldAndTooLittleRoomRefused) {
  WriteFile(At("file"), "");
  ASSERT_WORKS(setxattr(At("file").c_str(), "user.a", "12345", 5, 0));
  char room[3];
  EXPECT_EQ(5, getxattr(At("file").c_str(), "user.a", nullptr, 0));
  EXPECT_ERRNO(ERANGE, getxattr(At("file").c_str(), "user.a", room, sizeof room));
  EXPECT_EQ(7, listxattr(At("file").c_str(), nullptr, 0));
  EXPECT_ERRNO(ERANGE, listxattr(At("file").c_str(), room, sizeof room));
}

TEST_F(XattrsTest, UnknownNamespacesAreNotSupported) {
  WriteFile(At("file"), "");
  EXPECT_ERRNO(EOPNOTSUPP, setxattr(At("file").c_str(), "other.name", "x", 1, 0));
  EXPECT_ERRNO(EOPNOTSUPP, setxattr(At("file").c_str(), "system.other", "x", 1, 0));
}

TEST_F(XattrsTest, NamesAndValuesHaveTheLengthsOfLinux) {
  WriteFile(At("file"), "");
  const std::string longest = "user." + std::string(250, 'n');
  const std::string value(65536, 'v');
  ASSERT_WORKS(setxattr(At("file").c_str(), longest.c_str(), value.data(), value.size(), 0));
  EXPECT_EQ(value, GetXattr(At("file"), longest));
  EXPECT_ERRNO(ERANGE, setxattr(At("file").c_str(), (longest + "n").c_str(), "", 0, 0));
  EXPECT_ERRNO(E2BIG, setxattr(At("file").c_str(), "user.a", (value + "v").data(), value.size() + 1, 0));
  EXPECT_ERRNO(EINVAL, setxattr(At("file").c_str(), "user.", "", 0, 0));
}

TEST_F(XattrsTest, UserNamesAreForFilesAndDirectoriesOnly) {
  ASSERT_WORKS(symlink("to", At("link").c_str()));
  ASSERT_WORKS(mkfifo(At("fifo").c_str(), 0644));
  EXPECT_ERRNO(EPERM, lsetxattr(At("link").c_str(), "user.a", "1", 1, 0));
  EXPECT_ERRNO(EPERM, setxattr(At("fifo").c_str(), "user.a", "1", 1, 0));
  EXPECT_ERRNO(ENODATA, removexattr(mount_point().c_str(), "user.absent"));
}

TEST_F(XattrsTest, TrustedNamesAreForThePrivilegedOnly) {
  COPSE_NEEDS_ROOT();
  WriteFile(At("file"), "");
  ASSERT_WORKS(setxattr(At("file").c_str(), "trusted.t", "x", 1, 0));
  ASSERT_WORKS(setxattr(At("file").c_str(), "user.u", "x", 1, 0));
  EXPECT_EQ(17, listxattr(At("file").c_str(), nullptr, 0));
  EXPECT_EQ(7, InChild([this] {
              if (setuid(65534) != 0) return 1;
              return static_cast<int>(listxattr(At("file").c_str(), nullptr, 0));
            }));
}

TEST_F(XattrsTest, CapabilitiesOfAProgramAreKeptUntilItIsWritten) {
  COPSE_NEEDS_ROOT();
  WriteFile(At("program"), "x");
  // Version 2, permitted CAP_NET_RAW (<linux/capability.h>).
  const char capability[] = {0, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  ASSERT_WORKS(setxattr(At("program").c_str(), "security.capability", capability, sizeof capability, 0));
  EXPECT_EQ(std::string(capability, sizeof capability), GetXattr(At("program"), "security.capability"));
  WriteFile(At("program"), "y");
  char room[100];
  EXPECT_ERRNO(ENODATA, getxattr(At("program").c_str(), "security.capability", room, sizeof room));
}

TEST_F(XattrsTest, DirectoriesHaveThemToo) {
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  ASSERT_WORKS(setxattr(At("d").c_str(), "user.a", "1", 1, 0));
  EXPECT_EQ("1", GetXattr(At("d"), "user.a"));
}

}  // namespace
}  // namespace copse::test
