#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace copse::fs {

/// How one mount shows the owners that a volume holds, and what it stores for the owners that programs name. Users have
/// one, groups another. A value; reading it is thread-safe.
///
/// Like an idmapped mount (mount_setattr(2)): whatever is shown as an id is stored for it, so nobody can make what
/// would show as somebody else's.
class OwnerMap {
 public:
  struct Pair {
    std::uint32_t stored = 0;  ///< In the volume, the same on every replica.
    std::uint32_t shown = 0;   ///< By this mount.
  };
  /// What an owner without a place here is shown as: the kernel's overflow id, "nobody".
  static constexpr std::uint32_t kNobody = 65534;

  /// Shows each id as it is.
  OwnerMap() = default;
  /// Shows everything as owned by `id`, and makes `id` the owner of whatever is made.
  static OwnerMap Squash(std::uint32_t id);
  /// Shows the `stored` of each pair as its `shown`, and other ids as they are. Errors: kInvalidArgument an id is on
  /// the same side of two pairs.
  static absl::StatusOr<OwnerMap> FromPairs(const std::vector<Pair>& pairs);

  /// kNobody where `stored` is in no pair, and its number is taken by the shown id of one. Cost: logarithmic.
  std::uint32_t Shown(std::uint32_t stored) const;
  /// What is stored as the owner of something new that `shown` makes. Errors: EOVERFLOW nothing is shown as `shown`.
  absl::StatusOr<std::uint32_t> StoredForNew(std::uint32_t shown) const;
  /// What chown(2) to `shown` stores; none where all is as asked already.
  /// Errors: EOVERFLOW nothing is shown as `shown`; EPERM everything is shown as somebody else's.
  absl::StatusOr<std::optional<std::uint32_t>> StoredForChange(std::uint32_t shown) const;

 private:
  std::optional<std::uint32_t> squashed_;
  std::map<std::uint32_t, std::uint32_t> shown_of_;
  std::map<std::uint32_t, std::uint32_t> stored_of_;
};

/// The two maps of a mount.
struct OwnerMaps {
  OwnerMap users;
  OwnerMap groups;
};

}  // namespace copse::fs
