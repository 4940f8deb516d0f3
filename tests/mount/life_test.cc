#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using LifeTest = MountTest;

bool IsMounted(const std::string& mount_point) {
  const auto mounts = fs::ListMounts();
  EXPECT_TRUE(mounts.ok()) << mounts.status();
  for (const fs::MountedVolume& mount : *mounts) {
    if (mount.mount_point == mount_point) return true;
  }
  return false;
}

TEST_F(LifeTest, TheMountIsListedWithItsSource) {
  const auto mounts = fs::ListMounts();
  ASSERT_TRUE(mounts.ok()) << mounts.status();
  bool found = false;
  for (const fs::MountedVolume& mount : *mounts)
    found |= mount.mount_point == mount_point() && mount.source == scratch();
  EXPECT_TRUE(found);
  EXPECT_FALSE(fs::IsDeadMount(mount_point()));
}

TEST_F(LifeTest, StoppingUnmounts) {
  WriteFile(At("file"), "contents");
  EXPECT_TRUE(StopServing().ok());
  EXPECT_FALSE(IsMounted(mount_point()));
  EXPECT_FALSE(Exists(At("file")));
}

TEST_F(LifeTest, UnmountingFromOutsideEndsServe) {
  const absl::Status unmounted = fs::Unmount(mount_point(), false);
  ASSERT_TRUE(unmounted.ok()) << unmounted;
  EXPECT_TRUE(WaitForServing().ok());
  EXPECT_FALSE(IsMounted(mount_point()));
}

TEST_F(LifeTest, UnmountingIsRefusedWhileAFileIsOpenUnlessLazy) {
  const Descriptor file = OpenFile(At("file"), O_RDWR | O_CREAT);
  const absl::Status refused = fs::Unmount(mount_point(), false);
  EXPECT_EQ(absl::StatusCode::kFailedPrecondition, refused.code()) << refused;
  EXPECT_TRUE(IsMounted(mount_point()));
  ASSERT_TRUE(fs::Unmount(mount_point(), true).ok());
  EXPECT_FALSE(IsMounted(mount_point()));
  EXPECT_EQ(4, write(file.get(), "late", 4));  // Served for as long as the file is open.
}

TEST_F(LifeTest, ServeEndsWhenTheLastFileOfALazilyUnmountedVolumeIsClosed) {
  Descriptor file = OpenFile(At("file"), O_RDWR | O_CREAT);
  ASSERT_TRUE(fs::Unmount(mount_point(), true).ok());
  file.Close();
  EXPECT_TRUE(WaitForServing().ok());
}

TEST_F(LifeTest, StoppingEndsServeThoughAFileIsOpen) {
  const Descriptor file = OpenFile(At("file"), O_RDWR | O_CREAT);
  ASSERT_EQ(4, write(file.get(), "kept", 4));
  EXPECT_TRUE(StopServing().ok());
  EXPECT_FALSE(IsMounted(mount_point()));
  EXPECT_EQ(-1, fsync(file.get()));
  ASSERT_TRUE(volume().Flush().ok());
  ASSERT_TRUE(Mount(DefaultOptions()).ok());
  EXPECT_EQ("kept", ReadFile(At("file")));
}

TEST_F(LifeTest, StoppingEndsServeThoughTheVolumeWasDetachedWithAFileOpen) {
  const Descriptor file = OpenFile(At("file"), O_RDWR | O_CREAT);
  ASSERT_TRUE(fs::Unmount(mount_point(), true).ok());
  EXPECT_TRUE(StopServing().ok());
}

/// Writes `bytes` times 'm' into the file at `path` through a mapping that lasts until the test goes on, as its
/// descriptor does where it is `kept_open`.
int WriteThroughMapping(const std::string& path, std::size_t bytes, bool kept_open, const std::function<void()>& wait) {
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT, 0644));
  if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return 1;
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return 2;
  if (!kept_open) file.Close();
  std::memset(memory, 'm', bytes);
  wait();
  munmap(memory, bytes);
  return 0;
}

TEST_F(LifeTest, StoppingWritesBackWhatWasWrittenThroughAMapping) {
  ChildProcess child([this](const auto& wait) { return WriteThroughMapping(At("file"), 4096, true, wait); });
  child.AwaitWait();
  EXPECT_TRUE(StopServing().ok());
  EXPECT_EQ(0, child.Finish());
  ASSERT_TRUE(volume().Flush().ok());
  ASSERT_TRUE(Mount(DefaultOptions()).ok());
  EXPECT_TRUE(ReadFile(At("file")) == std::string(4096, 'm'));
}

TEST_F(LifeTest, StoppingWritesBackWhatWasWrittenThroughAMappingOfADetachedMount) {
  constexpr std::size_t kBytes = 1 << 20;  // More than the kernel writes back at one time.
  ChildProcess child([this](const auto& wait) { return WriteThroughMapping(At("file"), kBytes, false, wait); });
  child.AwaitWait();
  ASSERT_TRUE(fs::Unmount(mount_point(), true).ok());
  EXPECT_TRUE(StopServing().ok());
  EXPECT_EQ(0, child.Finish());
  ASSERT_TRUE(Mount(DefaultOptions()).ok());
  EXPECT_TRUE(ReadFile(At("file")) == std::string(kBytes, 'm'));
}

TEST_F(LifeTest, ASignalHandlerMayStop) {
  static fs::Frontend* stopped = nullptr;
  stopped = frontend();
  const auto before = std::signal(SIGUSR1, [](int) { stopped->Stop(); });
  std::raise(SIGUSR1);
  EXPECT_TRUE(WaitForServing().ok());
  std::signal(SIGUSR1, before);
  EXPECT_FALSE(IsMounted(mount_point()));
}

TEST_F(LifeTest, StoppingBeforeServingEndsServeAtOnce) {
  ASSERT_TRUE(StopServing().ok());
  auto frontend = fs::Frontend::Mount(volume(), DefaultOptions(), nullptr);
  ASSERT_TRUE(frontend.ok()) << frontend.status();
  (*frontend)->Stop();
  EXPECT_TRUE((*frontend)->Serve([] {}).ok());
  EXPECT_FALSE(IsMounted(mount_point()));
}

TEST_F(LifeTest, AMountThatIsNeverServedGoesWithItsFrontend) {
  ASSERT_TRUE(StopServing().ok());
  {
    auto frontend = fs::Frontend::Mount(volume(), DefaultOptions(), nullptr);
    ASSERT_TRUE(frontend.ok()) << frontend.status();
    EXPECT_TRUE(IsMounted(mount_point()));
  }
  EXPECT_FALSE(IsMounted(mount_point()));
}

TEST_F(LifeTest, AMountWhoseProcessDiedIsDeadAndCanBeTakenAway) {
  ASSERT_TRUE(StopServing().ok());
  const int outcome = InChild([this] {
    auto frontend = fs::Frontend::Mount(volume(), DefaultOptions(), nullptr);
    if (!frontend.ok()) return 1;
    // Ends as kill -9 ends it: nothing is unmounted.
    std::raise(SIGKILL);
    return 2;
  });
  EXPECT_EQ(128 + SIGKILL, outcome);
  EXPECT_TRUE(IsMounted(mount_point()));
  EXPECT_TRUE(fs::IsDeadMount(mount_point()));
  const absl::Status refused = Mount(DefaultOptions());
  EXPECT_EQ(absl::StatusCode::kFailedPrecondition, refused.code());
  EXPECT_NE(std::string::npos, std::string(refused.message()).find("copse umount")) << refused;
  ASSERT_TRUE(fs::Unmount(mount_point(), true).ok());
  EXPECT_FALSE(IsMounted(mount_point()));
  EXPECT_TRUE(Mount(DefaultOptions()).ok());
}

TEST_F(LifeTest, AReadOnlyMountRefusesChanges) {
  WriteFile(At("file"), "contents");
  ASSERT_TRUE(StopServing().ok());
  fs::Frontend::Options options = DefaultOptions();
  options.read_only = true;
  ASSERT_TRUE(Mount(options).ok());
  EXPECT_EQ("contents", ReadFile(At("file")));
  EXPECT_ERRNO(EROFS, open(At("file").c_str(), O_WRONLY));
  EXPECT_ERRNO(EROFS, mkdir(At("new").c_str(), 0755));
}

TEST_F(LifeTest, MountPointsThatCannotBeUsedAreRefusedWithAReason) {
  ASSERT_TRUE(StopServing().ok());
  const auto refusal_of = [this](const std::string& path) {
    fs::Frontend::Options options = DefaultOptions();
    options.mount_point = path;
    const absl::Status refused = Mount(options);
    EXPECT_FALSE(refused.ok()) << path;
    EXPECT_EQ(std::string::npos, std::string(refused.message()).find('\n')) << refused;
    return refused.code();
  };
  WriteFile(scratch() + "/file", "");
  std::filesystem::create_directories(scratch() + "/full/child");
  EXPECT_EQ(absl::StatusCode::kNotFound, refusal_of(scratch() + "/missing"));
  EXPECT_EQ(absl::StatusCode::kFailedPrecondition, refusal_of(scratch() + "/file"));
  EXPECT_EQ(absl::StatusCode::kFailedPrecondition, refusal_of(scratch() + "/full"));
  EXPECT_EQ(absl::StatusCode::kFailedPrecondition, refusal_of("/proc"));
  EXPECT_EQ(absl::StatusCode::kInvalidArgument, refusal_of("relative"));
}

TEST_F(LifeTest, AMountedMountPointIsRefused) {
  fs::Frontend::Options options = DefaultOptions();
  auto again = fs::Frontend::Mount(volume(), options, nullptr);
  EXPECT_EQ(absl::StatusCode::kFailedPrecondition, again.status().code());
  options.mount_point += "/./";
  again = fs::Frontend::Mount(volume(), options, nullptr);
  EXPECT_EQ(absl::StatusCode::kFailedPrecondition, again.status().code());
}

TEST_F(LifeTest, UnknownMountOptionsAreRefusedByName) {
  ASSERT_TRUE(StopServing().ok());
  fs::Frontend::Options options = DefaultOptions();
  options.mount_options.push_back("no_such_option");
  const absl::Status refused = Mount(options);
  EXPECT_EQ(absl::StatusCode::kInvalidArgument, refused.code());
  EXPECT_NE(std::string::npos, std::string(refused.message()).find("no_such_option")) << refused;
}

TEST_F(LifeTest, SourcesAndMountPointsMayHaveAnyCharacters) {
  ASSERT_TRUE(StopServing().ok());
  const std::string directory = scratch() + "/a, b\\c";
  ASSERT_WORKS(mkdir(directory.c_str(), 0755));
  fs::Frontend::Options options = DefaultOptions();
  options.mount_point = directory;
  options.source = "/store, with\\all\tof it";
  ASSERT_TRUE(Mount(options).ok());
  const auto mounts = fs::ListMounts();
  ASSERT_TRUE(mounts.ok());
  bool found = false;
  for (const fs::MountedVolume& mount : *mounts)
    found |= mount.mount_point == directory && mount.source == options.source;
  EXPECT_TRUE(found);
  EXPECT_TRUE(StopServing().ok());
}

TEST_F(LifeTest, UnmountingWhatIsNoVolumeIsRefused) {
  EXPECT_EQ(absl::StatusCode::kNotFound, fs::Unmount("/proc", false).code());
  EXPECT_EQ(absl::StatusCode::kNotFound, fs::Unmount(scratch(), false).code());
}

}  // namespace
}  // namespace copse::test
