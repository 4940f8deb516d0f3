#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>

namespace copse::fs {

/// The mount point in the kernel's spelling (realpath(3)), if a volume can be mounted there.
/// Errors, one line each that says what to do: kNotFound it does not exist; kFailedPrecondition it is not a directory,
/// not empty, or something is mounted there; kInvalidArgument it is not absolute.
absl::StatusOr<std::string> CheckMountPoint(const std::string& mount_point);

/// Whether this process can talk to the kernel's FUSE. Errors: kUnavailable.
absl::Status CheckFuseDevice();

}  // namespace copse::fs
