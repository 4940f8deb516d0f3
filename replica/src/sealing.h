#pragma once

#include <absl/status/statusor.h>
#include <copse/base/hash.h>

#include <string>
#include <string_view>

namespace copse::replica {

/// What sealing adds to the length: the authentication tag.
inline constexpr std::size_t kSealTagBytes = 16;

/// Appends to `out` the AES-256-GCM ciphertext of `plain` and then its tag (NIST SP 800-38D); no associated data.
/// The nonce is all zeros: `key` must never meet a second plaintext, so it is derived from a fresh salt (frames) or
/// from the plaintext's own hash (chunks).
void Seal(const base::Hash& key, std::string_view plain, std::string& out);

/// The inverse. Errors: kDataLoss the tag does not match: other bytes or another key.
absl::StatusOr<std::string> Unseal(const base::Hash& key, std::string_view sealed);

}  // namespace copse::replica
