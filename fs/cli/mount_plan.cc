#include "cli/mount_plan.h"

#include <copse/base/status_macros.h>

#include <filesystem>
#include <system_error>

#include "cli/locate.h"

namespace copse::cli {
namespace {

absl::StatusOr<std::string> FindStore(const std::string& store) {
  absl::StatusOr<std::string> canonical = Canonical(store);
  if (absl::IsNotFound(canonical.status())) {
    return absl::NotFoundError(store + ": no store there; make one with `copse init " + store + "`");
  }
  COPSE_RETURN_IF_ERROR(canonical.status());
  std::error_code error;
  const bool is_store = std::filesystem::exists(*canonical + "/format", error);
  if (error == std::errc::permission_denied) {
    return absl::PermissionDeniedError(store + ": permission denied; run copse as the user who owns the store");
  }
  if (!is_store) return absl::NotFoundError(store + ": not a store; make one with `copse init` in an empty directory");
  return canonical;
}

absl::Status CheckMountPoint(const std::string& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    return absl::FailedPreconditionError(directory + ": not a directory; name an empty directory to mount at");
  }
  if (std::filesystem::is_empty(directory, error) || error) return absl::OkStatus();
  return absl::FailedPreconditionError(directory + ": not empty; name an empty directory to mount at");
}

}  // namespace

absl::StatusOr<MountPlan> PlanMount(const std::string& store, const std::string& directory,
                                    const std::vector<fs::MountedVolume>& mounts) {
  MountPlan plan;
  COPSE_ASSIGN_OR_RETURN(plan.store, FindStore(store));
  absl::StatusOr<std::string> mount_point = Canonical(directory);
  if (absl::IsNotFound(mount_point.status())) {
    return absl::NotFoundError(directory + ": no such directory; make it with `mkdir " + directory + "`");
  }
  COPSE_RETURN_IF_ERROR(mount_point.status());
  plan.mount_point = std::move(*mount_point);

  const fs::MountedVolume* there = MountOf(mounts, plan.mount_point);
  if (there != nullptr && there->mount_point == plan.mount_point) {
    plan.takes_over = fs::IsDeadMount(plan.mount_point);
    plan.already_mounted = !plan.takes_over && there->source == plan.store;
    if (plan.already_mounted) return plan;
    if (!plan.takes_over) {
      return absl::FailedPreconditionError(plan.mount_point + ": " + there->source +
                                           " is mounted there; unmount it with `copse umount " + plan.mount_point +
                                           "`");
    }
  }
  if (IsWithin(plan.mount_point, plan.store) || IsWithin(plan.store, plan.mount_point)) {
    return absl::FailedPreconditionError(plan.mount_point +
                                         ": a store and its mount point must not lie in each other; "
                                         "name another directory");
  }
  for (const fs::MountedVolume& mount : mounts) {
    if (mount.source != plan.store || mount.mount_point == plan.mount_point || fs::IsDeadMount(mount.mount_point)) {
      continue;
    }
    return absl::UnavailableError(plan.store + ": mounted at " + mount.mount_point +
                                  " already; use that, or `copse umount " + mount.mount_point + "` first");
  }
  if (!plan.takes_over) COPSE_RETURN_IF_ERROR(CheckMountPoint(plan.mount_point));
  return plan;
}

}  // namespace copse::cli
