#pragma once

#include <absl/status/status.h>
#include <copse/fs/owner_map.h>

#include <optional>
#include <string>
#include <vector>

namespace copse::cli {

/// How a volume is mounted.
struct MountOptions {
  bool read_only = false;
  bool foreground = false;  ///< Logs to stderr too.
  int verbosity = 0;        ///< 0 errors, 1 what happens, 2 everything.
  std::vector<std::string> fuse_options;
  fs::OwnerMaps owners;
  bool offline = false;             ///< Exchanges nothing with other replicas.
  std::vector<std::string> listen;  ///< HOST:PORT each, besides those remembered.
  std::vector<std::string> peers;   ///< The same.
  /// fs::Frontend::Options::keep_awake, as asked for; if nothing was, on machines with few processors.
  std::optional<bool> keep_awake;
  bool passthrough = false;  ///< fs::Frontend::Options::passthrough.
};

/// Puts what was given with -o, one option each, into `options`: our own, those of FUSE, and those that fstab(5) has
/// for mount(8) and its like, which mean nothing here. mount.fuse.copse(8) describes them. Errors: kInvalidArgument an
/// option that none of these is, or whose value makes no sense; one line that names it.
absl::Status TakeMountOptions(const std::vector<std::string>& given, MountOptions& options);

}  // namespace copse::cli
