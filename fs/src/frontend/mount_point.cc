#include "frontend/mount_point.h"

#include <copse/base/status_macros.h>
#include <copse/fs/frontend.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "frontend/mount_table.h"

namespace copse::fs {
namespace {

absl::Status AlreadyMounted(const MountLine& mount) {
  const std::string& where = mount.mount_point;
  if (mount.type != kFileSystemType) {
    return absl::FailedPreconditionError(where + ": a file system of type " + mount.type +
                                         " is mounted there; choose another directory");
  }
  if (IsDeadMount(where)) {
    return absl::FailedPreconditionError(where + ": the program that served this mount is gone; run: copse umount " +
                                         where);
  }
  return absl::FailedPreconditionError(where + ": " + mount.source +
                                       " is mounted there already; to unmount it run: copse umount " + where);
}

absl::Status CheckNotMounted(const std::vector<MountLine>& mounts, const std::string& mount_point) {
  const std::optional<MountLine> mount = MountAt(mounts, mount_point);
  return mount ? AlreadyMounted(*mount) : absl::OkStatus();
}

/// `path` without doubled and trailing slashes, "." and "..": no file system is asked.
std::string Normalized(const std::string& path) {
  std::string result = std::filesystem::path(path).lexically_normal().string();
  while (result.size() > 1 && result.back() == '/') result.pop_back();
  return result;
}

absl::Status CheckEmptyDirectory(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) {
    return absl::UnavailableError(path + ": " + std::strerror(errno));
  }
  if (!S_ISDIR(found.st_mode)) {
    return absl::FailedPreconditionError(path + ": not a directory; give a directory to mount on");
  }
  std::error_code error;
  const bool empty = std::filesystem::is_empty(path, error);
  if (error) return absl::PermissionDeniedError(path + ": " + error.message());
  if (!empty) {
    return absl::FailedPreconditionError(path + ": not empty, and mounting would hide what is in it; give an empty " +
                                         "directory to mount on");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> CheckMountPoint(const std::string& mount_point) {
  if (mount_point.empty() || mount_point.front() != '/') {
    return absl::InvalidArgumentError("the mount point must be an absolute path: '" + mount_point + "'");
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<MountLine> mounts, ReadMountTable());
  // The spelling as given comes first: on a mount whose process is gone even realpath(3) may fail.
  COPSE_RETURN_IF_ERROR(CheckNotMounted(mounts, Normalized(mount_point)));
  char* const resolved = realpath(mount_point.c_str(), nullptr);
  if (resolved == nullptr) {
    if (errno == ENOENT) {
      return absl::NotFoundError(mount_point + ": no such directory; to make it run: mkdir -p " + mount_point);
    }
    if (errno == ENOTDIR) {
      return absl::FailedPreconditionError(mount_point + ": not a directory; give a directory to mount on");
    }
    return absl::PermissionDeniedError(mount_point + ": " + std::strerror(errno));
  }
  const std::string canonical = resolved;
  std::free(resolved);
  COPSE_RETURN_IF_ERROR(CheckNotMounted(mounts, canonical));
  COPSE_RETURN_IF_ERROR(CheckEmptyDirectory(canonical));
  return canonical;
}

absl::Status CheckFuseDevice() {
  const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device >= 0) {
    close(device);
    return absl::OkStatus();
  }
  const int error = errno;
  if (error == ENOENT || error == ENODEV || error == ENXIO) {
    return absl::UnavailableError(
        "/dev/fuse is missing: load the kernel's module (modprobe fuse) or, in a container, give it the device "
        "(--device /dev/fuse)");
  }
  return absl::UnavailableError(std::string("/dev/fuse cannot be opened: ") + std::strerror(error) +
                                "; give this user access to it");
}

}  // namespace copse::fs
