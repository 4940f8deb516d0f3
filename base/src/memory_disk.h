#pragma once

#include <absl/status/status.h>
#include <copse/base/memory_storage.h>
#include <unistd.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sparse_bytes.h"

namespace copse::base {

/// What a MemoryStorage and its open files and locks share: the files, what is durable of them, and planned faults.
/// Whoever calls or reads anything holds `mutex`.
struct MemoryDisk {
  static constexpr std::uint64_t kSectorBytes = 512;
  static constexpr std::uint64_t kTotalBytes = std::uint64_t{1} << 40;
  static constexpr std::uint64_t kTotalFiles = 1 << 20;

  /// A change of a file that is not durable yet.
  struct Change {
    enum class Kind { kWrite, kResize, kPunch };
    Kind kind = Kind::kWrite;
    std::uint64_t offset = 0;  ///< kResize: the new size.
    std::uint64_t length = 0;
    std::string bytes;
    bool grows = false;       ///< A write that makes the file longer.
    std::uint64_t order = 0;  ///< Among all changes of the disk.

    void ApplyTo(SparseBytes& target) const;
    /// A power cut in the middle of writing it out may leave any choice of its pieces: of a write, its sectors, and at
    /// last, where it makes the file longer, the length, with zeros for what is not kept.
    std::size_t Pieces() const;
    std::size_t Sectors() const;
    void ApplyPieceTo(SparseBytes& target, std::size_t piece) const;
  };

  struct Node {
    bool is_directory = false;
    std::uint32_t owner = geteuid();
    std::uint32_t permissions = 0600;
    bool is_linked = true;  ///< It has a name; only then does it count as used space.
    // A file:
    SparseBytes bytes;
    SparseBytes durable_bytes;
    std::vector<Change> changes;
    // A directory:
    std::map<std::string, std::shared_ptr<Node>> entries;
    std::map<std::string, std::shared_ptr<Node>> durable_entries;
  };
  using NodePointer = std::shared_ptr<Node>;

  /// A directory operation that is not durable yet: the entries that it leaves; null for a name that is gone.
  struct EntryChange {
    struct Part {
      NodePointer directory;
      std::string name;
      NodePointer node;
    };
    std::vector<Part> parts;
    std::uint64_t order = 0;
  };

  static NodePointer MakeDirectory();

  /// Null if there is none.
  NodePointer Find(const std::string& path) const;
  NodePointer FindDirectory(const std::string& path) const;

  absl::Status CheckPower(const std::string& doing, const std::string& path) const;
  absl::Status CheckDescriptors(const std::string& doing, const std::string& path) const;
  /// To be asked before each change.
  absl::Status SpendChange(const std::string& doing, const std::string& path);
  /// Counts a planned fault down; true when it is due.
  static bool IsDue(std::uint64_t& calls_until_failure);

  void ChangeFile(Node& node, Change change);
  void ChangeEntries(EntryChange change);
  /// Of a file that loses its name.
  void Unlink(Node& node);

  static void MakeFileDurable(Node& node);
  void MakeDirectoryDurable(const NodePointer& directory);
  /// As MemoryStorage's.
  std::size_t UnsyncedPieces() const;
  std::vector<bool> Choose(MemoryStorage::Keep keep, std::uint64_t seed) const;
  std::vector<bool> ChoosePrefix(std::uint64_t seed) const;
  void Crash(const std::vector<bool>& kept);
  std::shared_ptr<MemoryDisk> Copy() const;

  std::uint64_t FreeBytes() const;

  /// Files and directories that have a name, or may have one after a crash, in an order that is always the same.
  std::vector<NodePointer> NodesThatMaySurvive() const;

  std::mutex mutex;
  NodePointer root = MakeDirectory();
  std::vector<EntryChange> entry_changes;
  std::uint64_t last_order = 0;
  std::map<std::string, std::uint64_t> locks;  ///< Path -> which Lock call holds it.
  std::uint64_t last_lock = 0;
  std::uint64_t boot = 0;  ///< Counts crashes: a handle of an earlier boot is dead.
  std::uint64_t used_bytes = 0;
  std::uint64_t capacity = kTotalBytes;
  std::uint64_t changes_until_cut = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t writes_until_failure = 0;  ///< 0: none planned.
  std::uint64_t syncs_until_failure = 0;
  bool has_descriptors = true;
  MemoryStorage::Counts counts;
};

absl::Status MemoryIoError(const std::string& doing, const std::string& path);

}  // namespace copse::base
