#include "memory_file.h"

#include <copse/base/status_macros.h>

#include <algorithm>
#include <utility>

namespace copse::base {

using Kind = MemoryDisk::Change::Kind;

MemoryFile::MemoryFile(std::shared_ptr<MemoryDisk> disk, MemoryDisk::NodePointer node, std::string path, bool writable)
    : disk_(std::move(disk)), node_(std::move(node)), path_(std::move(path)), writable_(writable), boot_(disk_->boot) {}

absl::StatusOr<std::size_t> MemoryFile::ReadAt(std::uint64_t offset, std::span<char> out) const {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(CheckAlive("read"));
  return node_->bytes.Read(offset, out);
}

absl::Status MemoryFile::WriteAt(std::uint64_t offset, std::string_view bytes) {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(CheckWritable("write"));
  if (bytes.empty()) return absl::OkStatus();
  COPSE_RETURN_IF_ERROR(disk_->SpendChange("write", path_));
  if (MemoryDisk::IsDue(disk_->writes_until_failure)) return MemoryIoError("write", path_);
  const std::string_view fitting = bytes.substr(0, Fitting(offset, bytes.size()));
  if (!fitting.empty())
    disk_->ChangeFile(*node_, {Kind::kWrite, offset, fitting.size(), std::string(fitting), false, 0});
  if (fitting.size() < bytes.size()) {
    return absl::ResourceExhaustedError("write " + path_ + ": No space left on device");
  }
  ++disk_->counts.writes;
  return absl::OkStatus();
}

absl::Status MemoryFile::Truncate(std::uint64_t size) {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(CheckWritable("truncate"));
  COPSE_RETURN_IF_ERROR(disk_->SpendChange("truncate", path_));
  disk_->ChangeFile(*node_, {Kind::kResize, size, 0, {}, false, 0});
  return absl::OkStatus();
}

absl::Status MemoryFile::PunchHole(std::uint64_t offset, std::uint64_t length) {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(CheckWritable("punch a hole in"));
  COPSE_RETURN_IF_ERROR(disk_->SpendChange("punch a hole in", path_));
  disk_->ChangeFile(*node_, {Kind::kPunch, offset, length, {}, false, 0});
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> MemoryFile::Size() const {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(CheckAlive("stat"));
  return node_->bytes.size();
}

absl::StatusOr<std::optional<std::uint64_t>> MemoryFile::SeekData(std::uint64_t offset) const {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(CheckAlive("seek in"));
  return node_->bytes.SeekData(offset);
}

absl::Status MemoryFile::Sync() {
  const std::lock_guard lock(disk_->mutex);
  COPSE_RETURN_IF_ERROR(CheckAlive("sync"));
  if (sync_failed_) return MemoryIoError("sync (failed before)", path_);
  COPSE_RETURN_IF_ERROR(disk_->SpendChange("sync", path_));
  if (MemoryDisk::IsDue(disk_->syncs_until_failure)) {
    sync_failed_ = true;
    node_->changes.clear();
    return MemoryIoError("sync", path_);
  }
  MemoryDisk::MakeFileDurable(*node_);
  ++disk_->counts.file_syncs;
  return absl::OkStatus();
}

absl::Status MemoryFile::CheckAlive(const std::string& doing) const {
  if (boot_ != disk_->boot) return absl::InternalError(doing + " " + path_ + ": opened before the crash");
  return disk_->CheckPower(doing, path_);
}

absl::Status MemoryFile::CheckWritable(const std::string& doing) const {
  COPSE_RETURN_IF_ERROR(CheckAlive(doing));
  return writable_ ? absl::OkStatus() : absl::InternalError(doing + " " + path_ + ": Bad file descriptor");
}

std::uint64_t MemoryFile::Fitting(std::uint64_t offset, std::uint64_t length) const {
  const std::uint64_t free = disk_->FreeBytes();
  if (node_->bytes.GrowthOfWrite(offset, length) <= free) return length;
  std::uint64_t fitting = 0;
  while (fitting < length) {
    const std::uint64_t to_sector_end = MemoryDisk::kSectorBytes - (offset + fitting) % MemoryDisk::kSectorBytes;
    const std::uint64_t next = std::min(length, fitting + to_sector_end);
    if (node_->bytes.GrowthOfWrite(offset, next) > free) break;
    fitting = next;
  }
  return fitting;
}

}  // namespace copse::base
