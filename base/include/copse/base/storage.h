#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::base {

/// One open file of a Storage. Reads may run beside anything; Sync beside WriteAt (it covers what was written before);
/// all else one call at a time.
class File {
 public:
  virtual ~File() = default;

  /// Reads up to `out.size()` bytes at `offset`; fewer only at the end of the file. Returns how many.
  virtual absl::StatusOr<std::size_t> ReadAt(std::uint64_t offset, std::span<char> out) const = 0;

  /// Writes all of `bytes` at `offset`; a gap before it reads as zeros. Durable only after Sync.
  /// Errors: kResourceExhausted the disk is full.
  virtual absl::Status WriteAt(std::uint64_t offset, std::string_view bytes) = 0;

  /// Cuts or extends (with zeros) to `size`.
  virtual absl::Status Truncate(std::uint64_t size) = 0;

  /// Makes [offset, offset + length) read as zeros and frees its blocks where the disk can; the size stays.
  virtual absl::Status PunchHole(std::uint64_t offset, std::uint64_t length) = 0;

  virtual absl::StatusOr<std::uint64_t> Size() const = 0;

  /// The first offset >= `offset` that holds data, or nothing when only a hole follows (lseek(2), SEEK_DATA).
  virtual absl::StatusOr<std::optional<std::uint64_t>> SeekData(std::uint64_t offset) const = 0;

  /// Makes contents and size durable (fdatasync(2)). Its failure is final: the pages may be gone, so every later Sync
  /// of this file fails as well.
  virtual absl::Status Sync() = 0;

  /// The operating system's descriptor of it, for who hands the file on to the kernel; -1 where there is none. The file
  /// goes on owning it.
  virtual int descriptor() const { return -1; }
};

/// Held until destroyed, or until the process ends however it ends.
class StorageLock {
 public:
  virtual ~StorageLock() = default;
};

/// Where everything that must last is kept: a file system seen through the calls a store needs. Thread-safe.
///
/// Paths are absolute. A created, renamed or removed name is durable only after SyncDirectory of its directory.
/// Errors, for every call: kNotFound no such file or directory; kAlreadyExists; kPermissionDenied;
/// kResourceExhausted disk full; kUnavailable held by another process (Lock), or no descriptor is left, which changes
/// nothing; kInternal any other, with the errno's text. Each message names the path.
class Storage {
 public:
  enum class OpenMode {
    kRead,       ///< The file must exist.
    kReadWrite,  ///< The file must exist.
    kCreate,     ///< The file must not exist; created with mode 0600, open for reading and writing.
  };
  struct Entry {
    std::string name;
    bool is_directory = false;
  };
  struct Metadata {
    std::uint64_t size = 0;
    std::uint32_t owner = 0;        ///< User id.
    std::uint32_t permissions = 0;  ///< The low 12 bits of the mode.
    bool is_directory = false;
  };
  struct Space {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;  ///< What this process may still use.
    std::uint64_t total_files = 0;
    std::uint64_t free_files = 0;
  };

  virtual ~Storage() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  /// Creates a directory with mode 0700.
  virtual absl::Status CreateDirectory(const std::string& path) = 0;
  /// Removes a file.
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::Status RemoveDirectory(const std::string& path) = 0;
  /// Replaces `to` where it exists, atomically (rename(2)).
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  /// Sorted by name, without "." and "..".
  virtual absl::StatusOr<std::vector<Entry>> List(const std::string& directory) = 0;
  virtual absl::StatusOr<Metadata> Stat(const std::string& path) = 0;
  virtual absl::Status SyncDirectory(const std::string& directory) = 0;
  virtual absl::StatusOr<Space> FreeSpace(const std::string& path) = 0;
  /// Takes the exclusive advisory lock `path` without waiting, creating the file if missing.
  virtual absl::StatusOr<std::unique_ptr<StorageLock>> Lock(const std::string& path) = 0;
};

/// Reads all of a file. For files known to be small.
absl::StatusOr<std::string> ReadWholeFile(Storage& storage, const std::string& path);

/// Replaces `path` with `contents` so that after a crash it is the old or the new file, whole: writes a temporary
/// beside it, syncs, renames, syncs the directory.
absl::Status ReplaceFile(Storage& storage, const std::string& path, std::string_view contents);

/// `path` up to its last '/'; "/" for a file at the top.
std::string ParentDirectory(const std::string& path);

}  // namespace copse::base
