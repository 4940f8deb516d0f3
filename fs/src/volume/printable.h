#pragma once

#include <string>
#include <string_view>

namespace copse::fs {

/// `bytes` as valid UTF-8 that says exactly which bytes they are: a backslash is doubled, and each byte that belongs to
/// no valid UTF-8 sequence becomes `\xNN` (two lower-case digits). Different bytes give different text.
std::string Printable(std::string_view bytes);

}  // namespace copse::fs
