// open(2) with O_CREAT of a name that another replica makes and removes all the time: what the kernel takes to be
// creation may open what is there, with no check of its own. Compared with what the host's own file system allows.
#include <fcntl.h>
#include <grp.h>

#include <atomic>
#include <thread>
#include <vector>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

constexpr uid_t kUser = 1000;
constexpr uid_t kStranger = 1001;
constexpr gid_t kGroup = 2000;
constexpr gid_t kStrangers = 2001;
constexpr int kOpenings = 200;

struct Case {
  const char* name;  ///< Of the file too: what was written to one comes back after its removal by the peer.
  fs::Caller maker;  ///< Of what the peer makes; the one who opens is kUser, of kGroup.
  mode_t mode;
  int flags;
  mode_t directory_mode = 0777;
};

fs::Caller MakerOf(uid_t user, gid_t group) { return {user, group, 0, {}}; }

/// The bits of what openings came to.
enum Outcome : int { kOwnFile = 1, kPeersFile = 2, kDenied = 4, kStale = 8, kUnexpected = 16, kWrongBytes = 32 };

class CreationTest : public MountTest {
 protected:
  static constexpr crdt::ActorId kPeer = 2;

  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    fs::Volume::Options options = fs::TestVolume::DefaultOptions();
    options.label = "peer";
    peer_ = std::make_unique<fs::TestVolume>(kPeer, content(), options);
  }
  void TearDown() override {
    MountTest::TearDown();
    peer_.reset();
  }

  /// Makes the peer's file and removes it again until `done`.
  void MakeAndRemove(const Case& tried, const std::atomic<bool>& done) {
    while (!done) {
      const auto made =
          peer_->volume->MakeNode(tried.maker, crdt::kRoot, tried.name, fs::Kind::kRegular, tried.mode, 0);
      ASSERT_TRUE(made.ok()) << made.status();
      Fetch();
      ASSERT_TRUE(peer_->volume->Unlink({}, crdt::kRoot, tried.name).ok());
      peer_->volume->Forget(made->node, 1);
      Fetch();
    }
  }

  /// Removes whatever names there are until `done`: where both have made one at a time, there are two.
  void RemoveAll(const std::atomic<bool>& done) {
    while (!done) {
      for (const std::string& name : NamesIn(mount_point())) unlink(At(name).c_str());
    }
  }

  /// Opens `path` as the user again and again, and removes it as often; returns the outcomes. Allocates nothing, as it
  /// runs in a process forked from one with threads.
  static int Open(const char* path, int flags) {
    if (setgroups(0, nullptr) != 0 || setgid(kGroup) != 0 || setuid(kUser) != 0) return 255;
    int outcomes = 0;
    for (int i = 0; i < kOpenings; ++i) {
      const Descriptor file(open(path, flags | O_CREAT | O_CLOEXEC, 0644));
      struct stat found {};
      if (file.ok() && fstat(file.get(), &found) == 0) {
        outcomes |= found.st_ino >> 48 == kPeer ? kPeersFile : kOwnFile;
        if ((flags & O_ACCMODE) == O_RDWR && !KeepsBytes(file.get())) outcomes |= kWrongBytes;
      } else {
        outcomes |= errno == EACCES || errno == EPERM ? kDenied : errno == ESTALE ? kStale : kUnexpected;
      }
      unlink(path);
    }
    return outcomes;
  }

 private:
  static bool KeepsBytes(int file) {
    char read[3];
    return pwrite(file, "new", 3, 0) == 3 && pread(file, read, 3, 0) == 3 && std::string_view(read, 3) == "new";
  }

  void Fetch() {
    ASSERT_TRUE(peer_->volume->Flush().ok());
    const std::vector<crdt::Op> ops = peer_->journal.OpsBeyond(fetched_);
    ASSERT_TRUE(volume().Ingest(kPeer, fetched_, ops).ok());
    fetched_ += ops.size();
  }

  std::unique_ptr<fs::TestVolume> peer_;
  std::size_t fetched_ = 0;
};

/// Whether the host's file system lets the user open such a file that is there.
bool HostAllows(const std::string& directory, const Case& tried) {
  EXPECT_WORKS(chmod(directory.c_str(), tried.directory_mode));
  const std::string path = directory + "/name";
  WriteFile(path, "");
  EXPECT_WORKS(chown(path.c_str(), tried.maker.uid, tried.maker.gid));
  EXPECT_WORKS(chmod(path.c_str(), tried.mode));
  const int status = InChild([&] {
    if (setgroups(0, nullptr) != 0 || setgid(kGroup) != 0 || setuid(kUser) != 0) return 255;
    return open(path.c_str(), tried.flags | O_CREAT | O_CLOEXEC, 0644) >= 0 ? 1 : 0;
  });
  EXPECT_WORKS(unlink(path.c_str()));
  EXPECT_NE(255, status);
  return status == 1;
}

TEST_F(CreationTest, OpensWhatAPeerHasMadeMeanwhileForThoseWhoMayOpenItOnly) {
  COPSE_NEEDS_ROOT();
  const TemporaryDirectory host;
  EXPECT_WORKS(chmod(scratch().c_str(), 0755));
  const Case cases[] = {
      {"owner", MakerOf(kUser, kStrangers), 0600, O_RDWR},
      {"owner, truncated", MakerOf(kUser, kStrangers), 0600, O_RDWR | O_TRUNC},
      {"owner who may only read", MakerOf(kUser, kGroup), 0466, O_RDWR},
      {"owner who may only read truncates", MakerOf(kUser, kGroup), 0466, O_RDONLY | O_TRUNC},
      {"owner who may only write reads", MakerOf(kUser, kGroup), 0266, O_RDONLY},
      {"owner, sticky", MakerOf(kUser, kGroup), 0600, O_RDWR, 01777},
      {"group", MakerOf(kStranger, kGroup), 0060, O_RDWR},
      {"group writes", MakerOf(kStranger, kGroup), 0026, O_WRONLY},
      {"group that may not", MakerOf(kStranger, kGroup), 0606, O_RDWR},
      {"others", MakerOf(kStranger, kStrangers), 0006, O_RDWR},
      {"others read", MakerOf(kStranger, kStrangers), 0004, O_RDONLY},
      {"others read without noting it", MakerOf(kStranger, kStrangers), 0666, O_RDONLY | O_NOATIME},
      {"others who may not", MakerOf(kStranger, kStrangers), 0660, O_RDWR},
  };
  for (const Case& tried : cases) {
    SCOPED_TRACE(tried.name);
    const bool allowed = HostAllows(host.path(), tried);
    EXPECT_WORKS(chmod(mount_point().c_str(), tried.directory_mode));
    const std::string path = At(tried.name);
    ChildProcess user([&](const auto& wait) {
      wait();
      return Open(path.c_str(), tried.flags);
    });
    user.AwaitWait();
    std::atomic<bool> done = false;
    std::thread peer([&] { MakeAndRemove(tried, done); });
    std::thread cleaner([&] { RemoveAll(done); });
    const int outcomes = user.Finish();
    done = true;
    peer.join();
    cleaner.join();
    EXPECT_EQ(0, outcomes & ~(kOwnFile | (allowed ? kPeersFile : kDenied | kStale))) << outcomes;
  }
}

}  // namespace
}  // namespace copse::test
