// Who owns what, where a mount squashes or maps users and groups: what is shown, and what is stored.

#include <copse/fs/owner_map.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mount/mount_test.h"
#include "support/acl_text.h"

namespace copse::test {
namespace {

using fs::OwnerMap;

constexpr std::uint32_t kAnn = 1000;
constexpr std::uint32_t kBob = 1001;
constexpr std::uint32_t kCarl = 1002;

class OwnersTest : public MountTest {
 protected:
  void Remount(OwnerMap users, OwnerMap groups = {}) {
    ASSERT_TRUE(StopServing().ok());
    fs::Frontend::Options options = DefaultOptions();
    options.owners = {std::move(users), std::move(groups)};
    const absl::Status mounted = Mount(options);
    ASSERT_TRUE(mounted.ok()) << mounted;
  }
  /// A file, whoever may look at it.
  void MakeFile(const std::string& name, uid_t owner, gid_t group) {
    ASSERT_TRUE(OpenFile(At(name), O_WRONLY | O_CREAT, 0666).ok());
    ASSERT_WORKS(chown(At(name).c_str(), owner, group));
  }
  /// What `user` gets from making a file of each kind in the root directory: 0, or the errno.
  int MakesEachKindAs(uid_t user) {
    EXPECT_WORKS(chmod(mount_point().c_str(), 0777));
    return InChild([&] {
      if (setgid(user) != 0 || setuid(user) != 0) return -1;
      if (open(At("file").c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644) < 0) return errno;
      if (mkdir(At("directory").c_str(), 0755) != 0) return errno;
      if (symlink("target", At("symlink").c_str()) != 0) return errno;
      return mkfifo(At("fifo").c_str(), 0644) == 0 ? 0 : errno;
    });
  }
  std::uint32_t StoredUser(std::string_view name) {
    const auto entry = volume().Lookup(fs::NodeId{1}, name);
    EXPECT_TRUE(entry.ok()) << entry.status();
    volume().Forget(entry->node, 1);
    return entry->attributes.uid;
  }
  OwnerMap Pairs(const std::vector<OwnerMap::Pair>& pairs) { return OwnerMap::FromPairs(pairs).value(); }
};

TEST_F(OwnersTest, SquashedEverythingIsShownAsOneUsersAndOneGroups) {
  COPSE_NEEDS_ROOT();
  MakeFile("of_root", 0, 0);
  MakeFile("of_bob", kBob, kBob);
  Remount(OwnerMap::Squash(kAnn), OwnerMap::Squash(100));
  for (const char* name : {"", "of_root", "of_bob"}) {
    EXPECT_EQ(StatOf(At(name)).st_uid, kAnn) << name;
    EXPECT_EQ(StatOf(At(name)).st_gid, 100u) << name;
  }
  EXPECT_EQ(StoredUser("of_bob"), kBob);
}

TEST_F(OwnersTest, SquashedWhatAnybodyMakesBelongsToThatUserInTheVolumeToo) {
  COPSE_NEEDS_ROOT();
  Remount(OwnerMap::Squash(kAnn));
  EXPECT_EQ(MakesEachKindAs(kBob), 0);
  for (const char* name : {"file", "directory", "symlink", "fifo"}) EXPECT_EQ(StoredUser(name), kAnn) << name;
}

TEST_F(OwnersTest, SquashedAnOwnerCanBeChangedToTheOneThatIsShownOnlyAndNothingIsStored) {
  COPSE_NEEDS_ROOT();
  MakeFile("file", kBob, kBob);
  Remount(OwnerMap::Squash(kAnn));
  EXPECT_WORKS(chown(At("file").c_str(), kAnn, 7));
  EXPECT_EQ(StoredUser("file"), kBob);
  EXPECT_EQ(StatOf(At("file")).st_gid, 7u);
  EXPECT_ERRNO(EPERM, chown(At("file").c_str(), kBob, static_cast<gid_t>(-1)));
}

TEST_F(OwnersTest, PermissionsAreThoseOfTheShownOwner) {
  COPSE_NEEDS_ROOT();
  MakeFile("file", kBob, kBob);
  ASSERT_WORKS(chmod(At("file").c_str(), 0600));
  Remount(Pairs({{kBob, kAnn}}));
  const auto opens = [&](uid_t user) {
    return InChild([&] { return setuid(user) == 0 && open(At("file").c_str(), O_RDWR) >= 0 ? 0 : errno; });
  };
  EXPECT_EQ(opens(kAnn), 0);
  EXPECT_EQ(opens(kCarl), EACCES);
}

TEST_F(OwnersTest, MappedIdsAreShownAndStoredByThePairsAndOthersAsTheyAre) {
  COPSE_NEEDS_ROOT();
  MakeFile("of_ann", kAnn, kAnn);
  MakeFile("of_bob", kBob, kBob);
  MakeFile("of_carl", kCarl, kCarl);
  Remount(Pairs({{kAnn, kBob}, {kBob, kAnn}}), Pairs({{kAnn, kBob}, {kBob, kAnn}}));
  EXPECT_EQ(StatOf(At("of_ann")).st_uid, kBob);
  EXPECT_EQ(StatOf(At("of_ann")).st_gid, kBob);
  EXPECT_EQ(StatOf(At("of_bob")).st_uid, kAnn);
  EXPECT_EQ(StatOf(At("of_carl")).st_uid, kCarl);
  EXPECT_EQ(MakesEachKindAs(kAnn), 0);
  for (const char* name : {"file", "directory", "symlink", "fifo"}) {
    EXPECT_EQ(StoredUser(name), kBob) << name;
    EXPECT_EQ(StatOf(At(name)).st_uid, kAnn) << name;
  }
  ASSERT_WORKS(chown(At("of_carl").c_str(), kBob, static_cast<gid_t>(-1)));
  EXPECT_EQ(StatOf(At("of_carl")).st_uid, kBob);
  EXPECT_EQ(StoredUser("of_carl"), kAnn);
}

TEST_F(OwnersTest, AnIdWhoseNumberIsTakenByAnotherShowsAsNobodyAndOneThatIsNotShownOwnsNothingNew) {
  COPSE_NEEDS_ROOT();
  MakeFile("of_ann", kAnn, kAnn);
  MakeFile("other", 0, 0);
  Remount(Pairs({{kBob, kAnn}}));
  EXPECT_EQ(StatOf(At("of_ann")).st_uid, OwnerMap::kNobody);
  EXPECT_EQ(MakesEachKindAs(kBob), EOVERFLOW);
  EXPECT_ERRNO(EOVERFLOW, chown(At("other").c_str(), kBob, static_cast<gid_t>(-1)));
  EXPECT_EQ(StoredUser("other"), 0u);
}

TEST_F(OwnersTest, AListingShowsTheSameOwnersAsALookup) {
  COPSE_NEEDS_ROOT();
  for (int i = 0; i < 50; ++i) MakeFile("file" + std::to_string(i), kBob, kBob);
  Remount(Pairs({{kBob, kAnn}}));
  for (const std::string& name : NamesIn(mount_point())) EXPECT_EQ(StatOf(At(name)).st_uid, kAnn) << name;
}

TEST_F(OwnersTest, AccessControlListsNameWhomTheMountShows) {
  COPSE_NEEDS_ROOT();
  MakeFile("file", kCarl, kCarl);
  Remount(Pairs({{kBob, kAnn}, {kAnn, kBob}}), Pairs({{kAnn, kCarl}, {kCarl, kAnn}}));
  const auto list = [](std::uint32_t user, std::uint32_t group) {
    return AclValue("u::rw-,u:" + std::to_string(user) + ":r--,g::r--,g:" + std::to_string(group) +
                    ":r--,m::r--,o::---");
  };
  const std::string shown = list(kAnn, kCarl);
  ASSERT_WORKS(setxattr(At("file").c_str(), "system.posix_acl_access", shown.data(), shown.size(), 0));
  const auto entry = volume().Lookup(fs::NodeId{1}, "file");
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(volume().GetXattr(entry->node, "system.posix_acl_access").value_or(""), list(kBob, kAnn));
  volume().Forget(entry->node, 1);
  std::string read(shown.size() + 100, '\0');
  const ssize_t length = getxattr(At("file").c_str(), "system.posix_acl_access", read.data(), read.size());
  ASSERT_EQ(static_cast<ssize_t>(shown.size()), length);
  EXPECT_EQ(read.substr(0, shown.size()), shown);
  Remount(OwnerMap::Squash(kAnn));
  EXPECT_ERRNO(EPERM,
               setxattr(At("file").c_str(), "system.posix_acl_access", list(kBob, kCarl).data(), shown.size(), 0));
}

TEST_F(OwnersTest, ByAListAMemberOfTheShownGroupKeepsSetgidAndOneOfTheStoredGroupDoesNot) {
  COPSE_NEEDS_ROOT();
  constexpr gid_t kShown = 100;
  MakeFile("file", kBob, kBob);
  ASSERT_WORKS(mkdir(At("directory").c_str(), 0755));
  ASSERT_WORKS(chown(At("directory").c_str(), kBob, kBob));
  Remount(OwnerMap::Squash(kAnn), OwnerMap::Squash(kShown));
  const std::string list = AclValue("u::rwx,g::r-x,o::r-x");
  for (const char* name : {"file", "directory"}) {
    for (const gid_t group : {kShown, gid_t{kBob}}) {
      ASSERT_WORKS(chmod(At(name).c_str(), 02755));
      ASSERT_EQ(0, InChild([&] {
                  if (setgroups(0, nullptr) != 0 || setgid(group) != 0 || setuid(kAnn) != 0) return 255;
                  const int set = setxattr(At(name).c_str(), "system.posix_acl_access", list.data(), list.size(), 0);
                  return set == 0 ? 0 : errno;
                }));
      EXPECT_EQ(StatOf(At(name)).st_mode & ALLPERMS, group == kShown ? 02755u : 0755u) << name << ", group " << group;
    }
  }
}

}  // namespace
}  // namespace copse::test
