#include "frontend/mount_table.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

namespace copse::fs {
namespace {

TEST(MountTableTest, ALineIsTakenApart) {
  const auto mount = ParseMountLine(
      "36 35 0:53 / /home/a/m rw,nosuid,nodev,relatime shared:1 master:2 - fuse.copse /home/a/store rw,user_id=0");
  ASSERT_TRUE(mount.has_value());
  EXPECT_EQ(makedev(0, 53), mount->device);
  EXPECT_EQ("/home/a/m", mount->mount_point);
  EXPECT_EQ("fuse.copse", mount->type);
  EXPECT_EQ("/home/a/store", mount->source);
}

TEST(MountTableTest, OptionalFieldsMayBeMissing) {
  const auto mount = ParseMountLine("36 35 8:1 / / rw - ext4 /dev/sda1 rw");
  ASSERT_TRUE(mount.has_value());
  EXPECT_EQ("/", mount->mount_point);
  EXPECT_EQ("ext4", mount->type);
}

TEST(MountTableTest, OctalEscapesStandForBytes) {
  const auto mount = ParseMountLine("36 35 0:53 / /a\\040b\\011c\\012d\\134e rw - fuse.copse s\\040t rw");
  ASSERT_TRUE(mount.has_value());
  EXPECT_EQ("/a b\tc\nd\\e", mount->mount_point);
  EXPECT_EQ("s t", mount->source);
}

TEST(MountTableTest, MalformedLinesAreNoMounts) {
  for (const char* line :
       {"", "36", "36 35 0:53 / /m rw", "36 35 x:y / /m rw - fuse.copse s rw", "36 35 053 / /m rw - fuse.copse s rw"}) {
    EXPECT_FALSE(ParseMountLine(line).has_value()) << line;
  }
}

TEST(MountTableTest, OfTwoMountsAtOnePlaceTheLaterIsSeen) {
  const std::vector<MountLine> mounts = {{1, "/m", "ext4", "a"}, {2, "/m", "fuse.copse", "b"}, {3, "/n", "ext4", "c"}};
  ASSERT_TRUE(MountAt(mounts, "/m").has_value());
  EXPECT_EQ("b", MountAt(mounts, "/m")->source);
  EXPECT_FALSE(MountAt(mounts, "/m/").has_value());
}

}  // namespace
}  // namespace copse::fs
