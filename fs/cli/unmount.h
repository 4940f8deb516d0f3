#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "cli/json.h"

namespace copse::cli {

/// Unmounts what is mounted at `directory`, and returns once all that was written there is durable and the process has
/// let go of the store. Removes the mount of a process that is gone.
/// Errors: kNotFound nothing of ours is mounted there; kFailedPrecondition it is in use; kUnavailable the process does
/// not answer; those of Volume::Flush.
absl::StatusOr<Json> UnmountDirectory(const std::string& directory);

}  // namespace copse::cli
