// The reserve: below it, what would need more space is refused while deleting goes on. The disk is asked at most every
// 100 ms or 16 MiB, because statvfs per write(2) would cost more than the write.
#include <algorithm>

#include "volume/volume_state.h"

namespace copse::fs {
namespace {

constexpr std::chrono::nanoseconds kCheckInterval = std::chrono::milliseconds(100);
constexpr std::uint64_t kCheckBytes = 16 << 20;
constexpr std::uint64_t kReserveDivisor = 100;  // At least 1 % stays free.
constexpr std::uint64_t kBlockBytes = 4096;

}  // namespace

absl::StatusOr<base::Storage::Space> Volume::State::FreeSpace() const {
  return env.storage.FreeSpace(options.staging_directory);
}

std::uint64_t Volume::State::ReserveOf(const base::Storage::Space& space) const {
  return std::max(options.reserve_bytes, space.total_bytes / kReserveDivisor);
}

absl::Status Volume::State::EnsureSpace(std::uint64_t bytes) {
  const std::int64_t now = env.clock.Monotonic().count();
  const std::uint64_t used = space_used_since.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (now - space_checked_at.load(std::memory_order_relaxed) >= kCheckInterval.count() || used >= kCheckBytes) {
    const std::lock_guard lock(space_mutex);
    COPSE_ASSIGN_OR_RETURN(const base::Storage::Space space, FreeSpace());
    space_is_short = space.free_bytes < ReserveOf(space) || space.free_bytes - ReserveOf(space) < bytes;
    space_used_since = 0;
    space_checked_at = now;
  }
  if (!space_is_short.load(std::memory_order_relaxed)) return absl::OkStatus();
  space_checked_at = OpenFile::kNever;  // Asked again at once: something may have been deleted.
  return PosixError(std::errc::no_space_on_device, "the disk of the store is full up to its reserve; delete something");
}

absl::StatusOr<Volume::Space> Volume::GetSpace() {
  COPSE_ASSIGN_OR_RETURN(const base::Storage::Space disk, state_->FreeSpace());
  const std::uint64_t reserve = state_->ReserveOf(disk);
  Space space;
  space.block_bytes = kBlockBytes;
  space.blocks = disk.total_bytes / kBlockBytes;
  space.free_blocks = disk.free_bytes / kBlockBytes;
  space.available_blocks = disk.free_bytes > reserve ? (disk.free_bytes - reserve) / kBlockBytes : 0;
  {
    const State::TreeReadLock lock(state_->tree_mutex);
    space.files = state_->projection->EntryCount() + 1;
  }
  // Inodes take no inodes of the disk: what limits them is its space.
  space.free_files = space.available_blocks;
  space.files += space.free_files;
  return space;
}

}  // namespace copse::fs
