#include "volume/acl.h"

#include <algorithm>

namespace copse::fs::acl {
namespace {

constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kEntryBytes = 8;
constexpr std::uint32_t kNoId = UINT32_MAX;  // Of entries that name nobody.
constexpr std::uint32_t kRights = 7;

template <typename Integer>
Integer ReadLittleEndian(std::string_view bytes) {
  Integer value = 0;
  for (std::size_t i = sizeof(Integer); i > 0; --i) {
    value = static_cast<Integer>((value << 8) | static_cast<std::uint8_t>(bytes[i - 1]));
  }
  return value;
}

template <typename Integer>
void AppendLittleEndian(std::string& bytes, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xff);
}

bool NamesSomebody(const Entry& entry) { return entry.tag == Tag::kUser || entry.tag == Tag::kNamedGroup; }

// Where the mode has the rights of an entry, as the number of bits below them; nothing for the others.
std::optional<unsigned> ShiftOf(const Entry& entry, bool has_mask) {
  switch (entry.tag) {
    case Tag::kOwner:
      return 6;
    case Tag::kMask:
      return 3;
    case Tag::kGroup:
      return has_mask ? std::nullopt : std::optional(3u);
    case Tag::kOthers:
      return 0;
    default:
      return std::nullopt;
  }
}

bool HasMask(const List& list) {
  return std::any_of(list.begin(), list.end(), [](const Entry& entry) { return entry.tag == Tag::kMask; });
}

std::optional<Tag> TagOf(std::uint16_t number) {
  for (const Tag tag : {Tag::kOwner, Tag::kUser, Tag::kGroup, Tag::kNamedGroup, Tag::kMask, Tag::kOthers}) {
    if (number == static_cast<std::uint16_t>(tag)) return tag;
  }
  return std::nullopt;
}

bool IsValid(const List& list) {
  const auto count = [&](Tag tag) {
    return std::count_if(list.begin(), list.end(), [&](const Entry& entry) { return entry.tag == tag; });
  };
  const bool is_ordered =
      std::is_sorted(list.begin(), list.end(), [](const Entry& a, const Entry& b) { return a.tag < b.tag; });
  const bool names_somebody = std::any_of(list.begin(), list.end(), NamesSomebody);
  return is_ordered && count(Tag::kOwner) == 1 && count(Tag::kGroup) == 1 && count(Tag::kOthers) == 1 &&
         count(Tag::kMask) <= 1 && (!names_somebody || count(Tag::kMask) == 1);
}

}  // namespace

std::optional<List> Decode(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || (bytes.size() - kHeaderBytes) % kEntryBytes != 0) return std::nullopt;
  if (ReadLittleEndian<std::uint32_t>(bytes) != kVersion) return std::nullopt;
  List list;
  for (bytes.remove_prefix(kHeaderBytes); !bytes.empty(); bytes.remove_prefix(kEntryBytes)) {
    const auto tag = TagOf(ReadLittleEndian<std::uint16_t>(bytes));
    const auto rights = ReadLittleEndian<std::uint16_t>(bytes.substr(2));
    if (!tag || rights > kRights) return std::nullopt;
    Entry entry{*tag, rights, 0};
    if (NamesSomebody(entry)) entry.id = ReadLittleEndian<std::uint32_t>(bytes.substr(4));
    list.push_back(entry);
  }
  return IsValid(list) ? std::optional(std::move(list)) : std::nullopt;
}

bool IsEmptyValue(std::string_view bytes) {
  return bytes.size() == kHeaderBytes && ReadLittleEndian<std::uint32_t>(bytes) == kVersion;
}

std::string Encode(const List& list) {
  std::string bytes;
  AppendLittleEndian(bytes, kVersion);
  for (const Entry& entry : list) {
    AppendLittleEndian(bytes, static_cast<std::uint16_t>(entry.tag));
    AppendLittleEndian(bytes, entry.rights);
    AppendLittleEndian(bytes, NamesSomebody(entry) ? entry.id : kNoId);
  }
  return bytes;
}

std::uint32_t ModeOf(const List& list) {
  std::uint32_t mode = 0;
  const bool has_mask = HasMask(list);
  for (const Entry& entry : list) {
    if (const auto shift = ShiftOf(entry, has_mask)) mode |= std::uint32_t{entry.rights} << *shift;
  }
  return mode;
}

bool IsMinimal(const List& list) { return list.size() == 3; }

List WithMode(List list, std::uint32_t mode) {
  const bool has_mask = HasMask(list);
  for (Entry& entry : list) {
    if (const auto shift = ShiftOf(entry, has_mask)) entry.rights = (mode >> *shift) & kRights;
  }
  return list;
}

List Inherited(List list, std::uint32_t mode) {
  const std::uint32_t given = ModeOf(list);
  return WithMode(std::move(list), given & mode);
}

}  // namespace copse::fs::acl
