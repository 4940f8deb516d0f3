#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace copse::fs {

/// The type under which the kernel lists our mounts.
inline constexpr std::string_view kFileSystemType = "fuse.copse";

/// One line of /proc/self/mountinfo (proc(5)).
struct MountLine {
  dev_t device = 0;  ///< st_dev of everything in it.
  std::string mount_point;
  std::string type;
  std::string source;
};

/// The mounts that this process sees, in the kernel's order: of two at one place the later hides the earlier.
/// Errors: kUnavailable /proc is not mounted.
absl::StatusOr<std::vector<MountLine>> ReadMountTable();

/// One line of it; nothing if it is malformed.
std::optional<MountLine> ParseMountLine(std::string_view line);

/// What is seen at `mount_point` (exact spelling), if something is mounted there.
std::optional<MountLine> MountAt(const std::vector<MountLine>& mounts, std::string_view mount_point);

}  // namespace copse::fs
