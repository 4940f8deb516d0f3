// Access control lists, judged by the kernel and kept by the volume. What is inherited and what chmod makes of a list
// is compared with a directory of the machine's own file system, where that keeps lists.
#include <fcntl.h>
#include <grp.h>
#include <sys/xattr.h>

#include "mount/mount_test.h"
#include "support/acl_text.h"

namespace copse::test {
namespace {

constexpr const char* kAccess = "system.posix_acl_access";
constexpr const char* kDefault = "system.posix_acl_default";
constexpr uid_t kUser = 1234;
constexpr gid_t kGroup = 5678;

class AclTest : public MountTest {
 protected:
  static int Set(const std::string& path, const char* name, const std::string& text) {
    const std::string value = AclValue(text);
    return setxattr(path.c_str(), name, value.data(), value.size(), 0);
  }
  static std::string Get(const std::string& path, const char* name) {
    std::string value(4096, '\0');
    const ssize_t size = getxattr(path.c_str(), name, value.data(), value.size());
    return size < 0 ? "none" : value.substr(0, static_cast<std::size_t>(size));
  }
  static int AsUser(uid_t uid, gid_t gid, const std::function<int()>& body) {
    return InChild([&] {
      if (setgroups(0, nullptr) != 0 || setgid(gid) != 0 || setuid(uid) != 0) return 100;
      return body();
    });
  }
  /// 0, or the errno of opening.
  static int OpenError(const std::string& path, int flags) { return open(path.c_str(), flags) < 0 ? errno : 0; }
};

TEST_F(AclTest, TheNamedGetWhatTheListGivesThem) {
  COPSE_NEEDS_ROOT();
  WriteFile(At("f"), "x");
  ASSERT_WORKS(Set(At("f"), kAccess, "u::rw-,u:1234:rw-,g::---,g:5678:r--,m::rw-,o::---"));
  const auto error = [&](uid_t uid, gid_t gid, int flags) {
    return AsUser(uid, gid, [&] { return OpenError(At("f"), flags); });
  };
  EXPECT_EQ(0, error(kUser, 1, O_RDWR));
  EXPECT_EQ(0, error(1, kGroup, O_RDONLY));
  EXPECT_EQ(EACCES, error(1, kGroup, O_RDWR));
  EXPECT_EQ(EACCES, error(1, 1, O_RDONLY));
  // The mask is what the group bits of the mode are now.
  ASSERT_WORKS(chmod(At("f").c_str(), 0640));
  EXPECT_EQ(EACCES, error(kUser, 1, O_RDWR));
  EXPECT_EQ(0, error(kUser, 1, O_RDONLY));
  ASSERT_WORKS(removexattr(At("f").c_str(), kAccess));
  EXPECT_EQ(EACCES, error(kUser, 1, O_RDONLY));
}

TEST_F(AclTest, OnlyTheOwnerSetsThem) {
  COPSE_NEEDS_ROOT();
  WriteFile(At("f"), "x");
  ASSERT_WORKS(chmod(At("f").c_str(), 0666));
  EXPECT_EQ(EPERM,
            AsUser(kUser, kGroup, [&] { return Set(At("f"), kAccess, "u::rw-,g::rw-,o::---") < 0 ? errno : 0; }));
}

TEST_F(AclTest, WhoIsNotInTheGroupOfAFileTakesItsSetgidAwayWithAList) {
  COPSE_NEEDS_ROOT();
  for (const bool is_member : {false, true}) {
    WriteFile(At("f"), "x");
    ASSERT_WORKS(chown(At("f").c_str(), kUser, kGroup));
    ASSERT_WORKS(chmod(At("f").c_str(), 02755));
    ASSERT_EQ(0, InChild([&] {
                const gid_t groups[] = {77, kGroup};
                if (setgroups(is_member ? 2 : 1, groups) != 0 || setgid(1) != 0 || setuid(kUser) != 0) return 1;
                return Set(At("f"), kAccess, "u::rwx,g::r-x,o::r-x") < 0 ? 2 : 0;
              }));
    EXPECT_EQ(S_IFREG | (is_member ? mode_t{02755} : mode_t{0755}), StatOf(At("f")).st_mode);
  }
}

TEST_F(AclTest, WhatIsMadeInADirectoryWithADefaultListIsAsOnTheHost) {
  const std::string host = scratch() + "/host";
  ASSERT_WORKS(mkdir(host.c_str(), 0755));
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  const bool is_comparable = Set(host, kDefault, "u::rwx,g::r-x,o::r-x") == 0;
  const mode_t umask_before = umask(027);
  int made = 0;
  for (const char* list : {"u::rwx,g::r-x,o::r-x", "u::r--,g::rwx,o::rwx", "u::rwx,u:5:rwx,g::r--,m::rw-,o::--x",
                           "u::-w-,g::rwx,g:7:r-x,m::rwx,o::rwx", "u::rwx,g::---,m::rwx,o::---"}) {
    ASSERT_WORKS(Set(At("d"), kDefault, list));
    if (is_comparable) {
      ASSERT_WORKS(Set(host, kDefault, list));
    }
    for (const mode_t mode : {0777, 0666, 0640, 0000, 02775, 01751}) {
      const std::string name = "/" + std::to_string(++made);
      struct Result {
        mode_t file = 0;
        mode_t directory = 0;
        mode_t fifo = 0;
        std::string lists;
        bool operator==(const Result&) const = default;
      };
      const auto make = [&](const std::string& directory) {
        const std::string path = directory + name;
        OpenFile(path + "f", O_CREAT | O_WRONLY, mode & 0777);
        EXPECT_WORKS(mkdir((path + "d").c_str(), mode));
        EXPECT_WORKS(mkfifo((path + "p").c_str(), mode & 0777));
        const mode_t changed = StatOf(path + "d").st_mode ^ 0351;
        const std::string lists =
            Get(path + "f", kAccess) + Get(path + "d", kAccess) + Get(path + "d", kDefault) + Get(path + "p", kAccess);
        Result result{StatOf(path + "f").st_mode, StatOf(path + "d").st_mode, StatOf(path + "p").st_mode, lists};
        EXPECT_WORKS(chmod((path + "d").c_str(), changed & 07777));
        result.lists += Get(path + "d", kAccess);
        return result;
      };
      const Result here = make(At("d"));
      EXPECT_EQ(0u, here.file & 07000);
      if (is_comparable) {
        EXPECT_EQ(make(host), here) << list << " with mode " << std::oct << mode;
      }
    }
  }
  umask(umask_before);
}

}  // namespace
}  // namespace copse::test
