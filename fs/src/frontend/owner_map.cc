#include <copse/fs/error.h>
#include <copse/fs/owner_map.h>

#include <string>

namespace copse::fs {

OwnerMap OwnerMap::Squash(std::uint32_t id) {
  OwnerMap map;
  map.squashed_ = id;
  return map;
}

absl::StatusOr<OwnerMap> OwnerMap::FromPairs(const std::vector<Pair>& pairs) {
  OwnerMap map;
  for (const Pair& pair : pairs) {
    for (const auto& [id, is_new] : {std::pair{pair.stored, map.shown_of_.emplace(pair.stored, pair.shown).second},
                                     std::pair{pair.shown, map.stored_of_.emplace(pair.shown, pair.stored).second}}) {
      if (!is_new) {
        return absl::InvalidArgumentError("id " + std::to_string(id) + " is on the same side of two pairs");
      }
    }
  }
  return map;
}

std::uint32_t OwnerMap::Shown(std::uint32_t stored) const {
  if (squashed_.has_value()) return *squashed_;
  const auto found = shown_of_.find(stored);
  if (found != shown_of_.end()) return found->second;
  return stored_of_.count(stored) != 0 ? kNobody : stored;
}

absl::StatusOr<std::uint32_t> OwnerMap::StoredForNew(std::uint32_t shown) const {
  if (squashed_.has_value()) return *squashed_;
  const auto found = stored_of_.find(shown);
  if (found != stored_of_.end()) return found->second;
  if (shown_of_.count(shown) == 0) return shown;
  return PosixError(std::errc::value_too_large, "id " + std::to_string(shown) + " is not shown by this mount");
}

absl::StatusOr<std::optional<std::uint32_t>> OwnerMap::StoredForChange(std::uint32_t shown) const {
  if (!squashed_.has_value()) return StoredForNew(shown);
  if (shown == *squashed_) return std::nullopt;
  return PosixError(std::errc::operation_not_permitted, "this mount shows one owner only");
}

}  // namespace copse::fs
