#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace copse::base {

using Hash = std::array<std::uint8_t, 32>;

/// SHA-256 (FIPS 180-4).
Hash Sha256(std::string_view bytes);

/// HMAC-SHA-256 (RFC 2104).
Hash HmacSha256(std::string_view key, std::string_view bytes);

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4), of `bytes` after what gave `seed`.
std::uint32_t Crc32c(std::string_view bytes, std::uint32_t seed = 0);

/// Lower-case hexadecimal.
std::string Hex(std::string_view bytes);

/// The bytes of a hash, or of another id that is an array.
inline std::string_view AsBytes(std::span<const std::uint8_t> id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

}  // namespace copse::base
