#include <copse/base/memory_storage.h>
#include <copse/base/status_macros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <random>
#include <set>

#include "sparse_bytes.h"

// Every file exists twice: as programs see it now, and as it would be after a power cut. A change is made to the first
// and noted in a journal; a sync applies the notes to the second and drops them; a crash applies a choice of the notes
// to the second and makes it the first. Directory entries have one journal for the whole disk, since a rename belongs
// to two directories; a note holds the resulting entries, so any choice of notes gives a legal disk.

namespace copse::base {
namespace {

constexpr std::uint64_t kSectorBytes = 512;
constexpr std::uint64_t kTotalBytes = std::uint64_t{1} << 40;
constexpr std::uint64_t kTotalFiles = 1 << 20;

/// A change of a file that is not durable yet.
struct Change {
  enum class Kind { kWrite, kResize, kPunch };
  Kind kind = Kind::kWrite;
  std::uint64_t offset = 0;  ///< kResize: the new size.
  std::uint64_t length = 0;
  std::string bytes;

  void ApplyTo(SparseBytes& target) const {
    switch (kind) {
      case Kind::kWrite:
        return target.Write(offset, bytes);
      case Kind::kResize:
        return target.Resize(offset);
      case Kind::kPunch:
        return target.Punch(offset, length);
    }
  }
};

struct Node {
  bool is_directory = false;
  std::uint32_t owner = geteuid();
  std::uint32_t permissions = 0600;
  bool is_linked = true;  // It has a name; only then does it count as used space.
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

  void ApplyToDurable() const {
    for (const Part& part : parts) {
      if (part.node == nullptr) {
        part.directory->durable_entries.erase(part.name);
      } else {
        part.directory->durable_entries[part.name] = part.node;
      }
    }
  }
};

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

absl::Status NotFound(const std::string& path) {
  return absl::NotFoundError("open " + path + ": No such file or directory");
}
absl::Status IoError(const std::string& doing, const std::string& path) {
  return absl::InternalError(doing + " " + path + ": Input/output error");
}

}  // namespace

struct MemoryStorage::State {
  std::mutex mutex;
  NodePointer root = MakeDirectory();
  std::vector<EntryChange> entry_changes;
  std::map<std::string, std::uint64_t> locks;  // Path -> which Lock call holds it.
  std::uint64_t last_lock = 0;
  std::uint64_t boot = 0;  // Counts crashes: a handle of an earlier boot is dead.
  std::uint64_t used_bytes = 0;
  std::uint64_t capacity = kTotalBytes;
  std::uint64_t changes_until_cut = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t writes_until_failure = 0;  // 0: none planned.
  std::uint64_t syncs_until_failure = 0;
  Counts counts;

  static NodePointer MakeDirectory() {
    auto node = std::make_shared<Node>();
    node->is_directory = true;
    node->permissions = 0700;
    return node;
  }

  /// Null if there is none.
  NodePointer Find(const std::string& path) const {
    NodePointer node = root;
    for (std::size_t begin = 1; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      if (end > begin) {
        const auto entry = node->entries.find(path.substr(begin, end - begin));
        if (entry == node->entries.end()) return nullptr;
        node = entry->second;
      }
      begin = end + 1;
    }
    return node;
  }

  NodePointer FindDirectory(const std::string& path) const {
    NodePointer node = Find(path);
    return node != nullptr && node->is_directory ? node : nullptr;
  }

  absl::Status CheckPower(const std::string& doing, const std::string& path) const {
    return changes_until_cut == 0 ? absl::InternalError(doing + " " + path + ": the power is cut") : absl::OkStatus();
  }

  /// To be asked before each change.
  absl::Status SpendChange(const std::string& doing, const std::string& path) {
    COPSE_RETURN_IF_ERROR(CheckPower(doing, path));
    if (changes_until_cut != std::numeric_limits<std::uint64_t>::max()) --changes_until_cut;
    return absl::OkStatus();
  }

  /// Counts a planned fault down; true when it is due.
  static bool IsDue(std::uint64_t& calls_until_failure) {
    return calls_until_failure != 0 && --calls_until_failure == 0;
  }

  void Change(EntryChange change) {
    for (const EntryChange::Part& part : change.parts) {
      if (part.node == nullptr) {
        part.directory->entries.erase(part.name);
      } else {
        part.directory->entries[part.name] = part.node;
      }
    }
    entry_changes.push_back(std::move(change));
  }

  void MakeDurable(const NodePointer& directory) {
    // A rename takes what came before it in its other directory along, else a later note could undo it.
    std::set<NodePointer> directories = {directory};
    std::vector<bool> chosen(entry_changes.size());
    for (std::size_t index = entry_changes.size(); index-- > 0;) {
      const auto& parts = entry_changes[index].parts;
      chosen[index] =
          std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return directories.count(part.directory); });
      if (!chosen[index]) continue;
      for (const auto& part : parts) directories.insert(part.directory);
    }
    std::vector<EntryChange> rest;
    for (std::size_t index = 0; index < chosen.size(); ++index) {
      if (chosen[index]) {
        entry_changes[index].ApplyToDurable();
      } else {
        rest.push_back(std::move(entry_changes[index]));
      }
    }
    entry_changes = std::move(rest);
  }

  void Unlink(Node& node) {
    used_bytes -= node.bytes.allocated();
    node.is_linked = false;
  }

  void RecountUsedBytes(Node& node) {
    used_bytes += node.bytes.allocated();
    node.is_linked = true;
    for (const auto& [name, child] : node.entries) RecountUsedBytes(*child);
  }
};

namespace {

/// Of `change`, what a power cut in the middle of writing it out may leave.
void ApplyRandomSectors(const Change& change, SparseBytes& target, std::mt19937_64& random) {
  const auto heads = [&random] { return (random() & 1) != 0; };
  if (change.kind != Change::Kind::kWrite) {
    if (heads()) change.ApplyTo(target);
    return;
  }
  for (std::uint64_t done = 0; done < change.bytes.size();) {
    const std::uint64_t offset = change.offset + done;
    const std::uint64_t count = std::min(kSectorBytes - offset % kSectorBytes, change.bytes.size() - done);
    if (heads()) target.Write(offset, std::string_view(change.bytes).substr(done, count));
    done += count;
  }
}

void CrashNode(Node& node, MemoryStorage::Keep keep, std::mt19937_64& random, std::set<const Node*>& visited) {
  if (!visited.insert(&node).second) return;
  for (const Change& change : node.changes) {
    if (keep == MemoryStorage::Keep::kEverything) change.ApplyTo(node.durable_bytes);
    if (keep == MemoryStorage::Keep::kRandom) ApplyRandomSectors(change, node.durable_bytes, random);
  }
  node.changes.clear();
  node.bytes = node.durable_bytes;
  node.entries = node.durable_entries;
  for (const auto& [name, child] : node.entries) CrashNode(*child, keep, random, visited);
}

class MemoryLock final : public StorageLock {
 public:
  explicit MemoryLock(std::function<void()> release) : release_(std::move(release)) {}
  ~MemoryLock() override { release_(); }

 private:
  std::function<void()> release_;
};

/// One open handle. `Disk` is MemoryStorage::State, which has no name out here.
template <typename Disk>
class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<Disk> disk, NodePointer node, std::string path, bool writable)
      : disk_(std::move(disk)),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable),
        boot_(disk_->boot) {}

  absl::StatusOr<std::size_t> ReadAt(std::uint64_t offset, std::span<char> out) const override {
    const std::lock_guard lock(disk_->mutex);
    COPSE_RETURN_IF_ERROR(CheckAlive("read"));
    return node_->bytes.Read(offset, out);
  }

  absl::Status WriteAt(std::uint64_t offset, std::string_view bytes) override {
    const std::lock_guard lock(disk_->mutex);
    COPSE_RETURN_IF_ERROR(CheckWritable("write"));
    if (bytes.empty()) return absl::OkStatus();
    COPSE_RETURN_IF_ERROR(disk_->SpendChange("write", path_));
    if (Disk::IsDue(disk_->writes_until_failure)) return IoError("write", path_);
    const std::string_view fitting = bytes.substr(0, Fitting(offset, bytes.size()));
    if (!fitting.empty()) Apply({Change::Kind::kWrite, offset, fitting.size(), std::string(fitting)});
    if (fitting.size() < bytes.size()) {
      return absl::ResourceExhaustedError("write " + path_ + ": No space left on device");
    }
    ++disk_->counts.writes;
    return absl::OkStatus();
  }

  absl::Status Truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_->mutex);
    COPSE_RETURN_IF_ERROR(CheckWritable("truncate"));
    COPSE_RETURN_IF_ERROR(disk_->SpendChange("truncate", path_));
    Apply({Change::Kind::kResize, size, 0, {}});
    return absl::OkStatus();
  }

  absl::Status PunchHole(std::uint64_t offset, std::uint64_t length) override {
    const std::lock_guard lock(disk_->mutex);
    COPSE_RETURN_IF_ERROR(CheckWritable("punch a hole in"));
    COPSE_RETURN_IF_ERROR(disk_->SpendChange("punch a hole in", path_));
    Apply({Change::Kind::kPunch, offset, length, {}});
    return absl::OkStatus();
  }

  absl::StatusOr<std::uint64_t> Size() const override {
    const std::lock_guard lock(disk_->mutex);
    COPSE_RETURN_IF_ERROR(CheckAlive("stat"));
    return node_->bytes.size();
  }

  absl::StatusOr<std::optional<std::uint64_t>> SeekData(std::uint64_t offset) const override {
    const std::lock_guard lock(disk_->mutex);
    COPSE_RETURN_IF_ERROR(CheckAlive("seek in"));
    return node_->bytes.SeekData(offset);
  }

  absl::Status Sync() override {
    const std::lock_guard lock(disk_->mutex);
    COPSE_RETURN_IF_ERROR(CheckAlive("sync"));
    if (sync_failed_) return IoError("sync (failed before)", path_);
    COPSE_RETURN_IF_ERROR(disk_->SpendChange("sync", path_));
    if (Disk::IsDue(disk_->syncs_until_failure)) {
      sync_failed_ = true;
      node_->changes.clear();
      return IoError("sync", path_);
    }
    for (const Change& change : node_->changes) change.ApplyTo(node_->durable_bytes);
    node_->changes.clear();
    ++disk_->counts.file_syncs;
    return absl::OkStatus();
  }

 private:
  absl::Status CheckAlive(const std::string& doing) const {
    if (boot_ != disk_->boot) return absl::InternalError(doing + " " + path_ + ": opened before the crash");
    return disk_->CheckPower(doing, path_);
  }

  absl::Status CheckWritable(const std::string& doing) const {
    COPSE_RETURN_IF_ERROR(CheckAlive(doing));
    return writable_ ? absl::OkStatus() : absl::InternalError(doing + " " + path_ + ": Bad file descriptor");
  }

  /// How many of `length` bytes at `offset` the disk has room for.
  std::uint64_t Fitting(std::uint64_t offset, std::uint64_t length) const {
    const std::uint64_t free = disk_->capacity - std::min(disk_->capacity, disk_->used_bytes);
    if (node_->bytes.GrowthOfWrite(offset, length) <= free) return length;
    std::uint64_t fitting = 0;
    while (fitting < length) {
      const std::uint64_t next = std::min(length, fitting + kSectorBytes - (offset + fitting) % kSectorBytes);
      if (node_->bytes.GrowthOfWrite(offset, next) > free) break;
      fitting = next;
    }
    return fitting;
  }

  void Apply(Change change) {
    const std::uint64_t before = node_->bytes.allocated();
    change.ApplyTo(node_->bytes);
    if (node_->is_linked) disk_->used_bytes = disk_->used_bytes - before + node_->bytes.allocated();
    node_->changes.push_back(std::move(change));
  }

  std::shared_ptr<Disk> disk_;
  NodePointer node_;
  std::string path_;
  bool writable_;
  std::uint64_t boot_;
  bool sync_failed_ = false;
};

}  // namespace

MemoryStorage::MemoryStorage() : state_(std::make_shared<State>()) {}
MemoryStorage::~MemoryStorage() = default;

absl::StatusOr<std::unique_ptr<File>> MemoryStorage::Open(const std::string& path, OpenMode mode) {
  const std::lock_guard lock(state_->mutex);
  COPSE_RETURN_IF_ERROR(state_->CheckPower("open", path));
  NodePointer node = state_->Find(path);
  if (mode == OpenMode::kCreate) {
    if (node != nullptr) return absl::AlreadyExistsError("open " + path + ": File exists");
    const NodePointer directory = state_->FindDirectory(ParentDirectory(path));
    if (directory == nullptr) return NotFound(path);
    COPSE_RETURN_IF_ERROR(state_->SpendChange("open", path));
    node = std::make_shared<Node>();
    state_->Change({{{directory, NameOf(path), node}}});
  }
  if (node == nullptr) return NotFound(path);
  if (node->is_directory) return absl::InternalError("open " + path + ": Is a directory");
  return std::unique_ptr<File>(
      std::make_unique<MemoryFile<State>>(state_, std::move(node), path, mode != OpenMode::kRead));
}

absl::Status MemoryStorage::CreateDirectory(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const NodePointer parent = state_->FindDirectory(ParentDirectory(path));
  if (parent == nullptr) return NotFound(path);
  if (state_->Find(path) != nullptr) return absl::AlreadyExistsError("create directory " + path + ": File exists");
  COPSE_RETURN_IF_ERROR(state_->SpendChange("create directory", path));
  state_->Change({{{parent, NameOf(path), State::MakeDirectory()}}});
  return absl::OkStatus();
}

absl::Status MemoryStorage::Remove(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const NodePointer node = state_->Find(path);
  if (node == nullptr) return NotFound(path);
  if (node->is_directory) return absl::InternalError("remove " + path + ": Is a directory");
  COPSE_RETURN_IF_ERROR(state_->SpendChange("remove", path));
  state_->Unlink(*node);
  state_->Change({{{state_->Find(ParentDirectory(path)), NameOf(path), nullptr}}});
  return absl::OkStatus();
}

absl::Status MemoryStorage::RemoveDirectory(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const NodePointer node = state_->Find(path);
  if (node == nullptr) return NotFound(path);
  if (!node->is_directory) return absl::InternalError("remove directory " + path + ": Not a directory");
  if (!node->entries.empty()) return absl::InternalError("remove directory " + path + ": Directory not empty");
  COPSE_RETURN_IF_ERROR(state_->SpendChange("remove directory", path));
  state_->Change({{{state_->Find(ParentDirectory(path)), NameOf(path), nullptr}}});
  return absl::OkStatus();
}

absl::Status MemoryStorage::Rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(state_->mutex);
  const NodePointer node = state_->Find(from);
  const NodePointer target = state_->FindDirectory(ParentDirectory(to));
  if (node == nullptr) return NotFound(from);
  if (target == nullptr) return NotFound(to);
  const NodePointer replaced = state_->Find(to);
  if (replaced == node) return absl::OkStatus();
  if (replaced != nullptr && (replaced->is_directory != node->is_directory || !replaced->entries.empty())) {
    return absl::InternalError("rename " + from + " to " + to + ": what is there cannot be replaced");
  }
  COPSE_RETURN_IF_ERROR(state_->SpendChange("rename", from));
  if (replaced != nullptr) state_->Unlink(*replaced);
  state_->Change({{{state_->Find(ParentDirectory(from)), NameOf(from), nullptr}, {target, NameOf(to), node}}});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Storage::Entry>> MemoryStorage::List(const std::string& directory) {
  const std::lock_guard lock(state_->mutex);
  COPSE_RETURN_IF_ERROR(state_->CheckPower("list", directory));
  const NodePointer node = state_->FindDirectory(directory);
  if (node == nullptr) return NotFound(directory);
  std::vector<Entry> entries;
  for (const auto& [name, child] : node->entries) entries.push_back({name, child->is_directory});
  return entries;
}

absl::StatusOr<Storage::Metadata> MemoryStorage::Stat(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  COPSE_RETURN_IF_ERROR(state_->CheckPower("stat", path));
  const NodePointer node = state_->Find(path);
  if (node == nullptr) return NotFound(path);
  return Metadata{node->bytes.size(), node->owner, node->permissions, node->is_directory};
}

absl::Status MemoryStorage::SyncDirectory(const std::string& directory) {
  const std::lock_guard lock(state_->mutex);
  const NodePointer node = state_->FindDirectory(directory);
  if (node == nullptr) return NotFound(directory);
  COPSE_RETURN_IF_ERROR(state_->SpendChange("sync directory", directory));
  if (State::IsDue(state_->syncs_until_failure)) return IoError("sync directory", directory);
  state_->MakeDurable(node);
  ++state_->counts.directory_syncs;
  return absl::OkStatus();
}

absl::StatusOr<Storage::Space> MemoryStorage::FreeSpace(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  COPSE_RETURN_IF_ERROR(state_->CheckPower("statvfs", path));
  if (state_->Find(path) == nullptr) return NotFound(path);
  const std::uint64_t free = state_->capacity - std::min(state_->capacity, state_->used_bytes);
  return Space{kTotalBytes, free, kTotalFiles, kTotalFiles};
}

absl::StatusOr<std::unique_ptr<StorageLock>> MemoryStorage::Lock(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  COPSE_RETURN_IF_ERROR(state_->CheckPower("lock", path));
  if (state_->locks.count(path) != 0) return absl::UnavailableError(path + " is in use by another process");
  if (state_->Find(path) == nullptr) {
    const NodePointer directory = state_->FindDirectory(ParentDirectory(path));
    if (directory == nullptr) return NotFound(path);
    COPSE_RETURN_IF_ERROR(state_->SpendChange("lock", path));
    state_->Change({{{directory, NameOf(path), std::make_shared<Node>()}}});
  }
  const std::uint64_t id = ++state_->last_lock;
  state_->locks[path] = id;
  return std::unique_ptr<StorageLock>(std::make_unique<MemoryLock>([state = state_, path, id] {
    const std::lock_guard release(state->mutex);
    const auto held = state->locks.find(path);
    if (held != state->locks.end() && held->second == id) state->locks.erase(held);
  }));
}

void MemoryStorage::Crash(Keep keep, std::uint64_t seed) {
  const std::lock_guard lock(state_->mutex);
  std::mt19937_64 random(seed);
  const bool prefix = (random() & 1) != 0;
  const std::size_t cut = state_->entry_changes.empty() ? 0 : random() % (state_->entry_changes.size() + 1);
  for (std::size_t index = 0; index < state_->entry_changes.size(); ++index) {
    const bool lucky = prefix ? index < cut : (random() & 1) != 0;
    if (keep == Keep::kEverything || (keep == Keep::kRandom && lucky)) state_->entry_changes[index].ApplyToDurable();
  }
  state_->entry_changes.clear();
  std::set<const Node*> visited;
  CrashNode(*state_->root, keep, random, visited);
  state_->used_bytes = 0;
  state_->RecountUsedBytes(*state_->root);
  state_->locks.clear();
  ++state_->boot;
  state_->changes_until_cut = std::numeric_limits<std::uint64_t>::max();
  state_->writes_until_failure = 0;
  state_->syncs_until_failure = 0;
}

void MemoryStorage::CutPowerAfter(std::uint64_t changes) {
  const std::lock_guard lock(state_->mutex);
  state_->changes_until_cut = changes;
}

bool MemoryStorage::power_is_cut() const {
  const std::lock_guard lock(state_->mutex);
  return state_->changes_until_cut == 0;
}

void MemoryStorage::FailWrite(std::uint64_t nth) {
  const std::lock_guard lock(state_->mutex);
  state_->writes_until_failure = nth;
}

void MemoryStorage::FailSync(std::uint64_t nth) {
  const std::lock_guard lock(state_->mutex);
  state_->syncs_until_failure = nth;
}

void MemoryStorage::SetFreeBytes(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->capacity = state_->used_bytes + bytes;
}

void MemoryStorage::FlipBit(const std::string& path, std::uint64_t offset, int bit) {
  const std::lock_guard lock(state_->mutex);
  const NodePointer node = state_->Find(path);
  if (node == nullptr || offset >= node->bytes.size()) std::abort();
  for (SparseBytes* const bytes : {&node->bytes, &node->durable_bytes}) {
    char value = 0;
    if (bytes->Read(offset, std::span<char>(&value, 1)) == 0) continue;
    value = static_cast<char>(value ^ (1 << bit));
    bytes->Write(offset, std::string_view(&value, 1));
  }
}

void MemoryStorage::SetOwner(const std::string& path, std::uint32_t owner) {
  const std::lock_guard lock(state_->mutex);
  const NodePointer node = state_->Find(path);
  if (node == nullptr) std::abort();
  node->owner = owner;
}

void MemoryStorage::SetPermissions(const std::string& path, std::uint32_t permissions) {
  const std::lock_guard lock(state_->mutex);
  const NodePointer node = state_->Find(path);
  if (node == nullptr) std::abort();
  node->permissions = permissions;
}

MemoryStorage::Counts MemoryStorage::counts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts;
}

}  // namespace copse::base
