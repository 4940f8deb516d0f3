#include <copse/base/check.h>
#include <copse/base/memory_storage.h>
#include <copse/base/status_macros.h>

#include <functional>
#include <mutex>
#include <utility>

#include "memory_disk.h"
#include "memory_file.h"

namespace copse::base {
namespace {

using NodePointer = MemoryDisk::NodePointer;

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

absl::Status NotFound(const std::string& path) {
  return absl::NotFoundError("open " + path + ": No such file or directory");
}

class MemoryLock final : public StorageLock {
 public:
  explicit MemoryLock(std::function<void()> release) : release_(std::move(release)) {}
  ~MemoryLock() override { release_(); }

 private:
  std::function<void()> release_;
};

}  // namespace

MemoryStorage::MemoryStorage() : disk_(std::make_shared<MemoryDisk>()) {}
MemoryStorage::~MemoryStorage() = default;

absl::StatusOr<std::unique_ptr<File>> MemoryStorage::Open(const std::string& path, OpenMode mode) {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(disk_->CheckPower("open", path));
  COPSE_RETURN_IF_ERROR(disk_->CheckDescriptors("open", path));
  NodePointer node = disk_->Find(path);
  if (mode == OpenMode::kCreate) {
    if (node != nullptr) return absl::AlreadyExistsError("open " + path + ": File exists");
    const NodePointer directory = disk_->FindDirectory(ParentDirectory(path));
    if (directory == nullptr) return NotFound(path);
    COPSE_RETURN_IF_ERROR(disk_->SpendChange("open", path));
    node = std::make_shared<MemoryDisk::Node>();
    disk_->ChangeEntries({{{directory, NameOf(path), node}}, 0});
  }
  if (node == nullptr) return NotFound(path);
  if (node->is_directory) return absl::InternalError("open " + path + ": Is a directory");
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(disk_, std::move(node), path, mode != OpenMode::kRead));
}

absl::Status MemoryStorage::CreateDirectory(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  const NodePointer parent = disk_->FindDirectory(ParentDirectory(path));
  if (parent == nullptr) return NotFound(path);
  if (disk_->Find(path) != nullptr) return absl::AlreadyExistsError("create directory " + path + ": File exists");
  COPSE_RETURN_IF_ERROR(disk_->SpendChange("create directory", path));
  disk_->ChangeEntries({{{parent, NameOf(path), MemoryDisk::MakeDirectory()}}, 0});
  return absl::OkStatus();
}

absl::Status MemoryStorage::Remove(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  const NodePointer node = disk_->Find(path);
  if (node == nullptr) return NotFound(path);
  if (node->is_directory) return absl::InternalError("remove " + path + ": Is a directory");
  COPSE_RETURN_IF_ERROR(disk_->SpendChange("remove", path));
  disk_->Unlink(*node);
  disk_->ChangeEntries({{{disk_->Find(ParentDirectory(path)), NameOf(path), nullptr}}, 0});
  return absl::OkStatus();
}

absl::Status MemoryStorage::RemoveDirectory(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  const NodePointer node = disk_->Find(path);
  if (node == nullptr) return NotFound(path);
  if (!node->is_directory) return absl::InternalError("remove directory " + path + ": Not a directory");
  if (!node->entries.empty()) return absl::InternalError("remove directory " + path + ": Directory not empty");
  COPSE_RETURN_IF_ERROR(disk_->SpendChange("remove directory", path));
  disk_->ChangeEntries({{{disk_->Find(ParentDirectory(path)), NameOf(path), nullptr}}, 0});
  return absl::OkStatus();
}

absl::Status MemoryStorage::Rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(disk_->mutex);
  const NodePointer node = disk_->Find(from);
  const NodePointer target = disk_->FindDirectory(ParentDirectory(to));
  if (node == nullptr) return NotFound(from);
  if (target == nullptr) return NotFound(to);
  const NodePointer replaced = disk_->Find(to);
  if (replaced == node) return absl::OkStatus();
  if (replaced != nullptr && (replaced->is_directory != node->is_directory || !replaced->entries.empty())) {
    return absl::InternalError("rename " + from + " to " + to + ": what is there cannot be replaced");
  }
  COPSE_RETURN_IF_ERROR(disk_->SpendChange("rename", from));
  if (replaced != nullptr) disk_->Unlink(*replaced);
  disk_->ChangeEntries({{{disk_->Find(ParentDirectory(from)), NameOf(from), nullptr}, {target, NameOf(to), node}}, 0});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Storage::Entry>> MemoryStorage::List(const std::string& directory) {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(disk_->CheckPower("list", directory));
  const NodePointer node = disk_->FindDirectory(directory);
  if (node == nullptr) return NotFound(directory);
  std::vector<Entry> entries;
  for (const auto& [name, child] : node->entries) entries.push_back({name, child->is_directory});
  return entries;
}

absl::StatusOr<Storage::Metadata> MemoryStorage::Stat(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(disk_->CheckPower("stat", path));
  const NodePointer node = disk_->Find(path);
  if (node == nullptr) return NotFound(path);
  return Metadata{node->bytes.size(), node->owner, node->permissions, node->is_directory};
}

absl::Status MemoryStorage::SyncDirectory(const std::string& directory) {
  const std::lock_guard lock(disk_->mutex);
  const NodePointer node = disk_->FindDirectory(directory);
  if (node == nullptr) return NotFound(directory);
  COPSE_RETURN_IF_ERROR(disk_->CheckDescriptors("sync directory", directory));
  COPSE_RETURN_IF_ERROR(disk_->SpendChange("sync directory", directory));
  if (MemoryDisk::IsDue(disk_->syncs_until_failure)) return MemoryIoError("sync directory", directory);
  disk_->MakeDirectoryDurable(node);
  ++disk_->counts.directory_syncs;
  return absl::OkStatus();
}

absl::StatusOr<Storage::Space> MemoryStorage::FreeSpace(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(disk_->CheckPower("statvfs", path));
  if (disk_->Find(path) == nullptr) return NotFound(path);
  return Space{MemoryDisk::kTotalBytes, disk_->FreeBytes(), MemoryDisk::kTotalFiles, MemoryDisk::kTotalFiles};
}

absl::StatusOr<std::unique_ptr<StorageLock>> MemoryStorage::Lock(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(disk_->CheckPower("lock", path));
  if (disk_->locks.count(path) != 0) return absl::UnavailableError(path + " is in use by another process");
  if (disk_->Find(path) == nullptr) {
    const NodePointer directory = disk_->FindDirectory(ParentDirectory(path));
    if (directory == nullptr) return NotFound(path);
    COPSE_RETURN_IF_ERROR(disk_->SpendChange("lock", path));
    disk_->ChangeEntries({{{directory, NameOf(path), std::make_shared<MemoryDisk::Node>()}}, 0});
  }
  const std::uint64_t id = ++disk_->last_lock;
  disk_->locks[path] = id;
  return std::unique_ptr<StorageLock>(std::make_unique<MemoryLock>([disk = disk_, path, id] {
    const std::lock_guard release(disk->mutex);
    const auto held = disk->locks.find(path);
    if (held != disk->locks.end() && held->second == id) disk->locks.erase(held);
  }));
}

void MemoryStorage::Crash(Keep keep, std::uint64_t seed) {
  const std::lock_guard lock(disk_->mutex);
  disk_->Crash(disk_->Choose(keep, seed));
}

void MemoryStorage::Crash(const std::vector<bool>& kept) {
  const std::lock_guard lock(disk_->mutex);
  COPSE_CHECK(kept.size() == disk_->UnsyncedPieces());
  disk_->Crash(kept);
}

std::size_t MemoryStorage::UnsyncedPieces() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->UnsyncedPieces();
}

std::unique_ptr<MemoryStorage> MemoryStorage::Copy() const {
  auto copy = std::make_unique<MemoryStorage>();
  const std::lock_guard lock(disk_->mutex);
  copy->disk_ = disk_->Copy();
  return copy;
}

void MemoryStorage::CutPowerAfter(std::uint64_t changes) {
  const std::lock_guard lock(disk_->mutex);
  disk_->changes_until_cut = changes;
}

bool MemoryStorage::power_is_cut() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->changes_until_cut == 0;
}

void MemoryStorage::FailWrite(std::uint64_t nth) {
  const std::lock_guard lock(disk_->mutex);
  disk_->writes_until_failure = nth;
}

void MemoryStorage::FailSync(std::uint64_t nth) {
  const std::lock_guard lock(disk_->mutex);
  disk_->syncs_until_failure = nth;
}

void MemoryStorage::SetHasDescriptors(bool has_descriptors) {
  const std::lock_guard lock(disk_->mutex);
  disk_->has_descriptors = has_descriptors;
}

void MemoryStorage::SetFreeBytes(std::uint64_t bytes) {
  const std::lock_guard lock(disk_->mutex);
  disk_->capacity = disk_->used_bytes + bytes;
}

void MemoryStorage::FlipBit(const std::string& path, std::uint64_t offset, int bit) {
  const std::lock_guard lock(disk_->mutex);
  const NodePointer node = disk_->Find(path);
  COPSE_CHECK(node != nullptr && offset < node->bytes.size());
  for (SparseBytes* const bytes : {&node->bytes, &node->durable_bytes}) {
    char value = 0;
    if (bytes->Read(offset, std::span<char>(&value, 1)) == 0) continue;
    value = static_cast<char>(value ^ (1 << bit));
    bytes->Write(offset, std::string_view(&value, 1));
  }
}

void MemoryStorage::SetOwner(const std::string& path, std::uint32_t owner) {
  const std::lock_guard lock(disk_->mutex);
  const NodePointer node = disk_->Find(path);
  COPSE_CHECK(node != nullptr);
  node->owner = owner;
}

void MemoryStorage::SetPermissions(const std::string& path, std::uint32_t permissions) {
  const std::lock_guard lock(disk_->mutex);
  const NodePointer node = disk_->Find(path);
  COPSE_CHECK(node != nullptr);
  node->permissions = permissions;
}

MemoryStorage::Counts MemoryStorage::counts() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->counts;
}

}  // namespace copse::base
