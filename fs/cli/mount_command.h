#pragma once

#include <string>
#include <vector>

#include "cli/mount_options.h"

namespace copse::cli {

/// What `copse mount`, and mount(8) through its helper, ask for.
struct MountCommand {
  std::string store;
  std::string directory;
  MountOptions options;
  std::vector<std::string> given;  ///< With -o; they take precedence over `options`.
  bool json = false;
  bool quiet = false;  ///< Says nothing where it succeeds.
};

/// Mounts, and returns the exit code of the process once the mount can be used; in the foreground, once it has ended.
int RunMount(const MountCommand& command);

}  // namespace copse::cli
