#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace copse::fuzz {

inline std::string_view Bytes(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the program, which is how a target says that it found something.
inline void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace copse::fuzz
