#include <fcntl.h>
#include <sys/file.h>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using LocksTest = MountTest;

struct flock WholeFile(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// What another process gets that tries to lock the file: 0 or an errno.
template <typename TryToLock>
int InOtherProcess(const std::string& path, const TryToLock& try_to_lock) {
  return InChild([&] {
    const int file = open(path.c_str(), O_RDWR);
    if (file < 0) return 255;
    return try_to_lock(file) == 0 ? 0 : errno;
  });
}

TEST_F(LocksTest, FlockExcludesOtherProcesses) {
  WriteFile(At("file"), "");
  const auto try_to_lock = [](int file) { return flock(file, LOCK_EX | LOCK_NB); };
  const Descriptor file = OpenFile(At("file"), O_RDWR);
  ASSERT_WORKS(flock(file.get(), LOCK_EX));
  EXPECT_EQ(EWOULDBLOCK, InOtherProcess(At("file"), try_to_lock));
  ASSERT_WORKS(flock(file.get(), LOCK_SH));
  EXPECT_EQ(EWOULDBLOCK, InOtherProcess(At("file"), try_to_lock));
  EXPECT_EQ(0, InOtherProcess(At("file"), [](int other) { return flock(other, LOCK_SH | LOCK_NB); }));
  ASSERT_WORKS(flock(file.get(), LOCK_UN));
  EXPECT_EQ(0, InOtherProcess(At("file"), try_to_lock));
}

TEST_F(LocksTest, PosixLocksExcludeOtherProcessesByRange) {
  WriteFile(At("file"), "0123456789");
  const Descriptor file = OpenFile(At("file"), O_RDWR);
  struct flock first_half = WholeFile(F_WRLCK);
  first_half.l_len = 5;
  ASSERT_WORKS(fcntl(file.get(), F_SETLK, &first_half));
  EXPECT_EQ(EAGAIN, InOtherProcess(At("file"), [](int other) {
              struct flock lock = WholeFile(F_WRLCK);
              return fcntl(other, F_SETLK, &lock);
            }));
  EXPECT_EQ(0, InOtherProcess(At("file"), [](int other) {
              struct flock lock = WholeFile(F_WRLCK);
              lock.l_start = 5;
              return fcntl(other, F_SETLK, &lock);
            }));
  const pid_t holder = getpid();
  EXPECT_EQ(0, InOtherProcess(At("file"), [holder](int other) {
              struct flock lock = WholeFile(F_WRLCK);
              if (fcntl(other, F_GETLK, &lock) != 0) return -1;
              errno = EPROTO;
              return lock.l_pid == holder ? 0 : -1;
            }));
}

TEST_F(LocksTest, LocksOfOpenFileDescriptionsExcludeEachOther) {
  WriteFile(At("file"), "");
  const Descriptor one = OpenFile(At("file"), O_RDWR);
  const Descriptor two = OpenFile(At("file"), O_RDWR);
  struct flock lock = WholeFile(F_WRLCK);
  ASSERT_WORKS(fcntl(one.get(), F_OFD_SETLK, &lock));
  lock = WholeFile(F_WRLCK);
  EXPECT_ERRNO(EAGAIN, fcntl(two.get(), F_OFD_SETLK, &lock));
  EXPECT_EQ(EAGAIN, InOtherProcess(At("file"), [](int other) {
              struct flock other_lock = WholeFile(F_RDLCK);
              return fcntl(other, F_OFD_SETLK, &other_lock);
            }));
  lock = WholeFile(F_UNLCK);
  ASSERT_WORKS(fcntl(one.get(), F_OFD_SETLK, &lock));
  lock = WholeFile(F_WRLCK);
  EXPECT_WORKS(fcntl(two.get(), F_OFD_SETLK, &lock));
}

}  // namespace
}  // namespace copse::test
