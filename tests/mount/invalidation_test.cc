#include <copse/fs/error.h>
#include <fcntl.h>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using InvalidationTest = MountTest;

TEST_F(InvalidationTest, ARestoredFileShowsWithoutARemount) {
  WriteFile(At("file"), "deleted");
  ASSERT_WORKS(unlink(At("file").c_str()));
  EXPECT_FALSE(Exists(At("file")));
  EXPECT_EQ(std::vector<std::string>{}, NamesIn(mount_point()));
  EXPECT_FALSE(Exists(At("file")));  // The kernel remembers that it is not there.
  const auto trash = volume().ListTrash();
  ASSERT_EQ(1u, trash.size());
  const auto restored = volume().RestoreFromTrash(trash[0].node);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ("file", *restored);
  EXPECT_TRUE(Eventually([this] { return Exists(At("file")); }));
  EXPECT_TRUE(Eventually([this] { return NamesIn(mount_point()) == std::vector<std::string>{"file"}; }));
  EXPECT_EQ("deleted", ReadFile(At("file")));
}

TEST_F(InvalidationTest, ARestoredTreeShowsWithAllBelowIt) {
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  WriteFile(At("d/file"), "below");
  ASSERT_WORKS(unlink(At("d/file").c_str()));
  ASSERT_WORKS(rmdir(At("d").c_str()));
  EXPECT_FALSE(Exists(At("d")));
  fs::NodeId file;
  for (const auto& entry : volume().ListTrash()) {
    if (entry.path == "d/file") file = entry.node;
  }
  const auto restored = volume().RestoreFromTrash(file);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ("d/file", *restored);
  EXPECT_TRUE(Eventually([this] { return Exists(At("d/file")); }));
  EXPECT_EQ("below", ReadFile(At("d/file")));
}

TEST_F(InvalidationTest, AnnouncementsMeetingRequestsBlockNobody) {
  // Lookups, listings and creations hold locks in the kernel that notifications wait for.
  std::atomic<bool> done = false;
  std::thread requests([&] {
    for (int i = 0; !done; ++i) {
      const std::string name = At("busy" + std::to_string(i % 20));
      WriteFile(name, "x");
      NamesIn(mount_point());
      unlink(name.c_str());
    }
  });
  for (int i = 0; i < 100; ++i) {
    const std::string name = "restored" + std::to_string(i);
    WriteFile(At(name), "x");
    EXPECT_WORKS(unlink(At(name).c_str()));
    for (const auto& entry : volume().ListTrash()) {
      if (entry.path != name) continue;
      EXPECT_TRUE(volume().RestoreFromTrash(entry.node).ok());
    }
    EXPECT_TRUE(Eventually([&] { return Exists(At(name)); })) << name;
  }
  done = true;
  requests.join();
}

}  // namespace
}  // namespace copse::test
