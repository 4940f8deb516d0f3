#pragma once

#include <string>
#include <string_view>

namespace copse::replica {

/// How frames are signed, and by which of a volume's keys. Keys and signatures have the lengths of Ed25519's (32 bytes
/// public, 64 secret with the public key as its second half, 64 a signature), whatever the scheme. Thread-safe.
///
/// A volume is worth what its scheme is worth: only Ed25519() keeps strangers out. Others are for simulations, which
/// sign millions of frames that nobody forges; all replicas of a volume must use the same.
class SignatureScheme {
 public:
  virtual ~SignatureScheme() = default;

  /// The signature of `message`.
  virtual std::string Sign(std::string_view secret_key, std::string_view message) const = 0;
  /// Whether `signature` is one of `message` by the owner of `public_key`; false too where a length is wrong.
  virtual bool IsSignedBy(std::string_view public_key, std::string_view message, std::string_view signature) const = 0;
};

/// RFC 8032. Lives as long as the program.
const SignatureScheme& Ed25519();

}  // namespace copse::replica
