#include "cli/locate.h"

#include <copse/base/status_macros.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

namespace copse::cli {
namespace {

absl::Status StatusOfErrno(const std::string& path, int error) {
  const std::string message = path + ": " + std::strerror(error);
  switch (error) {
    case EACCES:
      return absl::PermissionDeniedError(message);
    case ENOTCONN:
      return absl::UnavailableError(path +
                                    ": the process of this mount is gone; run `copse mount STORE DIR` again, with "
                                    "the same store and directory");
    default:
      return absl::NotFoundError(message);
  }
}

absl::StatusOr<std::string> RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (real == nullptr) return StatusOfErrno(path, errno);
  return std::string(real.get());
}

/// The directory and the name of what `path` names; a trailing '/' does not count.
std::filesystem::path WithoutTrailingSlash(const std::string& path) {
  std::filesystem::path normal(path);
  return normal.has_filename() ? normal : normal.parent_path();
}

}  // namespace

absl::StatusOr<std::string> Canonical(const std::string& path) {
  absl::StatusOr<std::string> real = RealPath(path);
  if (!absl::IsUnavailable(real.status())) return real;
  // The path goes through a mount whose process is gone. Its mount point itself can still be named: by way of its
  // parent, which does not ask that process.
  const std::filesystem::path named = WithoutTrailingSlash(path);
  const std::string name = named.filename();
  if (name.empty() || name == "." || name == "..") return real;
  const absl::StatusOr<std::string> parent = RealPath(named.has_parent_path() ? named.parent_path().string() : ".");
  if (!parent.ok()) return real.status();
  return *parent == "/" ? "/" + name : *parent + "/" + name;
}

bool IsWithin(const std::string& path, const std::string& directory) {
  if (directory == "/") return true;
  return path.compare(0, directory.size(), directory) == 0 &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

const fs::MountedVolume* MountOf(const std::vector<fs::MountedVolume>& mounts, const std::string& path) {
  const fs::MountedVolume* innermost = nullptr;
  for (const fs::MountedVolume& mount : mounts) {
    if (!IsWithin(path, mount.mount_point)) continue;
    if (innermost == nullptr || mount.mount_point.size() >= innermost->mount_point.size()) innermost = &mount;
  }
  return innermost;
}

absl::StatusOr<Location> Locate(const std::string& path, const std::vector<fs::MountedVolume>& mounts) {
  COPSE_ASSIGN_OR_RETURN(const std::string canonical, Canonical(path));
  if (const fs::MountedVolume* mount = MountOf(mounts, canonical)) return Location{mount->source, mount->mount_point};
  struct stat found;
  if (::stat((canonical + "/format").c_str(), &found) == 0) return Location{canonical, std::nullopt};
  if (errno == EACCES)
    return absl::PermissionDeniedError(path + ": permission denied; run copse as the user who owns it");
  return absl::NotFoundError(path + ": neither a store nor inside a mount; `copse init STORE` makes a store");
}

}  // namespace copse::cli
