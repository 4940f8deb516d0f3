#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/memory_storage.h>
#include <copse/base/random.h>
#include <copse/fs/volume.h>
#include <copse/replica/store.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crash/record.h"
#include "support/full_replay.h"

namespace copse::crash {

/// Everything that a program which walks a volume sees: path -> "kind inode links".
using Names = std::map<std::string, std::string>;
absl::StatusOr<Names> WalkNames(fs::Volume& volume);
/// All of a file.
absl::StatusOr<std::string> ReadAll(fs::Volume& volume, crdt::NodeId file);

/// One machine with the store, the tree and the volume as the program wires them, on a disk in memory, and the programs
/// that work in it. What they are told goes into a Record; each start is checked against it.
///
/// Calls name files by paths without a leading '/'. They fail when the power is cut; any other failure is a test's.
class Replica {
 public:
  static constexpr char kStore[] = "/store";

  Replica(std::unique_ptr<base::MemoryStorage> disk, std::uint64_t seed, Record record = {});
  ~Replica();

  base::MemoryStorage& disk() { return *disk_; }
  /// As the disk's; holds on while processes end and begin.
  void CutPowerAfter(std::uint64_t changes);
  /// How many changes the disk has seen.
  std::uint64_t changes() const { return changes_before_ + disk_->counts().changes; }
  const base::MemoryStorage& disk() const { return *disk_; }
  base::Random& random() { return random_; }
  const Record& record() const { return record_; }
  Record& record() { return record_; }

  // The process.
  /// Makes a volume; goes on where an earlier call was cut short.
  absl::Status Create(const std::string& label);
  /// Opens, and checks what is there against the record. `joining`: read-only, as long as the store joins its volume.
  absl::Status Open(bool joining = false);
  bool is_open() const { return process_ != nullptr; }
  /// Ends the process at once; the disk stays as the kernel has it.
  void Kill();
  /// Ends the process in order.
  absl::Status Close();
  /// Lets time pass, and what became due happen.
  void Pass(std::chrono::milliseconds time);
  replica::Store& store();
  fs::Volume& volume();
  /// All ops that the log has, whether read when the store was opened or spared by a snapshot.
  const std::map<crdt::ActorId, Record::Ops>& replayed() const { return replayed_; }
  /// The names that a volume shows which has these ops and nothing else.
  absl::StatusOr<Names> NamesOfReplayed() const;

  // Programs.
  absl::Status MakeDirectory(const std::string& path);
  absl::Status MakeSymlink(const std::string& path, const std::string& target);
  /// Writes at `offset`, into a new file where there is none, and closes it.
  absl::Status Write(const std::string& path, std::uint64_t offset, std::string_view bytes);
  absl::Status Append(const std::string& path, std::string_view bytes);
  absl::Status Truncate(const std::string& path, std::uint64_t size);
  absl::Status Fsync(const std::string& path);
  absl::Status FsyncDirectory(const std::string& path);
  absl::Status Link(const std::string& path, const std::string& to);
  absl::Status Rename(const std::string& path, const std::string& to);
  absl::Status Unlink(const std::string& path);
  absl::Status RemoveDirectory(const std::string& path);
  absl::Status SetAttribute(const std::string& path, const std::string& name, const std::string& value);
  absl::Status RestoreFromTrash(const std::string& path);
  absl::Status PurgeFromTrash(const std::string& path);
  /// `copse flush`.
  absl::Status Flush();

 private:
  struct Process;
  struct At {
    crdt::NodeId directory;
    std::string name;
  };

  absl::Status OpenStore(Process& process, bool joining);
  /// Whether the tree, begun from a snapshot, is what the log alone makes on `disk`; sets what was replayed to all of
  /// it.
  absl::Status CheckRestored(Process& process, base::MemoryStorage& disk);
  absl::Status OpenVolume(Process& process, bool joining);
  absl::StatusOr<crdt::NodeId> Find(const std::string& path);
  absl::StatusOr<At> Place(const std::string& path);
  absl::StatusOr<crdt::NodeId> InTrash(const std::string& path);

  std::unique_ptr<base::MemoryStorage> disk_;
  base::ManualClock clock_;
  base::SeededRandom random_;
  Record record_;
  std::uint64_t changes_before_ = 0;  // Of disk_, by processes that were killed.
  std::optional<std::uint64_t> cut_at_;
  std::map<crdt::ActorId, Record::Ops> replayed_;
  std::vector<test::OpRun> replayed_runs_;  // The same in causal order.
  std::unique_ptr<Process> process_;
};

}  // namespace copse::crash
