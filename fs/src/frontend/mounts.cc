// The mounts of this machine, seen from outside the process that serves them.

#include <copse/base/status_macros.h>
#include <copse/fs/frontend.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>

#include "frontend/mount_table.h"
#include "frontend/unmount.h"

namespace copse::fs {

absl::StatusOr<std::vector<MountedVolume>> ListMounts() {
  COPSE_ASSIGN_OR_RETURN(const std::vector<MountLine> mounts, ReadMountTable());
  std::vector<MountedVolume> result;
  for (const MountLine& mount : mounts) {
    if (mount.type == kFileSystemType) result.push_back({mount.mount_point, mount.source});
  }
  return result;
}

absl::Status Unmount(const std::string& mount_point, bool lazy) {
  const absl::StatusOr<std::vector<MountLine>> mounts = ReadMountTable();
  COPSE_RETURN_IF_ERROR(mounts.status());
  const std::optional<MountLine> mount = MountAt(*mounts, mount_point);
  if (!mount || mount->type != kFileSystemType) {
    return absl::NotFoundError(mount_point + ": no volume is mounted there");
  }
  return DetachMount(mount_point, lazy);
}

bool IsDeadMount(const std::string& mount_point) {
  const absl::StatusOr<std::vector<MountLine>> mounts = ReadMountTable();
  if (!mounts.ok()) return false;
  const std::optional<MountLine> mount = MountAt(*mounts, mount_point);
  if (!mount || mount->type != kFileSystemType) return false;
  // The kernel holds the attributes of the root without time-out and would answer an ordinary stat(2) by itself.
  struct statx attributes {};
  return statx(AT_FDCWD, mount_point.c_str(), AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &attributes) != 0 &&
         (errno == ENOTCONN || errno == ECONNABORTED);
}

}  // namespace copse::fs
