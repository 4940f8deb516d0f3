// Access control lists beside modes: what acl(5) says, and what ext4 does where it says nothing.
#include <sys/stat.h>

#include "fs/volume/replicas_fixture.h"
#include "fs/volume/volume_fixture.h"
#include "support/acl_text.h"

namespace copse::fs {
namespace {

using test::AclValue;

constexpr const char* kAccess = "system.posix_acl_access";
constexpr const char* kDefault = "system.posix_acl_default";

class AclTest : public VolumeTest {
 protected:
  std::errc Set(NodeId node, const char* name, const std::string& value, const Caller& caller = kAlice) {
    return ErrorOf(volume().SetXattr(caller, node, name, value, Volume::XattrMode::kSet));
  }
  std::errc SetText(NodeId node, const char* name, const std::string& text) { return Set(node, name, AclValue(text)); }
  /// Empty where there is none.
  std::string Get(NodeId node, const char* name) {
    const auto value = volume().GetXattr(node, name);
    return value.ok() ? *value : std::string();
  }
};

TEST_F(AclTest, AListSetsTheModeWithItsMaskAsGroup) {
  const NodeId file = MakeFile(kRoot, "a");
  ASSERT_EQ(SetText(file, kAccess, "u::rwx,u:5:rwx,g::r--,m::rw-,o::--x"), std::errc{});
  EXPECT_EQ(Stat(file).mode, 0761u);
  EXPECT_EQ(Get(file, kAccess), AclValue("u::rwx,u:5:rwx,g::r--,m::rw-,o::--x"));
}

TEST_F(AclTest, AListThatSaysNoMoreThanAModeIsOne) {
  const NodeId file = MakeFile(kRoot, "a");
  ASSERT_EQ(SetText(file, kAccess, "u::rw-,u:5:r--,g::r--,m::r--,o::---"), std::errc{});
  ASSERT_EQ(SetText(file, kAccess, "u::r--,g::-w-,o::--x"), std::errc{});
  EXPECT_EQ(Stat(file).mode, 0421u);
  EXPECT_EQ(ErrorOf(volume().GetXattr(file, kAccess)), std::errc::no_message_available);
  EXPECT_EQ(*volume().ListXattrs(file), "");
}

TEST_F(AclTest, ChmodChangesTheMaskAndLeavesTheNamed) {
  const NodeId file = MakeFile(kRoot, "a");
  ASSERT_EQ(SetText(file, kAccess, "u::rw-,u:5:rw-,g::r--,m::rw-,o::r--"), std::errc{});
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.mode = 0700}).ok());
  EXPECT_EQ(Get(file, kAccess), AclValue("u::rwx,u:5:rw-,g::r--,m::---,o::---"));
  world_.Reopen();
  EXPECT_EQ(Get(file, kAccess), AclValue("u::rwx,u:5:rw-,g::r--,m::---,o::---"));
}

TEST_F(AclTest, ADefaultListIsInheritedInsteadOfTheUmask) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  ASSERT_EQ(SetText(directory, kDefault, "u::rwx,u:5:rwx,g::rwx,m::rwx,o::rwx"), std::errc{});
  const auto file = volume().Create(kAlice, directory, "f", 0666, {.write = true});
  ASSERT_TRUE(file.ok());
  volume().Release(file->handle);
  EXPECT_EQ(file->entry.attributes.mode, 0666u) << "the umask of 022 does not count";
  EXPECT_EQ(Get(file->entry.node, kAccess), AclValue("u::rw-,u:5:rwx,g::rwx,m::rw-,o::rw-"));
  EXPECT_EQ(Get(file->entry.node, kDefault), "");
  const NodeId below = MakeDirectory(directory, "below", 0750);
  EXPECT_EQ(Stat(below).mode, 0750u);
  EXPECT_EQ(Get(below, kAccess), AclValue("u::rwx,u:5:rwx,g::rwx,m::r-x,o::---"));
  EXPECT_EQ(Get(below, kDefault), AclValue("u::rwx,u:5:rwx,g::rwx,m::rwx,o::rwx"));
}

TEST_F(AclTest, AMinimalDefaultListGivesAModeOnly) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  ASSERT_EQ(SetText(directory, kDefault, "u::rwx,g::rwx,o::---"), std::errc{});
  const NodeId file = MakeFile(directory, "f");
  EXPECT_EQ(Stat(file).mode, 0640u);
  EXPECT_EQ(Get(file, kAccess), "");
  const auto link = volume().MakeSymlink(kAlice, directory, "l", "to");
  ASSERT_TRUE(link.ok());
  EXPECT_EQ(link->attributes.mode, 0777u);
}

TEST_F(AclTest, WithoutADefaultListTheUmaskCounts) {
  const auto file = volume().Create(kAlice, kRoot, "f", 0666, {.write = true});
  ASSERT_TRUE(file.ok());
  volume().Release(file->handle);
  EXPECT_EQ(file->entry.attributes.mode, 0644u);
  EXPECT_EQ(Stat(MakeDirectory(kRoot, "d", 0777)).mode, 0755u);
}

TEST_F(AclTest, WhoIsNotInTheGroupTakesSetgidAway) {
  const NodeId file = MakeFile(kRoot, "a");
  const std::string list = AclValue("u::rwx,g::r-x,o::---");
  const auto mode_after = [&](const Caller& caller) {
    EXPECT_TRUE(volume().SetAttributes(kAlice, file, {.mode = 02755, .gid = 7}).ok());
    EXPECT_EQ(Set(file, kAccess, list, caller), std::errc{});
    return Stat(file).mode;
  };
  EXPECT_EQ(mode_after(kAlice), 0750u);
  EXPECT_EQ(mode_after({.uid = 0, .gid = 0}), 02750u);
  EXPECT_EQ(mode_after({.uid = 1000, .gid = 7}), 02750u);
  EXPECT_EQ(
      mode_after({.uid = 1000, .gid = 1000, .is_member = [](std::uint32_t group) { return group == 6 || group == 7; }}),
      02750u);
}

TEST_F(AclTest, WhatIsNoListIsRefused) {
  const NodeId file = MakeFile(kRoot, "a");
  const NodeId directory = MakeDirectory(kRoot, "d");
  const auto link = volume().MakeSymlink(kAlice, kRoot, "l", "to");
  ASSERT_TRUE(link.ok());
  const std::string good = "u::rwx,g::r-x,o::---";
  EXPECT_EQ(SetText(file, kAccess, "u::rwx,g::r-x"), std::errc::invalid_argument) << "no others";
  EXPECT_EQ(SetText(file, kAccess, "u::rwx,u:5:r--,g::r-x,o::---"), std::errc::invalid_argument) << "no mask";
  EXPECT_EQ(SetText(file, kAccess, "g::r-x,u::rwx,o::---"), std::errc::invalid_argument) << "out of order";
  EXPECT_EQ(SetText(file, kAccess, good + ",o::---"), std::errc::invalid_argument) << "others twice";
  EXPECT_EQ(Set(file, kAccess, AclValue(good) + "x"), std::errc::invalid_argument);
  EXPECT_EQ(Set(file, kAccess, ""), std::errc::invalid_argument);
  EXPECT_EQ(SetText(file, kDefault, good), std::errc::permission_denied);
  EXPECT_EQ(SetText(link->node, kAccess, good), std::errc::operation_not_supported);
  EXPECT_EQ(SetText(directory, kDefault, good), std::errc{});
}

TEST_F(AclTest, AListIsRemovedAndTheModeStays) {
  const NodeId file = MakeFile(kRoot, "a");
  const std::string list = "u::rw-,u:5:rw-,g::r--,m::rw-,o::---";
  for (const bool by_empty_list : {false, true}) {
    ASSERT_EQ(SetText(file, kAccess, list), std::errc{});
    if (by_empty_list) {
      ASSERT_EQ(Set(file, kAccess, AclValue("")), std::errc{});
    } else {
      ASSERT_TRUE(volume().RemoveXattr(kAlice, file, kAccess).ok());
    }
    EXPECT_EQ(Get(file, kAccess), "");
    EXPECT_EQ(Stat(file).mode, 0660u);
  }
  EXPECT_TRUE(volume().RemoveXattr(kAlice, file, kAccess).ok()) << "none is what was asked for";
}

using AclOfReplicasTest = ReplicasTest;

TEST_F(AclOfReplicasTest, ListAndModeAgreeWhenOneWasChangedHereAndTheOtherThere) {
  BothWays([this](Replica& a, Replica& b) {
    const NodeId file = a.MakeFile(kRoot, "f");
    Exchange();
    const std::string list = AclValue("u::rw-,u:5:rw-,g::r--,m::rw-,o::---");
    ASSERT_TRUE(a.volume().SetXattr(kAlice, file, kAccess, list, Volume::XattrMode::kSet).ok());
    ASSERT_TRUE(b.volume().SetAttributes(kAlice, file, {.mode = 0604}).ok());
    Exchange();
    const bool chmod_is_later = a.Stat(file).mode == 0604;
    const std::string expected =
        chmod_is_later ? "u::rw-,u:5:rw-,g::r--,m::---,o::r--" : "u::rw-,u:5:rw-,g::r--,m::rw-,o::---";
    for (Replica* replica : {&a, &b}) {
      EXPECT_EQ(replica->Stat(file).mode, chmod_is_later ? 0604u : 0660u);
      EXPECT_EQ(*replica->volume().GetXattr(file, kAccess), AclValue(expected));
    }
  });
}

}  // namespace
}  // namespace copse::fs
