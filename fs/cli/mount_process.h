#pragma once

#include <string>
#include <vector>

#include "cli/detach.h"
#include "cli/mount_plan.h"

namespace copse::cli {

struct MountOptions {
  bool read_only = false;
  bool foreground = false;  ///< Logs to stderr too.
  int verbosity = 0;        ///< 0 errors, 1 what happens, 2 everything.
  std::vector<std::string> fuse_options;
  bool offline = false;             ///< Exchanges nothing with other replicas.
  std::vector<std::string> listen;  ///< HOST:PORT each, besides those remembered.
  std::vector<std::string> peers;   ///< The same.
};

/// Opens the store, mounts it and serves until it is unmounted or told to end by SIGTERM or SIGINT; then makes all of
/// it durable. Reports as soon as the mount is usable (`ready` is what is said then), or why it does not become so.
/// Call it while the process has one thread. Returns the exit code of the process.
int RunMountProcess(const MountPlan& plan, const MountOptions& options, const std::string& ready, StartReport& report);

}  // namespace copse::cli
