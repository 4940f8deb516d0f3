#include "cli/ask.h"

#include <copse/base/asio_network.h>
#include <copse/base/status_macros.h>
#include <copse/fs/frontend.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/control_client.h"
#include "cli/locate.h"
#include "cli/open_volume.h"
#include "cli/progress.h"
#include "cli/volume_commands.h"

namespace copse::cli {
namespace {

absl::StatusOr<std::unique_ptr<OpenVolume>> OpenHere(const std::string& store, Progress& progress) {
  OpenVolume::Options options;
  options.on_progress = [&](std::uint64_t ops) { progress.Update(std::to_string(ops) + " changes replayed"); };
  absl::StatusOr<std::unique_ptr<OpenVolume>> opened = OpenVolume::Open(store, options);
  if (!absl::IsUnavailable(opened.status())) return opened;
  return absl::UnavailableError(store +
                                ": another process has this store open and does not answer; wait until it has ended, "
                                "or end it, and try again");
}

absl::StatusOr<Json> AskHere(const std::string& store, const std::string& command, const Json& arguments) {
  Progress progress(command + " " + store);
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<OpenVolume> opened, OpenHere(store, progress));
  progress.Update("");
  COPSE_ASSIGN_OR_RETURN(Json result, RunVolumeCommand({*opened, std::nullopt, nullptr,
                                                        [&](const std::string& detail) { progress.Update(detail); }},
                                                       command, arguments));
  COPSE_RETURN_IF_ERROR(opened->volume().Flush());
  return result;
}

}  // namespace

std::string ControlEndpoint(const std::string& store) { return "unix:" + store + "/control"; }

absl::StatusOr<Json> Ask(const std::string& path, const std::string& command, const Json& arguments) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<fs::MountedVolume> mounts, fs::ListMounts());
  COPSE_ASSIGN_OR_RETURN(const Location location, Locate(path, mounts));
  base::AsioNetwork network;
  absl::StatusOr<std::unique_ptr<ControlClient>> client =
      ControlClient::Connect(network, ControlEndpoint(location.store));
  if (client.ok()) {
    Progress progress(command + " " + path);
    return (*client)->Call(command, arguments);
  }
  if (!absl::IsUnavailable(client.status())) return client.status();
  if (location.mount_point && fs::IsDeadMount(*location.mount_point)) {
    return absl::UnavailableError(*location.mount_point + ": the process of this mount is gone; run `copse mount " +
                                  location.store + " " + *location.mount_point + "` again");
  }
  return AskHere(location.store, command, arguments);
}

}  // namespace copse::cli
