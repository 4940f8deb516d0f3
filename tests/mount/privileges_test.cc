// What a change of contents or owner takes from setuid and setgid: compared with the host's own file system, for
// callers that may keep them and callers that may not, members of the file's group and strangers.
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

#include <vector>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

constexpr uid_t kOwner = 1000;
constexpr uid_t kOther = 1001;
constexpr gid_t kGroup = 2000;
constexpr gid_t kOtherGroup = 2001;

struct Act {
  const char* name;
  int flags;  ///< Of the opening.
  int (*change)(int descriptor);
};

int Write(int file) { return pwrite(file, "new", 3, 0) == 3 ? 0 : -1; }

constexpr const char* kChownToNobody = "chown to nobody in particular";

constexpr Act kActs[] = {
    {"write", O_RDWR, Write},
    {"append", O_WRONLY | O_APPEND, Write},
    {"two writes", O_RDWR, [](int file) { return Write(file) + Write(file); }},
    {"open with O_TRUNC", O_WRONLY | O_TRUNC, [](int) { return 0; }},
    {"ftruncate", O_RDWR, [](int file) { return ftruncate(file, 1); }},
    {"ftruncate to the same size", O_RDWR, [](int file) { return ftruncate(file, 5); }},
    {"fallocate", O_RDWR, [](int file) { return fallocate(file, 0, 0, 100); }},
    {"fallocate that keeps the size", O_RDWR, [](int file) { return fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 100); }},
    {"punched hole", O_RDWR,
     [](int file) { return fallocate(file, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 2); }},
    {"copy_file_range", O_RDWR,
     [](int file) {
       loff_t from = 0;
       loff_t to = 3;
       return copy_file_range(file, &from, file, &to, 2, 0) == 2 ? 0 : -1;
     }},
    {"chgrp to an own group", O_RDONLY, [](int file) { return fchown(file, uid_t(-1), getgid()); }},
    {kChownToNobody, O_RDONLY, [](int file) { return fchown(file, uid_t(-1), gid_t(-1)); }},
    {"read", O_RDONLY,
     [](int file) {
       char byte;
       return read(file, &byte, 1) == 1 ? 0 : -1;
     }},
};

struct Who {
  const char* name;
  uid_t user;
  gid_t group;
  std::vector<gid_t> groups;
  const char* process_name = nullptr;  ///< As the process itself says (PR_SET_NAME), if it does.
};

/// The mode that `path` has after `who` has done `act` to it, or -errno; and whether `who` may link it then, before
/// anybody has looked at the mode (/proc/sys/fs/protected_hardlinks).
std::pair<int, bool> ModeAfter(const std::string& path, mode_t mode, const Who& who, const Act& act) {
  const std::string further = path + "2";
  unlink(path.c_str());
  unlink(further.c_str());
  WriteFile(path, "bytes");
  EXPECT_WORKS(chown(path.c_str(), kOwner, kGroup));
  EXPECT_WORKS(chmod(path.c_str(), mode));
  const int error = InChild([&] {
    if (who.process_name != nullptr && prctl(PR_SET_NAME, who.process_name) != 0) return 254;
    if (setgroups(who.groups.size(), who.groups.data()) != 0 || setgid(who.group) != 0 || setuid(who.user) != 0)
      return 255;
    const int file = open(path.c_str(), act.flags | O_CLOEXEC);
    if (file < 0 || act.change(file) != 0) return errno;
    // What O_TRUNC took away the kernel does not know before it looks (docs/posix.md).
    if ((act.flags & O_TRUNC) == 0) static_cast<void>(link(path.c_str(), further.c_str()));
    return 0;
  });
  return {error == 0 ? static_cast<int>(StatOf(path).st_mode & ALLPERMS) : -error, Exists(further)};
}

class PrivilegesTest : public MountTest {};

TEST_F(PrivilegesTest, ChangesTakeSetuidAndSetgidAwayAsOnTheHost) {
  COPSE_NEEDS_ROOT();
  ASSERT_WORKS(chmod(mount_point().c_str(), 0777));
  ASSERT_WORKS(chmod(scratch().c_str(), 0777));
  const Who callers[] = {{"root", 0, 0, {}},
                         {"owner", kOwner, kGroup, {}},
                         {"owner in another group", kOwner, kOtherGroup, {}},
                         {"member", kOther, kGroup, {}},
                         {"further member", kOther, kOtherGroup, {1, kGroup}},
                         {"stranger", kOther, kOtherGroup, {1, 2}}};
  for (const Who& who : callers) {
    for (const Act& act : kActs) {
      // Of a stranger's, the kernel does not tell what it is, and nothing happens (docs/posix.md). The host says EPERM.
      if (act.name == kChownToNobody && who.user == kOther) continue;
      for (const mode_t mode : {06777, 02777, 04777, 02767, 06666, 04666, 0777}) {
        EXPECT_EQ(ModeAfter(scratch() + "/f", mode, who, act), ModeAfter(At("f"), mode, who, act))
            << who.name << ": " << act.name << " of a file with mode " << std::oct << mode;
      }
    }
  }
}

// Nothing is taken, though for a moment it is shown so to the kernel, which could not be told from a write of one.
TEST_F(PrivilegesTest, AStrangersChownToNobodyInParticularTakesNothingAway) {
  COPSE_NEEDS_ROOT();
  const Act chown_to_nobody = {kChownToNobody, O_RDONLY, [](int file) { return fchown(file, uid_t(-1), gid_t(-1)); }};
  ASSERT_WORKS(chmod(mount_point().c_str(), 0777));
  const Who stranger = {"stranger", kOther, kOtherGroup, {1, 2}};
  EXPECT_EQ(ModeAfter(At("f"), 06777, stranger, chown_to_nobody).first, 06777);
}

// Capabilities are looked up in /proc/PID/status, which begins with the name.
TEST_F(PrivilegesTest, NoProcessKeepsSetuidByTheNameThatItGivesItself) {
  COPSE_NEEDS_ROOT();
  ASSERT_WORKS(chmod(mount_point().c_str(), 0777));
  ASSERT_WORKS(chmod(scratch().c_str(), 0777));
  const Who stranger = {"stranger", kOther, kOtherGroup, {}, "CapEff: fffffff"};
  for (const Act& act : kActs) {
    if (act.name == kChownToNobody) continue;  // See above.
    for (const mode_t mode : {06777, 04777}) {
      EXPECT_EQ(ModeAfter(scratch() + "/f", mode, stranger, act), ModeAfter(At("f"), mode, stranger, act))
          << act.name << " of a file with mode " << std::oct << mode;
    }
  }
}

TEST_F(PrivilegesTest, AWriteTakesAFileCapabilityAwayToo) {
  COPSE_NEEDS_ROOT();
  WriteFile(At("f"), "bytes");
  // VFS_CAP_REVISION_2, and CAP_NET_RAW permitted (linux/capability.h).
  const unsigned char capability[20] = {0, 0, 0, 2, 0, 0x20};
  for (int round = 0; round < 2; ++round) {
    ASSERT_WORKS(setxattr(At("f").c_str(), "security.capability", capability, sizeof capability, 0));
    ASSERT_WORKS(getxattr(At("f").c_str(), "security.capability", nullptr, 0));
    const Descriptor file = OpenFile(At("f"), O_RDWR);
    ASSERT_WORKS(Write(file.get()));
    EXPECT_ERRNO(ENODATA, static_cast<int>(getxattr(At("f").c_str(), "security.capability", nullptr, 0)));
  }
}

}  // namespace
}  // namespace copse::test
