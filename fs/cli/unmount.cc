#include "cli/unmount.h"

#include <copse/base/asio_network.h>
#include <copse/base/posix_storage.h>
#include <copse/base/status_macros.h>
#include <copse/fs/frontend.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "cli/ask.h"
#include "cli/control_client.h"
#include "cli/locate.h"
#include "cli/progress.h"

namespace copse::cli {
namespace {

constexpr std::chrono::seconds kEndMax{60};
constexpr std::chrono::milliseconds kLockPause{5};

absl::StatusOr<fs::MountedVolume> FindMount(const std::string& directory) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<fs::MountedVolume> mounts, fs::ListMounts());
  COPSE_ASSIGN_OR_RETURN(const std::string canonical, Canonical(directory));
  const fs::MountedVolume* mount = MountOf(mounts, canonical);
  if (mount == nullptr) return absl::NotFoundError(directory + ": copse has nothing mounted there; nothing to unmount");
  if (mount->mount_point != canonical) {
    return absl::NotFoundError(directory + ": not a mount point, but inside one; run `copse umount " +
                               mount->mount_point + "`");
  }
  return *mount;
}

/// Waits until nobody holds the store's lock, at most until `give_up`.
bool LockComesFree(const std::string& store, std::chrono::steady_clock::time_point give_up) {
  base::PosixStorage storage;
  while (absl::IsUnavailable(storage.Lock(store + "/lock").status())) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(kLockPause);
  }
  return true;
}

absl::StatusOr<Json> RemoveDeadMount(const fs::MountedVolume& mount) {
  COPSE_RETURN_IF_ERROR(fs::Unmount(mount.mount_point, true));
  return Json{{"store", mount.source}, {"mount_point", mount.mount_point}, {"process_was_gone", true}};
}

}  // namespace

absl::StatusOr<Json> UnmountDirectory(const std::string& directory) {
  COPSE_ASSIGN_OR_RETURN(const fs::MountedVolume mount, FindMount(directory));
  if (fs::IsDeadMount(mount.mount_point)) return RemoveDeadMount(mount);
  base::AsioNetwork network;
  absl::StatusOr<std::unique_ptr<ControlClient>> client =
      ControlClient::Connect(network, ControlEndpoint(mount.source));
  if (absl::IsUnavailable(client.status())) {
    return absl::UnavailableError(mount.mount_point +
                                  ": the process of this mount does not answer; end it with SIGTERM, then try again");
  }
  COPSE_RETURN_IF_ERROR(client.status());
  const Progress progress("writing what is not yet on the disk");
  COPSE_ASSIGN_OR_RETURN(Json result, (*client)->Call("unmount", Json::object()));
  const auto give_up = std::chrono::steady_clock::now() + kEndMax;
  if (!(*client)->WaitForClose(kEndMax) || !LockComesFree(mount.source, give_up)) {
    return absl::UnavailableError(mount.source +
                                  ": unmounted, and all is on the disk, but the process does not end; see " +
                                  mount.source + "/log");
  }
  return result;
}

}  // namespace copse::cli
