#pragma once

#include <absl/status/statusor.h>
#include <copse/fs/frontend.h>

#include <optional>
#include <string>
#include <vector>

namespace copse::cli {

/// Where a PATH of the command line leads.
struct Location {
  std::string store;                       ///< Absolute, without symbolic links.
  std::optional<std::string> mount_point;  ///< Where the store is mounted, if PATH is inside that mount.
};

/// `path` made absolute, without symbolic links, "." and "..". The last part need not answer (a mount whose process is
/// gone or hangs). Errors: kNotFound, kPermissionDenied; kUnavailable it is inside a mount whose process is gone.
absl::StatusOr<std::string> Canonical(const std::string& path);

/// Whether `path` is `directory` or lies in it; both canonical.
bool IsWithin(const std::string& path, const std::string& directory);

/// The mount that shows the canonical `path`: of those that contain it the innermost, of equal ones the topmost.
const fs::MountedVolume* MountOf(const std::vector<fs::MountedVolume>& mounts, const std::string& path);

/// Finds the store that `path` means: a store, or anything inside one of `mounts`.
/// Errors: kNotFound it is neither; kUnavailable the process of the mount is gone; each says what to do.
absl::StatusOr<Location> Locate(const std::string& path, const std::vector<fs::MountedVolume>& mounts);

}  // namespace copse::cli
