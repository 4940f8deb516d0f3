#include <copse/base/posix_storage.h>
#include <copse/base/status_macros.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

// Thin over the system calls, with three things added: interrupted calls go on, short reads and writes are completed,
// and a failed fdatasync is remembered, because Linux reports it once, marks the lost pages clean, and says "synced" to
// whoever asks again (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).

namespace copse::base {
namespace {

absl::Status ErrnoStatus(int error, const std::string& doing, const std::string& path) {
  char buffer[128];
  const std::string message = doing + " " + path + ": " + strerror_r(error, buffer, sizeof buffer);
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    case EMFILE:
    case ENFILE:
      return absl::UnavailableError(message);
    default:
      return absl::InternalError(message);
  }
}

/// Calls again while a signal interrupts.
template <typename Call>
auto Retry(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);  // Not retried: on Linux the descriptor is gone even after EINTR.
  }
  int get() const { return number_; }

 private:
  int number_;
};

absl::StatusOr<Descriptor> OpenDescriptor(const std::string& path, int flags) {
  const int number = Retry([&] { return open(path.c_str(), flags | O_CLOEXEC, 0600); });
  if (number < 0) return ErrnoStatus(errno, "open", path);
  return Descriptor(number);
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  absl::StatusOr<std::size_t> ReadAt(std::uint64_t offset, std::span<char> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t count = Retry([&] {
        return pread(descriptor_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      });
      if (count < 0) return ErrnoStatus(errno, "read", path_);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  absl::Status WriteAt(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          Retry([&] { return pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (count < 0) return ErrnoStatus(errno, "write", path_);
      offset += static_cast<std::uint64_t>(count);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(std::uint64_t size) override {
    if (Retry([&] { return ftruncate(descriptor_.get(), static_cast<off_t>(size)); }) != 0) {
      return ErrnoStatus(errno, "truncate", path_);
    }
    return absl::OkStatus();
  }

  absl::Status PunchHole(std::uint64_t offset, std::uint64_t length) override {
    if (length == 0) return absl::OkStatus();
    if (Retry([&] {
          return fallocate(descriptor_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                           static_cast<off_t>(length));
        }) == 0) {
      return absl::OkStatus();
    }
    if (errno != EOPNOTSUPP) return ErrnoStatus(errno, "punch a hole in", path_);
    return WriteZeros(offset, length);
  }

  absl::StatusOr<std::uint64_t> Size() const override {
    struct stat attributes {};
    if (fstat(descriptor_.get(), &attributes) != 0) return ErrnoStatus(errno, "stat", path_);
    return static_cast<std::uint64_t>(attributes.st_size);
  }

  absl::StatusOr<std::optional<std::uint64_t>> SeekData(std::uint64_t offset) const override {
    const off_t found = lseek(descriptor_.get(), static_cast<off_t>(offset), SEEK_DATA);
    if (found >= 0) return std::optional<std::uint64_t>(static_cast<std::uint64_t>(found));
    if (errno == ENXIO) return std::optional<std::uint64_t>();
    return ErrnoStatus(errno, "seek in", path_);
  }

  absl::Status Sync() override {
    if (const int error = sync_error_; error != 0) return ErrnoStatus(error, "sync (failed before)", path_);
    if (Retry([&] { return fdatasync(descriptor_.get()); }) != 0) {
      sync_error_ = errno;
      return ErrnoStatus(errno, "sync", path_);
    }
    return absl::OkStatus();
  }

  int descriptor() const override { return descriptor_.get(); }

 private:
  /// For file systems without holes.
  absl::Status WriteZeros(std::uint64_t offset, std::uint64_t length) {
    COPSE_ASSIGN_OR_RETURN(const std::uint64_t size, Size());
    if (offset >= size) return absl::OkStatus();
    const std::uint64_t end = size - offset < length ? size : offset + length;
    const std::string zeros(64 * 1024, '\0');
    for (; offset < end; offset += std::min<std::uint64_t>(end - offset, zeros.size())) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(end - offset, zeros.size()));
      COPSE_RETURN_IF_ERROR(WriteAt(offset, std::string_view(zeros).substr(0, count)));
    }
    return absl::OkStatus();
  }

  Descriptor descriptor_;
  std::string path_;
  std::atomic<int> sync_error_ = 0;
};

/// Releases flock(2) by closing; the kernel does so when the process dies.
class PosixLock final : public StorageLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

/// The process that wrote its number into the lock file, as " (pid N)"; empty if it can't be read.
std::string Holder(int descriptor) {
  char digits[20];
  const ssize_t count = pread(descriptor, digits, sizeof digits, 0);
  const std::string_view text(digits, count > 0 ? static_cast<std::size_t>(count) : 0);
  const std::string pid(text.substr(0, text.find_first_not_of("0123456789")));
  return pid.empty() ? "" : " (pid " + pid + ")";
}

}  // namespace

absl::StatusOr<std::unique_ptr<File>> PosixStorage::Open(const std::string& path, OpenMode mode) {
  const int flags = mode == OpenMode::kRead        ? O_RDONLY
                    : mode == OpenMode::kReadWrite ? O_RDWR
                                                   : O_RDWR | O_CREAT | O_EXCL;
  COPSE_ASSIGN_OR_RETURN(Descriptor descriptor, OpenDescriptor(path, flags));
  return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(descriptor), path));
}

absl::Status PosixStorage::CreateDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0) return ErrnoStatus(errno, "create directory", path);
  return absl::OkStatus();
}

absl::Status PosixStorage::Remove(const std::string& path) {
  if (unlink(path.c_str()) != 0) return ErrnoStatus(errno, "remove", path);
  return absl::OkStatus();
}

absl::Status PosixStorage::RemoveDirectory(const std::string& path) {
  if (rmdir(path.c_str()) != 0) return ErrnoStatus(errno, "remove directory", path);
  return absl::OkStatus();
}

absl::Status PosixStorage::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus(errno, "rename " + from + " to", to);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Storage::Entry>> PosixStorage::List(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), &closedir);
  if (stream == nullptr) return ErrnoStatus(errno, "list", directory);
  std::vector<Entry> entries;
  for (;;) {
    errno = 0;
    const dirent* const found = readdir(stream.get());
    if (found == nullptr) break;
    const std::string name = found->d_name;
    if (name == "." || name == "..") continue;
    struct stat attributes {};
    if (fstatat(dirfd(stream.get()), name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // Removed while we listed.
      return ErrnoStatus(errno, "stat", directory + "/" + name);
    }
    entries.push_back({name, S_ISDIR(attributes.st_mode)});
  }
  if (errno != 0) return ErrnoStatus(errno, "list", directory);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

absl::StatusOr<Storage::Metadata> PosixStorage::Stat(const std::string& path) {
  struct stat attributes {};
  if (stat(path.c_str(), &attributes) != 0) return ErrnoStatus(errno, "stat", path);
  return Metadata{.size = static_cast<std::uint64_t>(attributes.st_size),
                  .owner = attributes.st_uid,
                  .permissions = attributes.st_mode & 07777,
                  .is_directory = S_ISDIR(attributes.st_mode)};
}

absl::Status PosixStorage::SyncDirectory(const std::string& directory) {
  COPSE_ASSIGN_OR_RETURN(const Descriptor descriptor, OpenDescriptor(directory, O_RDONLY | O_DIRECTORY));
  if (Retry([&] { return fsync(descriptor.get()); }) != 0) return ErrnoStatus(errno, "sync directory", directory);
  return absl::OkStatus();
}

absl::StatusOr<Storage::Space> PosixStorage::FreeSpace(const std::string& path) {
  struct statvfs space {};
  if (Retry([&] { return statvfs(path.c_str(), &space); }) != 0) return ErrnoStatus(errno, "statvfs", path);
  return Space{.total_bytes = std::uint64_t{space.f_blocks} * space.f_frsize,
               .free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize,
               .total_files = space.f_files,
               .free_files = space.f_favail};
}

absl::StatusOr<std::unique_ptr<StorageLock>> PosixStorage::Lock(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(Descriptor descriptor, OpenDescriptor(path, O_RDWR | O_CREAT | O_NOFOLLOW));
  if (Retry([&] { return flock(descriptor.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "lock", path);
    return absl::UnavailableError(path + " is in use by another process" + Holder(descriptor.get()));
  }
  // Only for the message above: that a full disk leaves it empty is no reason to refuse.
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(descriptor.get(), 0) == 0 && pwrite(descriptor.get(), pid.data(), pid.size(), 0) < 0) errno = 0;
  return std::unique_ptr<StorageLock>(std::make_unique<PosixLock>(std::move(descriptor)));
}

}  // namespace copse::base
