#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>

#include "cli/json.h"
#include "cli/open_volume.h"

namespace copse::cli {

class Exchanging;

/// What the commands that look at a volume act on, be it in the process of the mount or in one that opened the store
/// for this command only. Results are the --json forms of docs/commands.md.
struct VolumeContext {
  OpenVolume& opened;
  std::optional<std::string> mount_point;  ///< Absent: not mounted.
  Exchanging* exchanging = nullptr;        ///< Null: not exchanging with other replicas.
  /// Told now and then how far a long command is; empty where nobody looks.
  std::function<void(const std::string& detail)> on_progress = nullptr;
};

/// Runs the command of that name: status, dump, flush, verify, conflicts, members, invite, sync, trash-list,
/// trash-restore or trash-purge. Thread-safe.
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

/// Arguments: none. Names that several entries claim, with who is called what, and why.
absl::StatusOr<Json> ListConflicts(const VolumeContext& context);

/// Arguments: none.
absl::StatusOr<Json> ListMembers(const VolumeContext& context);
/// Arguments, each optional: `role` ("writer" or "admin"), `addresses` (a list of HOST:PORT; default: where this
/// replica listens, or did last), `lifetime_s`.
absl::StatusOr<Json> Invite(const VolumeContext& context, const Json& arguments);

/// Arguments, each optional: `peers`, a list of HOST:PORT (default: those remembered), `timeout_s`. Returns when this
/// replica and each of them hold the same. Errors: kUnavailable one cannot be reached, or the time is over.
absl::StatusOr<Json> Synchronize(const VolumeContext& context, const Json& arguments);

/// Arguments: none.
absl::StatusOr<Json> ListTrash(const VolumeContext& context);
/// Arguments: `targets`, a list of strings: the node id or the path as listed (of several the newest).
/// Nothing is changed unless all are in the trash.
absl::StatusOr<Json> RestoreFromTrash(const VolumeContext& context, const Json& arguments);
/// Arguments: `targets` as above, or `all`: true.
absl::StatusOr<Json> PurgeFromTrash(const VolumeContext& context, const Json& arguments);

}  // namespace copse::cli
