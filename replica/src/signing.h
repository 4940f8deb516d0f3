#pragma once

#include <string>
#include <string_view>

namespace copse::replica {

inline constexpr std::size_t kSigningSeedBytes = 32;
inline constexpr std::size_t kSigningPublicBytes = 32;
inline constexpr std::size_t kSigningSecretBytes = 64;
inline constexpr std::size_t kSignatureBytes = 64;

/// Ed25519 keys (RFC 8032); the secret in libsodium's form, seed then public key.
struct SigningKeys {
  std::string public_key;
  std::string secret_key;
};

/// The keys that belong to `seed`, which has kSigningSeedBytes.
SigningKeys SigningKeysOf(std::string_view seed);

/// The kSignatureBytes of `message`. The key's length must be right.
std::string Sign(std::string_view secret_key, std::string_view message);

/// Whether `signature` is one of `message` by the owner of `public_key`; false too where a length is wrong.
bool IsSignedBy(std::string_view public_key, std::string_view message, std::string_view signature);

}  // namespace copse::replica
