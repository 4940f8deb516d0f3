#pragma once

#include <absl/status/status.h>

#include <string>
#include <system_error>

namespace copse::fs {

/// A status that stands for one POSIX error (errno(3)), with a message for people. Inside the layer errors travel as
/// these; they become numbers at the edge to the kernel only.
absl::Status PosixError(std::errc condition, std::string message);

/// The POSIX error of `status`: the one given to PosixError or, for a status from another layer, the nearest:
/// kResourceExhausted ENOSPC, kFailedPrecondition EROFS, kPermissionDenied EACCES, kInvalidArgument EINVAL,
/// anything else EIO. `status` must not be OK.
std::errc PosixErrorOf(const absl::Status& status);

}  // namespace copse::fs
