#pragma once

#include <copse/base/storage.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace copse::base {

struct MemoryDisk;

/// A disk in memory that fails on request: the twin of PosixStorage for tests and simulation. Thread-safe.
///
/// It knows what was synced, of each file and of each directory, and keeps no more than that promise through a Crash:
/// a file's bytes may be gone though its name is there, and the other way round. "/" exists from the beginning; every
/// file belongs to the user who runs the process.
class MemoryStorage final : public Storage {
 public:
  /// What a crash keeps of that which was not synced.
  enum class Keep {
    kNothing,
    kEverything,
    /// All up to some moment: of the write that was under way then the first 512-byte sectors, and after them perhaps
    /// zeros up to the length that the file was to have.
    kPrefix,
    /// Of each write a random choice of 512-byte sectors, and of its length; of truncations and holes a random choice;
    /// of the directory operations a random prefix or a random choice.
    kRandom,
  };
  /// Calls that succeeded.
  struct Counts {
    std::uint64_t changes = 0;  ///< All that CutPowerAfter counts; the only ones here that may have failed otherwise.
    std::uint64_t writes = 0;
    std::uint64_t file_syncs = 0;
    std::uint64_t directory_syncs = 0;
    std::uint64_t torn_writes = 0;     ///< Of which a crash kept a part.
    std::uint64_t undone_entries = 0;  ///< Creations, renames and removals that a crash took back.
  };

  MemoryStorage();
  ~MemoryStorage() override;

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status RemoveDirectory(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::StatusOr<std::vector<Entry>> List(const std::string& directory) override;
  absl::StatusOr<Metadata> Stat(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::StatusOr<Space> FreeSpace(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<StorageLock>> Lock(const std::string& path) override;

  /// The machine stops and starts again: what was synced is there, of the rest what `keep` says (`seed` decides where
  /// it is random). Handles opened before fail from now on, locks are free, planned faults are forgotten.
  void Crash(Keep keep, std::uint64_t seed = 0);
  /// The same with the choice made by the caller: `kept` has an element for each of UnsyncedPieces().
  void Crash(const std::vector<bool>& kept);
  /// Of how many pieces a crash now may keep any choice: first each directory operation in their order; then of each
  /// file that may still have a name, each 512-byte sector of a write, its length where that makes the file longer,
  /// each truncation and each hole.
  std::size_t UnsyncedPieces() const;

  /// The same disk, with what is synced and what is not, in another machine: without handles, locks and planned faults,
  /// and with the power on.
  std::unique_ptr<MemoryStorage> Copy() const;

  /// Lets `changes` more calls that change something succeed (writes, truncations, syncs, directory operations); then
  /// every call fails, until Crash.
  void CutPowerAfter(std::uint64_t changes);
  bool power_is_cut() const;

  /// The `nth` write from now (1: the next) fails with an I/O error, and changes nothing.
  void FailWrite(std::uint64_t nth);
  /// The `nth` sync of a file or directory from now fails with an I/O error. What a file had not synced is readable
  /// until the crash, and never durable, as on Linux.
  void FailSync(std::uint64_t nth);

  /// Whether a file can be opened, or a directory synced: without, kUnavailable.
  void SetHasDescriptors(bool has_descriptors);

  /// The disk has room for `bytes` more. A write beyond writes what fits and fails with kResourceExhausted.
  void SetFreeBytes(std::uint64_t bytes);

  /// Inverts bit `bit` (0..7) of the byte at `offset`, durably. The file must be that long.
  void FlipBit(const std::string& path, std::uint64_t offset, int bit);

  /// The path must exist.
  void SetOwner(const std::string& path, std::uint32_t owner);
  void SetPermissions(const std::string& path, std::uint32_t permissions);

  Counts counts() const;

 private:
  std::shared_ptr<MemoryDisk> disk_;  // Shared with open files and locks.
};

}  // namespace copse::base
