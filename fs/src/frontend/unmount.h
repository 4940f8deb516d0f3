#pragma once

#include <absl/status/status.h>

#include <string>

namespace copse::fs {

/// Takes what is mounted at `mount_point` out of the tree of files, at once and though in use where `lazy`: with
/// umount2(2) as root, else through fusermount3(1).
/// Errors: kFailedPrecondition in use, or nothing is mounted there; kPermissionDenied; kUnavailable no fusermount3.
absl::Status DetachMount(const std::string& mount_point, bool lazy);

}  // namespace copse::fs
