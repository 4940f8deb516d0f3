#include "content/backing_file.h"

#include <copse/base/check.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace copse::fs {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kSettles = 20'000'000;  // Two of the longest ticks.

struct stat StatOf(int descriptor) {
  struct stat attributes {};
  COPSE_CHECK(fstat(descriptor, &attributes) == 0);
  return attributes;
}

base::UnixNanoseconds NanosecondsOf(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

}  // namespace

FileStamp StampOf(int descriptor) {
  const struct stat attributes = StatOf(descriptor);
  return {static_cast<std::uint64_t>(attributes.st_size), NanosecondsOf(attributes.st_mtim)};
}

base::UnixNanoseconds AccessTimeOf(int descriptor) { return NanosecondsOf(StatOf(descriptor).st_atim); }

bool IsSettled(const FileStamp& stamp) {
  // The kernel's clock, not the volume's: it is the kernel that stamps.
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::abs(NanosecondsOf(now) - stamp.mtime) >= kSettles;
}

void SetModificationTime(int descriptor, base::UnixNanoseconds mtime) {
  timespec times[2] = {{0, UTIME_OMIT}, {mtime / kSecond, mtime % kSecond}};
  if (times[1].tv_nsec < 0) --times[1].tv_sec, times[1].tv_nsec += kSecond;
  static_cast<void>(futimens(descriptor, times));
}

std::uint64_t AllocatedBytes(int descriptor) {
  constexpr std::uint64_t kStatBlockBytes = 512;
  return static_cast<std::uint64_t>(StatOf(descriptor).st_blocks) * kStatBlockBytes;
}

std::optional<bool> IsOpenElsewhere(int descriptor) {
  // A lease for writing is given to who alone has a file open. Whoever opens it while it lasts waits until it is given
  // back, and has a signal sent: one that is ignored unless somebody has asked for it, instead of SIGIO, which ends the
  // process.
  if (fcntl(descriptor, F_SETSIG, SIGURG) != 0) return std::nullopt;
  if (fcntl(descriptor, F_SETLEASE, F_WRLCK) != 0) return errno == EAGAIN ? std::optional(true) : std::nullopt;
  // Fails where it was taken away: somebody has waited for it as long as the kernel lets anybody wait.
  return fcntl(descriptor, F_SETLEASE, F_UNLCK) != 0;
}

bool TellsOfWrites(int descriptor) {
  struct statfs below {};
  if (fstatfs(descriptor, &below) != 0) return false;
  return below.f_type != TMPFS_MAGIC && below.f_type != RAMFS_MAGIC;
}

FileExtent ExtentAt(int descriptor, std::uint64_t offset, std::uint64_t size) {
  if (descriptor < 0) return {size, false};
  const off_t begin = static_cast<off_t>(offset);
  const off_t hole = lseek(descriptor, begin, SEEK_HOLE);
  // A file system that does not know, and a file that was cut meanwhile: all is data to who reads it.
  if (hole < 0) return {size, false};
  if (hole > begin) return {std::min(size, static_cast<std::uint64_t>(hole)), false};
  const off_t data = lseek(descriptor, begin, SEEK_DATA);
  return {data < 0 ? size : std::min(size, static_cast<std::uint64_t>(data)), true};
}

}  // namespace copse::fs
