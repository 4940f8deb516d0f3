#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace copse::test {

/// An access control list as acl(5) writes it in short, "u::rw-,u:1000:r--,g::r--,m::r--,o::---", in the form in which
/// extended attributes carry it. The entries stand as written; nothing is checked.
inline std::string AclValue(std::string_view text) {
  std::string bytes("\2\0\0\0", 4);
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find(','));
    text.remove_prefix(std::min(entry.size() + 1, text.size()));
    const std::size_t second_colon = entry.find(':', 2);
    const std::string_view name = entry.substr(2, second_colon - 2);
    const std::string_view rights = entry.substr(second_colon + 1);
    const char kind = entry[0];
    const int tag = kind == 'u' ? (name.empty() ? 1 : 2) : kind == 'g' ? (name.empty() ? 4 : 8) : kind == 'm' ? 16 : 32;
    int bits = 0;
    for (const char right : rights) bits |= right == 'r' ? 4 : right == 'w' ? 2 : right == 'x' ? 1 : 0;
    const std::uint32_t id = name.empty() ? UINT32_MAX : static_cast<std::uint32_t>(std::stoul(std::string(name)));
    bytes += {static_cast<char>(tag), '\0', static_cast<char>(bits), '\0'};
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>((id >> shift) & 0xff);
  }
  return bytes;
}

}  // namespace copse::test
