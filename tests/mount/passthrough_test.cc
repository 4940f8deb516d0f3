#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include <atomic>
#include <cstdio>
#include <optional>
#include <random>
#include <thread>

#include "mount/mount_test.h"

// Large files that were synced, which the kernel reads and writes past us where it can. Programs must not be able to
// tell, so most of this holds on a kernel that cannot, too.

namespace copse::test {
namespace {

constexpr std::size_t kSize = 2 << 20;

std::string Pattern(std::size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() >> 32);
  return bytes;
}

class PassthroughTest : public MountTest {
 protected:
  /// Writes and syncs a file whose bytes differ everywhere; returns them.
  std::string MakeSynced(const std::string& name) {
    std::string bytes = Pattern(kSize, 1);
    const Descriptor file = OpenFile(At(name), O_CREAT | O_EXCL | O_WRONLY);
    EXPECT_EQ(write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    EXPECT_WORKS(fsync(file.get()));
    return bytes;
  }
  bool PassesThrough(const std::string& name) {
    const auto attributes = volume().GetAttributes(fs::NodeId{StatOf(At(name)).st_ino});
    EXPECT_TRUE(attributes.ok()) << attributes.status();
    return attributes.ok() && attributes->passes_through;
  }
  /// Whether this kernel offers it, to root (Linux 6.9), for a store that lies where the test's does.
  bool IsOffered() const {
    struct statfs below {};
    if (statfs(scratch().c_str(), &below) != 0 || below.f_type == OVERLAYFS_SUPER_MAGIC) return false;
    utsname system{};
    int major = 0;
    int minor = 0;
    return geteuid() == 0 && uname(&system) == 0 && std::sscanf(system.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 9));
  }
};

bool IsLater(const timespec& a, const timespec& b) {
  return std::pair(a.tv_sec, a.tv_nsec) > std::pair(b.tv_sec, b.tv_nsec);
}

std::string ReadAll(int descriptor) {
  std::string bytes(8 * kSize, '\0');
  const ssize_t count = pread(descriptor, bytes.data(), bytes.size(), 0);
  EXPECT_NE(-1, count) << std::strerror(errno);
  bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return bytes;
}

TEST_F(PassthroughTest, ALargeFileThatWasSyncedPassesThroughWhileItIsOpenAgain) {
  if (!IsOffered()) GTEST_SKIP() << "FUSE_PASSTHROUGH is not offered here, or this is not root";
  std::string bytes = MakeSynced("file");
  EXPECT_FALSE(PassesThrough("file"));
  {
    const Descriptor file = OpenFile(At("file"), O_RDWR);
    EXPECT_TRUE(PassesThrough("file"));
    EXPECT_TRUE(ReadAll(file.get()) == bytes);
    EXPECT_EQ(5, pwrite(file.get(), "hello", 5, 1000));
    bytes.replace(1000, 5, "hello");
    const Descriptor other = OpenFile(At("file"), O_RDONLY);
    EXPECT_TRUE(ReadAll(other.get()) == bytes);
  }
  EXPECT_TRUE(Eventually([&] { return !PassesThrough("file"); }));
  ASSERT_TRUE(volume().Flush().ok());
  EXPECT_TRUE(ReadFile(At("file")) == bytes);
  // Published and closed, it is kept, and passes through again.
  const Descriptor again = OpenFile(At("file"), O_RDONLY);
  EXPECT_TRUE(PassesThrough("file"));
  EXPECT_TRUE(ReadAll(again.get()) == bytes);
}

TEST_F(PassthroughTest, OneThatIsOpenOtherwiseDoesNot) {
  const Descriptor creator = OpenFile(At("file"), O_CREAT | O_RDWR);
  const std::string bytes = Pattern(kSize, 1);
  ASSERT_EQ(write(creator.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ASSERT_WORKS(fsync(creator.get()));
  const Descriptor second = OpenFile(At("file"), O_RDWR);
  EXPECT_FALSE(PassesThrough("file"));
  ASSERT_EQ(1, pwrite(second.get(), "x", 1, 0));
  EXPECT_EQ("x" + bytes.substr(1, 99), ReadAll(creator.get()).substr(0, 100));
}

TEST_F(PassthroughTest, NoneDoesWhereTheMountIsAskedNotTo) {
  ASSERT_TRUE(StopServing().ok());
  fs::Frontend::Options options = DefaultOptions();
  options.passthrough = false;
  ASSERT_TRUE(Mount(options).ok());
  const std::string bytes = MakeSynced("file");
  const Descriptor file = OpenFile(At("file"), O_RDWR);
  EXPECT_FALSE(PassesThrough("file"));
  EXPECT_TRUE(ReadAll(file.get()) == bytes);
}

TEST_F(PassthroughTest, WhatWasReadBeforeIsNotShownAfterIt) {
  std::string bytes = MakeSynced("file");
  const auto change = [&](char with) {
    const Descriptor file = OpenFile(At("file"), O_WRONLY);
    EXPECT_EQ(1, pwrite(file.get(), &with, 1, 4096));
    bytes[4096] = with;
  };
  for (const char with : {'1', '2', '3', '4'}) {
    change(with);
    EXPECT_TRUE(ReadFile(At("file")) == bytes);
    ASSERT_TRUE(volume().Flush().ok());
    EXPECT_TRUE(ReadFile(At("file")) == bytes);
  }
}

TEST_F(PassthroughTest, PagesThatWereReadAheadAreNotShownAfterIt) {
  std::string bytes = MakeSynced("file");
  {
    const Descriptor file = OpenFile(At("file"), O_RDWR);
    // Fills the kernel's pages of the mount, past which the write goes.
    ASSERT_EQ(0, posix_fadvise(file.get(), 0, 0, POSIX_FADV_WILLNEED));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_EQ(5, pwrite(file.get(), "fresh", 5, 0));
    bytes.replace(0, 5, "fresh");
  }
  ASSERT_TRUE(Eventually([&] { return !PassesThrough("file"); }));
  ASSERT_WORKS(chmod(At("file").c_str(), 04755));  // It does not pass through any more.
  EXPECT_TRUE(ReadFile(At("file")) == bytes);
  EXPECT_FALSE(PassesThrough("file"));
}

TEST_F(PassthroughTest, SizesAndTimesAreThoseOfTheLastWrite) {
  MakeSynced("file");
  const Descriptor file = OpenFile(At("file"), O_RDWR | O_APPEND);
  const struct stat before = StatOf(At("file"));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  ASSERT_EQ(4, write(file.get(), "tail", 4));
  const struct stat after = StatOf(At("file"));
  EXPECT_EQ(after.st_size, before.st_size + 4);
  EXPECT_TRUE(IsLater(after.st_mtim, before.st_mtim));
  const timespec times[2] = {{1000, 0}, {2000, 3}};
  ASSERT_WORKS(futimens(file.get(), times));
  EXPECT_EQ(StatOf(At("file")).st_mtim.tv_sec, 2000);
  ASSERT_WORKS(ftruncate(file.get(), 5));
  EXPECT_EQ(StatOf(At("file")).st_size, 5);
  EXPECT_GT(StatOf(At("file")).st_mtim.tv_sec, 2000);
}

TEST_F(PassthroughTest, AMappingGoesOnWritingWhenItsDescriptorIsClosed) {
  std::string bytes = MakeSynced("file");
  ChildProcess child([path = At("file")](const std::function<void()>& wait) {
    const int file = open(path.c_str(), O_RDWR);
    void* const memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) return 1;
    wait();
    std::memcpy(memory, "mapped", 6);
    const int synced = msync(memory, 4096, MS_SYNC);
    munmap(memory, kSize);
    return synced == 0 ? 0 : 2;
  });
  child.AwaitWait();
  const struct stat before = StatOf(At("file"));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(0, child.Finish());
  const struct stat after = StatOf(At("file"));
  EXPECT_TRUE(IsLater(after.st_mtim, before.st_mtim));
  bytes.replace(0, 6, "mapped");
  EXPECT_TRUE(ReadFile(At("file")) == bytes);
  ASSERT_TRUE(Eventually([&] { return !PassesThrough("file"); }));
  ASSERT_TRUE(volume().Flush().ok());
  EXPECT_TRUE(ReadFile(At("file")) == bytes);
}

/// A file and what it should hold, changed in every way that a program has.
class Model {
 public:
  Model(std::string path, std::string bytes, unsigned seed)
      : path_(std::move(path)), bytes_(std::move(bytes)), random_(seed) {
    Reopen();
  }

  void Step() {
    switch (random_() % 12) {
      case 0:
        return Reopen();
      case 1:
        ASSERT_WORKS(fsync(file_->get()));
        return;
      case 2:
        return Truncate();
      case 3:
        return Punch();
      case 4:
        return Append();
      case 5:
        return CopyRange();
      case 6:
        return Check();
      default:
        return Write();
    }
  }
  void Check() {
    ASSERT_EQ(static_cast<std::size_t>(StatOf(path_).st_size), bytes_.size());
    ASSERT_TRUE(ReadAll(file_->get()) == bytes_);
  }

 private:
  std::size_t Place() { return bytes_.empty() ? 0 : random_() % bytes_.size(); }
  void Reopen() {
    file_.reset();
    file_.emplace(OpenFile(path_, O_RDWR));
  }
  void Write() {
    const std::size_t offset = Place();
    const std::string written = Pattern(random_() % 20'000 + 1, static_cast<unsigned>(random_()));
    ASSERT_EQ(pwrite(file_->get(), written.data(), written.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(written.size()));
    if (bytes_.size() < offset + written.size()) bytes_.resize(offset + written.size());
    bytes_.replace(offset, written.size(), written);
  }
  void Append() {
    const Descriptor file = OpenFile(path_, O_WRONLY | O_APPEND);
    const std::string written = Pattern(random_() % 5'000 + 1, static_cast<unsigned>(random_()));
    ASSERT_EQ(write(file.get(), written.data(), written.size()), static_cast<ssize_t>(written.size()));
    bytes_ += written;
  }
  void Truncate() {
    // Hardly ever below what passes through.
    const std::size_t size = kSize - 300'000 + random_() % 600'000;
    ASSERT_WORKS(ftruncate(file_->get(), static_cast<off_t>(size)));
    bytes_.resize(size);
  }
  void Punch() {
    const std::size_t offset = Place();
    const std::size_t length = random_() % 50'000 + 1;
    ASSERT_WORKS(fallocate(file_->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                           static_cast<off_t>(length)));
    const std::size_t end = std::min(bytes_.size(), offset + length);
    bytes_.replace(offset, end - offset, std::string(end - offset, '\0'));
  }
  void CopyRange() {
    if (bytes_.size() < 400'000) return;
    off_t from = static_cast<off_t>(random_() % 100'000);
    off_t to = 200'000 + static_cast<off_t>(random_() % 100'000);
    const std::string copied = bytes_.substr(static_cast<std::size_t>(from), 50'000);
    const auto place = static_cast<std::size_t>(to);
    ASSERT_EQ(50'000, copy_file_range(file_->get(), &from, file_->get(), &to, 50'000, 0)) << std::strerror(errno);
    bytes_.replace(place, copied.size(), copied);
  }

  const std::string path_;
  std::string bytes_;
  std::mt19937 random_;
  std::optional<Descriptor> file_;
};

TEST_F(PassthroughTest, WhateverProgramsDoTheFileIsWhatTheyMadeOfIt) {
  Model model(At("file"), MakeSynced("file"), 7);
  for (int step = 0; step < 600; ++step) {
    ASSERT_NO_FATAL_FAILURE(model.Step()) << step;
    if (step % 50 != 0) continue;
    ASSERT_TRUE(volume().Flush().ok());
  }
  model.Check();
  ASSERT_TRUE(volume().Flush().ok());
  model.Check();
}

TEST_F(PassthroughTest, WhoeverOpensItFirstNobodyIsRefused) {
  MakeSynced("file");
  std::atomic<int> failures = 0;
  const auto use = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (int round = 0; round < 200; ++round) {
      const int flags = random() % 2 == 0 ? O_RDONLY : O_RDWR;
      const Descriptor file(open(At("file").c_str(), flags | O_CLOEXEC));
      char byte = 'z';
      const auto offset = static_cast<off_t>(random() % kSize);
      const bool works = file.ok() && pread(file.get(), &byte, 1, offset) == 1 &&
                         (flags == O_RDONLY || pwrite(file.get(), &byte, 1, offset) == 1) &&
                         (random() % 20 != 0 || fsync(file.get()) == 0);
      if (!works && ++failures == 1) std::perror("use");
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) threads.emplace_back(use, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

TEST_F(PassthroughTest, WhatAProgramWritesWhenTheMountIsGoneIsNotLost) {
  if (!IsOffered()) GTEST_SKIP() << "FUSE_PASSTHROUGH is not offered here, or this is not root";
  std::string bytes = MakeSynced("file");
  const Descriptor file = OpenFile(At("file"), O_RDWR);
  ASSERT_EQ(6, pwrite(file.get(), "before", 6, 0));
  // Detached while it is in use, as `umount -l` does.
  ASSERT_TRUE(fs::Unmount(mount_point(), true).ok());
  ASSERT_EQ(6, pwrite(file.get(), "beside", 6, 10));
  bytes.replace(0, 6, "before");
  bytes.replace(10, 6, "beside");
  ASSERT_TRUE(StopServing().ok());
  ASSERT_EQ(5, pwrite(file.get(), "after", 5, 20));
  bytes.replace(20, 5, "after");
  ASSERT_TRUE(Mount(DefaultOptions()).ok());
  EXPECT_TRUE(PassesThrough("file"));
  EXPECT_TRUE(ReadFile(At("file")) == bytes);
}

}  // namespace
}  // namespace copse::test
