#include "mount/mount_test.h"

#include <copse/base/hash.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>
#include <future>

// Of a mount that somebody else has detached while it is in use, libfuse 3.14 frees the name only where it may unmount.
extern "C" const char* __lsan_default_suppressions() { return "leak:fuse_session_mount\n"; }

namespace copse::test {

void MountTest::SetUp() {
  const char* const skip = std::getenv("COPSE_SKIP");
  if (skip != nullptr && std::string_view(skip).find("fuse") != std::string_view::npos) {
    GTEST_SKIP() << "COPSE_SKIP asks to leave out what needs FUSE";
  }
  ASSERT_TRUE(Exists("/dev/fuse")) << "these tests mount; where FUSE is out of reach set COPSE_SKIP=fuse";
  ASSERT_WORKS(chmod(scratch().c_str(), 0755));  // Tests look at the mount as other users too.
  mount_point_ = scratch() + "/mnt";
  ASSERT_WORKS(mkdir(mount_point_.c_str(), 0755));

  // OpenSSL never frees what it notes of the thread that uses it first, and one that ends leaves that as a leak. A
  // process that mounts has read a store by now, in the thread that lasts.
  base::Sha256("");

  executor_ = std::make_unique<base::ThreadExecutor>();
  replica_ = std::make_unique<crdt::TreeReplica>(1, journal_, fs::ValidateFileSystemOp);
  fs::Volume::Options options;
  options.staging_directory = scratch() + "/staging";
  options.volume_key = std::string(32, 'k');
  options.reserve_bytes = 0;
  std::vector<std::string> notes;
  auto volume = fs::Volume::Open({storage_, clock_, *executor_, *content_, journal_}, *replica_, options, notes);
  ASSERT_TRUE(volume.ok()) << volume.status();
  volume_ = *std::move(volume);
  fs::AttributeChanges owner;
  owner.uid = geteuid();
  owner.gid = getegid();
  owner.mode = 0755;
  ASSERT_TRUE(volume_->SetAttributes({}, crdt::kRoot, owner).ok());

  const absl::Status mounted = Mount(DefaultOptions());
  ASSERT_TRUE(mounted.ok()) << mounted;
}

void MountTest::TearDown() {
  if (server_.joinable()) {
    EXPECT_TRUE(StopServing().ok());
  }
  frontend_.reset();
  volume_.reset();
  executor_.reset();
  const auto mounts = fs::ListMounts();
  ASSERT_TRUE(mounts.ok()) << mounts.status();
  for (const fs::MountedVolume& mount : *mounts)
    EXPECT_NE(mount_point_, mount.mount_point) << "the mount is still there";
}

fs::Frontend::Options MountTest::DefaultOptions() const {
  fs::Frontend::Options options;
  options.mount_point = mount_point_;
  options.source = scratch();
  options.passthrough = true;
  if (geteuid() == 0) options.mount_options = {"allow_other", "suid", "dev"};
  return options;
}

absl::Status MountTest::Mount(fs::Frontend::Options options) {
  auto frontend = fs::Frontend::Mount(*volume_, options, [](std::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  });
  if (!frontend.ok()) return frontend.status();
  frontend_ = *std::move(frontend);
  std::promise<void> ready;
  const std::future<void> readiness = ready.get_future();
  // The thread owns the promise: where Serve cannot begin, its end ends the waiting.
  server_ = std::thread(
      [this, ready = std::move(ready)]() mutable { served_ = frontend_->Serve([&ready] { ready.set_value(); }); });
  readiness.wait();
  return absl::OkStatus();
}

absl::Status MountTest::StopServing() {
  frontend_->Stop();
  return WaitForServing();
}

absl::Status MountTest::WaitForServing() {
  server_.join();
  return served_;
}

Descriptor OpenFile(const std::string& path, int flags, mode_t mode) {
  Descriptor descriptor(open(path.c_str(), flags | O_CLOEXEC, mode));
  EXPECT_TRUE(descriptor.ok()) << path << ": " << std::strerror(errno);
  return descriptor;
}

struct stat StatOf(const std::string& path) {
  struct stat result {};
  EXPECT_WORKS(lstat(path.c_str(), &result)) << path;
  return result;
}

bool Exists(const std::string& path) {
  struct stat ignored {};
  return lstat(path.c_str(), &ignored) == 0;
}

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  DIR* const stream = opendir(directory.c_str());
  EXPECT_NE(nullptr, stream) << directory << ": " << std::strerror(errno);
  if (stream == nullptr) return names;
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(stream);
  return names;
}

namespace {

/// What waitpid(2) says of `child` when it ends: its exit status, or 128 and its signal.
int ExitOf(pid_t child) {
  int outcome = 0;
  EXPECT_EQ(child, waitpid(child, &outcome, 0)) << std::strerror(errno);
  return WIFEXITED(outcome) ? WEXITSTATUS(outcome) : 128 + WTERMSIG(outcome);
}

}  // namespace

int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  return ExitOf(child);
}

ChildProcess::ChildProcess(const std::function<int(const std::function<void()>& wait)>& body) {
  int waits[2];
  int goes_on[2];
  EXPECT_WORKS(pipe2(waits, O_CLOEXEC));
  EXPECT_WORKS(pipe2(goes_on, O_CLOEXEC));
  process_ = fork();
  if (process_ == 0) {
    // With the descriptor of /dev/fuse left open here, the connection would outlive the test's process.
    const int waiting = dup2(waits[1], 1000);
    const int going_on = dup2(goes_on[0], 1001);
    if (waiting < 0 || going_on < 0 || close_range(3, 999, 0) != 0 || close_range(1002, ~0u, 0) != 0) _exit(125);
    _exit(body([waiting, going_on] {
      char byte = 'w';
      if (write(waiting, &byte, 1) != 1) _exit(124);
      while (read(going_on, &byte, 1) < 0 && errno == EINTR) {
      }
    }));
  }
  close(waits[1]);
  close(goes_on[0]);
  waits_ = waits[0];
  goes_on_ = goes_on[1];
}

ChildProcess::~ChildProcess() {
  if (process_ > 0) Finish();
  close(waits_);
}

void ChildProcess::AwaitWait() {
  char byte;
  while (read(waits_, &byte, 1) < 0 && errno == EINTR) {
  }
}

int ChildProcess::Finish() {
  close(goes_on_);
  return ExitOf(std::exchange(process_, -1));
}

bool Eventually(const std::function<bool()>& condition) {
  for (int attempt = 0; attempt < 2000; ++attempt) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace copse::test
