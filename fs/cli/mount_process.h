#pragma once

#include <string>

#include "cli/detach.h"
#include "cli/mount_options.h"
#include "cli/mount_plan.h"

namespace copse::cli {

/// Opens the store, mounts it and serves until it is unmounted or told to end by a signal (ObeyStopSignals); then makes
/// all of it durable. Reports as soon as the mount is usable (`ready` is what is said then), or why it does not become
/// so. Call it while the process has one thread. Returns the exit code of the process.
int RunMountProcess(const MountPlan& plan, const MountOptions& options, const std::string& ready, StartReport& report);

}  // namespace copse::cli
