#include "cli/locate.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/files.h"
#include "support/temporary_directory.h"

namespace copse::cli {
namespace {

class LocateTest : public testing::Test {
 protected:
  std::string MakeStore(const std::string& name) const {
    std::filesystem::create_directories(directory / name);
    test::WriteFile(directory / name / "format", "1\n");
    return directory / name;
  }
  std::string MakeDirectory(const std::string& name) const {
    std::filesystem::create_directories(directory / name);
    return directory / name;
  }

  const test::TemporaryDirectory temporary;
  const std::filesystem::path& directory = temporary.path();
};

TEST_F(LocateTest, AStoreIsFoundByItsOwnPathAndThroughASymbolicLink) {
  const std::string store = MakeStore("store");
  std::filesystem::create_symlink(store, directory / "link");
  for (const std::string& path : {store, store + "/", store + "/../store", (directory / "link").string()}) {
    const absl::StatusOr<Location> found = Locate(path, {});
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->store, store);
    EXPECT_EQ(found->mount_point, std::nullopt);
  }
}

TEST_F(LocateTest, AnythingInsideAMountLeadsToItsStore) {
  const std::string inside = MakeDirectory("mount/a/b");
  const std::string mount_point = directory / "mount";
  const std::vector<fs::MountedVolume> mounts = {{mount_point, "/some/store"}};
  for (const std::string& path : {mount_point, inside, inside + "/.."}) {
    const absl::StatusOr<Location> found = Locate(path, mounts);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->store, "/some/store");
    EXPECT_EQ(found->mount_point, mount_point);
  }
}

TEST_F(LocateTest, TheInnermostMountCountsAndOfEqualOnesTheTopmost) {
  const std::vector<fs::MountedVolume> mounts = {
      {"/m", "/lower"}, {"/m", "/upper"}, {"/m/inner", "/nested"}, {"/m/in", "/other"}};
  EXPECT_EQ(MountOf(mounts, "/m/x")->source, "/upper");
  EXPECT_EQ(MountOf(mounts, "/m/inner/x")->source, "/nested");
  EXPECT_EQ(MountOf(mounts, "/m/innermost")->source, "/upper");
  EXPECT_EQ(MountOf(mounts, "/mx"), nullptr);
  EXPECT_EQ(MountOf(mounts, "/"), nullptr);
}

TEST_F(LocateTest, ADirectoryContainsItselfAndWhatIsBelowItOnly) {
  EXPECT_TRUE(IsWithin("/a", "/a"));
  EXPECT_TRUE(IsWithin("/a/b", "/a"));
  EXPECT_TRUE(IsWithin("/a/b", "/"));
  EXPECT_FALSE(IsWithin("/ab", "/a"));
  EXPECT_FALSE(IsWithin("/", "/a"));
}

TEST_F(LocateTest, WhatIsNeitherStoreNorMountIsSaidToBeSo) {
  const absl::Status directory_only = Locate(MakeDirectory("plain"), {}).status();
  EXPECT_TRUE(absl::IsNotFound(directory_only));
  EXPECT_NE(std::string(directory_only.message()).find("copse init"), std::string::npos);
  EXPECT_TRUE(absl::IsNotFound(Locate((directory / "missing").string(), {}).status()));
}

}  // namespace
}  // namespace copse::cli
