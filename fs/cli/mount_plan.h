#pragma once

#include <absl/status/statusor.h>
#include <copse/fs/frontend.h>

#include <string>
#include <vector>

namespace copse::cli {

/// What `copse mount STORE DIR` is about to do, found out before anything is opened or changed.
struct MountPlan {
  std::string store;             ///< Canonical.
  std::string mount_point;       ///< Canonical.
  bool already_mounted = false;  ///< That store is mounted there: nothing is to be done.
  bool takes_over = false;       ///< A mount whose process is gone must be detached first.
};

/// Errors, each one line that says what to do:
///   kNotFound            no store, or no mount point
///   kUnavailable         the store is mounted elsewhere
///   kFailedPrecondition  the mount point is not a directory, not empty, has another store mounted, or lies in the
///   store
///                        or the store in it
absl::StatusOr<MountPlan> PlanMount(const std::string& store, const std::string& directory,
                                    const std::vector<fs::MountedVolume>& mounts);

}  // namespace copse::cli
