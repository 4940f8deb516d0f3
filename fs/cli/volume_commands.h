#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>

#include "cli/json.h"
#include "cli/open_volume.h"

namespace copse::cli {

/// What the commands that look at a volume act on, be it in the process of the mount or in one that opened the store
/// for this command only. Results are the --json forms of docs/commands.md.
struct VolumeContext {
  OpenVolume& opened;
  std::optional<std::string> mount_point;  ///< Absent: not mounted.
};

/// Runs the command of that name: status, dump, flush, verify, trash-list, trash-restore or trash-purge. Thread-safe.
/// Errors: kInvalidArgument no such command, or its arguments make no sense; those of the command.
absl::StatusOr<Json> RunVolumeCommand(const VolumeContext& context, const std::string& command, const Json& arguments);

/// Arguments: none. The sizes are in bytes.
absl::StatusOr<Json> Status(const VolumeContext& context);

/// Arguments: none. Result: the text of the dump, a JSON string.
absl::StatusOr<Json> Dump(const VolumeContext& context);

/// Arguments: none. All that was written is durable when it returns.
absl::StatusOr<Json> Flush(const VolumeContext& context);

/// Arguments: none. A result with a non-empty list `problems` says that the store is damaged.
absl::StatusOr<Json> Verify(const VolumeContext& context);

/// Arguments: none.
absl::StatusOr<Json> ListTrash(const VolumeContext& context);
/// Arguments: `targets`, a list of strings: the node id or the path as listed (of several the newest).
/// Nothing is changed unless all are in the trash.
absl::StatusOr<Json> RestoreFromTrash(const VolumeContext& context, const Json& arguments);
/// Arguments: `targets` as above, or `all`: true.
absl::StatusOr<Json> PurgeFromTrash(const VolumeContext& context, const Json& arguments);

}  // namespace copse::cli
