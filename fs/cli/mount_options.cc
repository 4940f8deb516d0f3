#include "cli/mount_options.h"

#include <absl/status/statusor.h>
#include <copse/base/status_macros.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

namespace copse::cli {
namespace {

/// libfuse's own complaint about an option that it does not know is of no help, so what it knows is listed here.
bool IsForFuse(std::string_view option) {
  static const std::set<std::string_view> known = {"allow_other",  "allow_root", "auto_unmount", "default_permissions",
                                                   "suid",         "nosuid",     "dev",          "nodev",
                                                   "exec",         "noexec",     "sync",         "async",
                                                   "dirsync",      "noatime",    "nodiratime",   "norelatime",
                                                   "nostrictatime"};
  return known.count(option) != 0 || option.starts_with("max_read=");
}

/// Of fstab(5), for mount(8), systemd and file managers; and the kernel's defaults, which mount(8) may spell out.
bool IsForOthers(std::string_view option) {
  static const std::set<std::string_view> known = {"",      "auto",  "noauto",   "user",    "nouser", "users",
                                                   "owner", "group", "defaults", "_netdev", "nofail", "relatime"};
  return known.count(option) != 0 || option.starts_with("user=") || option.starts_with("comment=") ||
         option.starts_with("x-") || option.starts_with("X-");
}

std::optional<std::uint32_t> Id(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  // The largest is (uid_t)-1, which chown(2) takes for "leave it".
  if (error != std::errc() || end != text.data() + text.size() || id == UINT32_MAX) return std::nullopt;
  return id;
}

/// The value of NAME= in `option`, if it is that.
std::optional<std::string_view> ValueOf(std::string_view option, std::string_view name) {
  if (!option.starts_with(name)) return std::nullopt;
  return option.substr(name.size());
}

absl::StatusOr<fs::OwnerMap> SquashOf(std::string_view value) {
  const std::optional<std::uint32_t> id = Id(value);
  if (!id.has_value()) return absl::InvalidArgumentError("takes the number of a user or group");
  return fs::OwnerMap::Squash(*id);
}

/// STORED/SHOWN[:STORED/SHOWN]...
absl::StatusOr<fs::OwnerMap> MapOf(std::string_view value) {
  std::vector<fs::OwnerMap::Pair> pairs;
  for (bool more = true; more;) {
    const std::string_view pair = value.substr(0, value.find(':'));
    more = pair.size() < value.size();
    value.remove_prefix(std::min(pair.size() + 1, value.size()));
    const std::size_t slash = pair.find('/');
    const std::optional<std::uint32_t> stored = Id(pair.substr(0, slash));
    const std::optional<std::uint32_t> shown = slash == pair.npos ? std::nullopt : Id(pair.substr(slash + 1));
    if (!stored.has_value() || !shown.has_value()) {
      return absl::InvalidArgumentError("takes pairs of numbers, STORED/SHOWN[:STORED/SHOWN]...");
    }
    pairs.push_back({*stored, *shown});
  }
  return fs::OwnerMap::FromPairs(pairs);
}

/// The users' or the groups' map, which one option alone may set.
class OwnerOption {
 public:
  OwnerOption(std::string_view kind, fs::OwnerMap& map)
      : squash_("squash_" + std::string(kind) + "="), map_("map_" + std::string(kind) + "="), target_(map) {}

  absl::StatusOr<bool> Takes(std::string_view option) {
    absl::StatusOr<fs::OwnerMap> made;
    if (const auto id = ValueOf(option, squash_)) {
      made = SquashOf(*id);
    } else if (const auto pairs = ValueOf(option, map_)) {
      made = MapOf(*pairs);
    } else {
      return false;
    }
    COPSE_RETURN_IF_ERROR(made.status());
    if (is_set_) return absl::InvalidArgumentError("give only one " + squash_ + " or " + map_);
    is_set_ = true;
    target_ = *std::move(made);
    return true;
  }

 private:
  const std::string squash_;
  const std::string map_;
  fs::OwnerMap& target_;
  bool is_set_ = false;
};

}  // namespace

absl::Status TakeMountOptions(const std::vector<std::string>& given, MountOptions& options) {
  OwnerOption users("uid", options.owners.users);
  OwnerOption groups("gid", options.owners.groups);
  for (const std::string& option : given) {
    if (option == "ro" || option == "rw") {
      options.read_only = option == "ro";
    } else if (option == "offline") {
      options.offline = true;
    } else if (option == "keep_awake" || option == "nokeep_awake") {
      options.keep_awake = option == "keep_awake";
    } else if (option == "passthrough" || option == "nopassthrough") {
      options.passthrough = option == "passthrough";
    } else if (const auto address = ValueOf(option, "listen=")) {
      options.listen.emplace_back(*address);
    } else if (const auto peer = ValueOf(option, "peer=")) {
      options.peers.emplace_back(*peer);
    } else if (IsForFuse(option)) {
      options.fuse_options.push_back(option);
    } else if (!IsForOthers(option)) {
      absl::StatusOr<bool> taken = users.Takes(option);
      if (taken.ok() && !*taken) taken = groups.Takes(option);
      if (taken.ok() && !*taken) {
        taken = absl::InvalidArgumentError("no such option; mount.fuse.copse(8) lists them");
      }
      if (!taken.ok()) return absl::InvalidArgumentError("-o " + option + ": " + std::string(taken.status().message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace copse::cli
