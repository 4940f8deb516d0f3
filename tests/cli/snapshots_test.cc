// A volume that starts from its snapshot is the one that replaying gives, and whatever is wrong with the snapshot, the
// volume starts all the same.

#include <copse/base/posix_storage.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "cli/open_volume.h"
#include "cli/volume_commands.h"
#include "support/temporary_directory.h"

namespace copse::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const fs::Caller kCaller{.uid = 1000, .gid = 1000};

class SnapshotsTest : public testing::Test {
 protected:
  // Enough ops for the end of the process to leave a snapshot.
  static constexpr int kFiles = 4000;

  void SetUp() override {
    ASSERT_EQ(OpenVolume::Create(store_, "one", kCaller), absl::OkStatus());
    const auto opened = Open();
    fs::Volume& volume = opened->volume();
    fs::NodeId directory = crdt::kRoot;
    for (int i = 0; i < kFiles; ++i) {
      if (i % 100 == 0) {
        directory = volume.MakeDirectory(kCaller, crdt::kRoot, "directory" + std::to_string(i), 0755)->node;
      }
      const std::string name = "file" + std::to_string(i);
      ASSERT_TRUE(volume.MakeNode(kCaller, directory, name, fs::Kind::kRegular, 0644, 0).ok());
      absl::Status changed;
      if (i % 7 == 0) changed = volume.Rename(kCaller, directory, name, directory, name + ".txt", 0);
      if (i % 11 == 0) {
        changed.Update(volume.SetXattr(kCaller, directory, "user." + name, name, fs::Volume::XattrMode::kSet));
      }
      if (i % 13 == 1 && i % 7 != 0) changed.Update(volume.Unlink(kCaller, directory, name));
      ASSERT_EQ(changed, absl::OkStatus());
    }
    dump_ = volume.Dump();
  }

  std::unique_ptr<OpenVolume> Open() {
    auto opened = OpenVolume::Open(store_, {});
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  std::vector<std::filesystem::path> Files() const {
    std::vector<std::filesystem::path> files;
    if (!std::filesystem::exists(store_ + "/snapshots")) return files;
    for (const auto& entry : std::filesystem::directory_iterator(store_ + "/snapshots")) files.push_back(entry.path());
    return files;
  }
  static Json VerifyOf(OpenVolume& opened) {
    return *RunVolumeCommand({opened, std::nullopt, nullptr, nullptr}, "verify", Json::object());
  }
  static void Damage(const std::filesystem::path& path, std::uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }

  test::TemporaryDirectory directory_;
  std::string store_ = directory_.path() / "store";
  std::string dump_;
};

TEST_F(SnapshotsTest, TheNextStartGoesOnFromWhatTheLastProcessLeft) {
  ASSERT_EQ(Files().size(), 1U);
  const auto opened = Open();
  EXPECT_GT(opened->store().snapshot_ops(), 10'000U);
  EXPECT_THAT(opened->notes(), IsEmpty());
  EXPECT_EQ(opened->volume().Dump(), dump_);
  EXPECT_THAT(VerifyOf(*opened).at("problems"), IsEmpty());
}

TEST_F(SnapshotsTest, WhatCameAfterItIsReplayedOnTop) {
  {
    const auto opened = Open();
    ASSERT_TRUE(opened->volume().Rename(kCaller, crdt::kRoot, "directory0", crdt::kRoot, "renamed", 0).ok());
    ASSERT_TRUE(opened->volume().MakeDirectory(kCaller, crdt::kRoot, "later", 0700).ok());
    dump_ = opened->volume().Dump();
  }
  ASSERT_EQ(Files().size(), 1U);  // Not worth another one.
  const auto opened = Open();
  EXPECT_GT(opened->store().snapshot_ops(), 10'000U);
  EXPECT_EQ(opened->volume().Dump(), dump_);
}

TEST_F(SnapshotsTest, DamagedOrDeletedItCostsOnlyTime) {
  const std::filesystem::path path = Files().front();
  Damage(path, std::filesystem::file_size(path) / 2);
  {
    const auto opened = Open();
    EXPECT_EQ(opened->store().snapshot_ops(), 0U);
    ASSERT_EQ(opened->notes().size(), 1U);
    EXPECT_THAT(opened->notes().front(), HasSubstr(path.string()));
    EXPECT_EQ(opened->volume().Dump(), dump_);
    EXPECT_THAT(VerifyOf(*opened).at("problems").dump(), HasSubstr(path.string()));
  }
  EXPECT_EQ(Open()->volume().Dump(), dump_);  // From the snapshot that replaced it.
  std::filesystem::remove_all(store_ + "/snapshots");
  const auto opened = Open();
  EXPECT_THAT(opened->notes(), IsEmpty());
  EXPECT_EQ(opened->volume().Dump(), dump_);
}

TEST_F(SnapshotsTest, VerifyFindsOneThatIsNotTheTreeOfTheLog) {
  {
    // The image of another tree, whose ops are counted alike, with checksums that are right.
    const auto opened = Open();
    crdt::VersionVector known;
    std::string image = opened->volume().SaveReplica(known, [&] { opened->store().EndFrameHere(); });
    const std::size_t name = image.find("file3999");
    ASSERT_NE(name, std::string::npos);
    image[name] = 'F';
    ASSERT_EQ(opened->store().WriteSnapshot(known, {image}), absl::OkStatus());
    EXPECT_THAT(VerifyOf(*opened).at("problems").dump(), HasSubstr("snapshot"));
  }
  const auto opened = Open();
  EXPECT_THAT(VerifyOf(*opened).at("problems").dump(), HasSubstr("another tree"));
}

}  // namespace
}  // namespace copse::cli
