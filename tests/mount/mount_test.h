#pragma once

#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/posix_storage.h>
#include <copse/crdt/tree_replica.h>
#include <copse/fs/frontend.h>
#include <copse/fs/volume.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fs/volume/volume_fixture.h"
#include "support/files.h"
#include "support/memory_content_store.h"
#include "support/temporary_directory.h"

/// `call` (a system call that returns -1 on failure) succeeds.
#define EXPECT_WORKS(call) EXPECT_NE(-1, (call)) << std::strerror(errno)
#define ASSERT_WORKS(call) ASSERT_NE(-1, (call)) << std::strerror(errno)
/// `call` fails with `number`.
#define EXPECT_ERRNO(number, call)                                                               \
  do {                                                                                           \
    errno = 0;                                                                                   \
    EXPECT_EQ(-1, (call));                                                                       \
    EXPECT_EQ(number, errno) << std::strerror(errno) << " instead of " << std::strerror(number); \
  } while (false)

namespace copse::test {

/// A descriptor, closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Close(); }
  int get() const { return number_; }
  bool ok() const { return number_ >= 0; }
  void Close() {
    if (number_ >= 0) close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

/// Every test has a volume of its own in memory, mounted on a new directory and served by threads of this process.
/// The mount goes, pass or fail.
///
/// Needs /dev/fuse, and fails without; skipped only where the environment's COPSE_SKIP contains "fuse".
class MountTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// Mounts, and serves on a thread of its own.
  absl::Status Mount(fs::Frontend::Options options);
  fs::Frontend::Options DefaultOptions() const;
  /// Ends the mount and the thread; returns what Serve did.
  absl::Status StopServing();
  /// Waits for the mount to end by itself.
  absl::Status WaitForServing();

  fs::Volume& volume() { return *volume_; }
  crdt::TreeReplica& replica() { return *replica_; }
  fs::RecordingJournal& journal() { return journal_; }
  const std::shared_ptr<MemoryContentStore>& content() const { return content_; }
  const std::string& mount_point() const { return mount_point_; }
  /// A directory beside the mount.
  std::string scratch() const { return scratch_.path(); }
  /// `name` in the mount.
  std::string At(std::string_view name) const { return mount_point_ + "/" + std::string(name); }
  fs::Frontend* frontend() { return frontend_.get(); }

 private:
  base::PosixStorage storage_;
  base::SystemClock clock_;
  const TemporaryDirectory scratch_;
  std::string mount_point_;
  fs::RecordingJournal journal_;
  const std::shared_ptr<MemoryContentStore> content_ = std::make_shared<MemoryContentStore>();
  std::unique_ptr<base::ThreadExecutor> executor_;
  std::unique_ptr<crdt::TreeReplica> replica_;
  std::unique_ptr<fs::Volume> volume_;
  std::unique_ptr<fs::Frontend> frontend_;
  std::thread server_;
  absl::Status served_;
};

/// Of a test that needs root: skips it for others.
#define COPSE_NEEDS_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "needs root"

Descriptor OpenFile(const std::string& path, int flags, mode_t mode = 0644);
struct stat StatOf(const std::string& path);  ///< lstat; fails the test where it cannot.
bool Exists(const std::string& path);
/// Names in the order listed, without "." and "..".
std::vector<std::string> NamesIn(const std::string& directory);
/// Runs `body` in a process of its own; returns the status that it exits with: what `body` returned.
int InChild(const std::function<int()>& body);

/// A process that runs `body` beside the test, with no descriptor of the test's. `body` may call the function that it
/// is given to wait until the test calls Finish, which ends when the process does and returns what `body` returned.
///
/// Memory mapped to a file of the mount may be touched only so: a page fault keeps other threads of its process from
/// mapping memory until it is answered, and here the threads that answer would be among them.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<int(const std::function<void()>& wait)>& body);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  /// Returns when `body` waits or has ended.
  void AwaitWait();
  int Finish();

 private:
  pid_t process_ = -1;
  int waits_ = -1;    ///< The body has written a byte when it waits.
  int goes_on_ = -1;  ///< Closed to let it go on.
};

/// Repeats `condition` until it holds, for at most 20 s; returns whether it did.
bool Eventually(const std::function<bool()>& condition);

}  // namespace copse::test
