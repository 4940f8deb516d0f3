// What -o may be given.

#include "cli/mount_options.h"

#include <gtest/gtest.h>

namespace copse::cli {
namespace {

using Words = std::vector<std::string>;

MountOptions Taken(const Words& given) {
  MountOptions options;
  const absl::Status status = TakeMountOptions(given, options);
  EXPECT_TRUE(status.ok()) << status;
  return options;
}

std::string Refusal(const Words& given) {
  MountOptions options;
  const absl::Status status = TakeMountOptions(given, options);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << given.front();
  return std::string(status.message());
}

TEST(MountOptionsTest, WhatFuseKnowsIsPassedOn) {
  const Words given = {"allow_other", "suid", "dev", "noatime", "max_read=65536"};
  EXPECT_EQ(Taken(given).fuse_options, given);
}

TEST(MountOptionsTest, WhatFstabHasForOthersMeansNothing) {
  const MountOptions options =
      Taken({"defaults", "auto", "noauto", "user", "user=ann", "users", "nouser", "owner", "group", "_netdev", "nofail",
             "x-systemd.automount", "X-mount.mkdir", "comment=mine", "relatime", "rw", ""});
  EXPECT_TRUE(options.fuse_options.empty());
  EXPECT_FALSE(options.read_only);
}

TEST(MountOptionsTest, OurOwnHaveTheirEffect) {
  const MountOptions options = Taken({"ro", "offline", "listen=0.0.0.0:1", "listen=[::]:1", "peer=desk:2"});
  EXPECT_TRUE(options.read_only);
  EXPECT_TRUE(options.offline);
  EXPECT_EQ(options.listen, (Words{"0.0.0.0:1", "[::]:1"}));
  EXPECT_EQ(options.peers, (Words{"desk:2"}));
  EXPECT_TRUE(options.fuse_options.empty());
}

TEST(MountOptionsTest, OfReadOnlyAndReadWriteTheLastCounts) {
  EXPECT_TRUE(Taken({"rw", "ro"}).read_only);
  EXPECT_FALSE(Taken({"ro", "rw"}).read_only);
}

TEST(MountOptionsTest, WhetherProcessorsAreKeptAwakeIsOpenUnlessSaid) {
  EXPECT_EQ(Taken({"ro"}).keep_awake, std::nullopt);
  EXPECT_EQ(Taken({"nokeep_awake", "keep_awake"}).keep_awake, true);
  EXPECT_EQ(Taken({"nokeep_awake"}).keep_awake, false);
  EXPECT_TRUE(Taken({"nopassthrough", "passthrough"}).passthrough);
  EXPECT_FALSE(Taken({"nopassthrough"}).passthrough);
}

TEST(MountOptionsTest, UsersAndGroupsAreSquashedAndMappedEachByThemselves) {
  const MountOptions options = Taken({"squash_uid=1000", "map_gid=100/1000:1000/100"});
  EXPECT_EQ(options.owners.users.Shown(0), 1000u);
  EXPECT_EQ(options.owners.groups.Shown(100), 1000u);
  EXPECT_EQ(options.owners.groups.Shown(1000), 100u);
  EXPECT_EQ(options.owners.groups.Shown(5), 5u);
}

TEST(MountOptionsTest, WhatMakesNoSenseIsRefusedByName) {
  for (const char* option : {"squash_uid=", "squash_uid=ann", "squash_gid=-1", "squash_uid=4294967295", "squash_uid=1 ",
                             "map_uid=", "map_uid=1", "map_uid=1/", "map_uid=1/2:", "map_gid=1/2:3", "map_uid=1/2/3",
                             "map_uid=1/2:1/3", "map_uid=1/3:2/3", "squash=1", "strictatime", "nonsense"}) {
    EXPECT_EQ(Refusal({option}).find("-o " + std::string(option) + ": "), 0u) << option;
  }
}

TEST(MountOptionsTest, OnlyOneOfTheOptionsThatSayWhoOwnsWhatMayBeGiven) {
  EXPECT_NE(Refusal({"squash_uid=1", "map_uid=1/2"}).find("only one"), std::string::npos);
  EXPECT_NE(Refusal({"map_gid=3/4", "map_gid=1/2"}).find("only one"), std::string::npos);
  Taken({"squash_uid=1", "map_gid=1/2"});
}

}  // namespace
}  // namespace copse::cli
