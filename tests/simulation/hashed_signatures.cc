#include "simulation/hashed_signatures.h"

#include <copse/base/hash.h>

#include <string>

namespace copse::simulation {
namespace {

constexpr std::size_t kKeyBytes = 32;

class Scheme final : public replica::SignatureScheme {
 public:
  std::string Sign(std::string_view secret_key, std::string_view message) const override {
    return SignatureOf(secret_key.substr(kKeyBytes), message);
  }
  bool IsSignedBy(std::string_view public_key, std::string_view message, std::string_view signature) const override {
    return public_key.size() == kKeyBytes && SignatureOf(public_key, message) == signature;
  }

 private:
  static std::string SignatureOf(std::string_view public_key, std::string_view message) {
    std::string signed_bytes(public_key);
    signed_bytes += message;
    const base::Hash hash = base::Sha256(signed_bytes);
    // As long as an Ed25519 signature.
    return std::string(base::AsBytes(hash)) + std::string(base::AsBytes(hash));
  }
};

}  // namespace

const replica::SignatureScheme& HashedSignatures() {
  static const Scheme scheme;
  return scheme;
}

}  // namespace copse::simulation
