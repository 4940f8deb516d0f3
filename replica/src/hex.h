#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace copse::replica {

/// Reads lower-case hex of exactly `count` bytes into `out`; false where it is not that.
bool FromHex(std::string_view hex, std::size_t count, std::string& out);

}  // namespace copse::replica
