#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// POSIX access control lists (acl(5)): rights for users and groups beside the nine bits of a mode.
///
/// Three entries of a list say what the mode says: the owner's, the others', and the mask or, without one, that of the
/// owning group. A list is always shown with these three as the mode has them, so that the two cannot disagree, on
/// whatever replica each was changed last.
namespace copse::fs::acl {

inline constexpr std::string_view kAccessXattr = "system.posix_acl_access";
inline constexpr std::string_view kDefaultXattr = "system.posix_acl_default";

inline bool IsXattr(std::string_view name) { return name == kAccessXattr || name == kDefaultXattr; }

/// The tags of <linux/posix_acl.h>; of each, entries stand in this order.
enum class Tag : std::uint16_t { kOwner = 1, kUser = 2, kGroup = 4, kNamedGroup = 8, kMask = 16, kOthers = 32 };

struct Entry {
  Tag tag = Tag::kOwner;
  std::uint16_t rights = 0;  ///< rwx in the low three bits.
  std::uint32_t id = 0;      ///< Of named users and groups.

  friend bool operator==(const Entry&, const Entry&) = default;
};

using List = std::vector<Entry>;

/// The value of an extended attribute (<linux/posix_acl_xattr.h>). Nothing for bytes that are no valid list: owner,
/// owning group and others once each, a mask where anybody is named.
std::optional<List> Decode(std::string_view bytes);
/// Whether `bytes` are a list without entries, which setxattr(2) takes for none at all.
bool IsEmptyValue(std::string_view bytes);
std::string Encode(const List& list);

/// The nine bits that the list stands for.
std::uint32_t ModeOf(const List& list);
/// Whether the mode says all that the list does.
bool IsMinimal(const List& list);
/// `list` with the entries that a mode has as `mode` has them.
List WithMode(List list, std::uint32_t mode);

/// What something made with `mode` in a directory with the default list `list` gets for access: nobody gets more than
/// either of the two gives.
List Inherited(List list, std::uint32_t mode);

}  // namespace copse::fs::acl
