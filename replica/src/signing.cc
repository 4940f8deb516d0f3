#include "signing.h"

#include <copse/base/check.h>
#include <copse/replica/signature_scheme.h>
#include <sodium.h>

namespace copse::replica {
namespace {

static_assert(kSigningSeedBytes == crypto_sign_ed25519_SEEDBYTES);
static_assert(kSigningPublicBytes == crypto_sign_ed25519_PUBLICKEYBYTES);
static_assert(kSigningSecretBytes == crypto_sign_ed25519_SECRETKEYBYTES);
static_assert(kSignatureBytes == crypto_sign_ed25519_BYTES);

void InitializeSodium() {
  static const bool ready = sodium_init() >= 0;
  COPSE_CHECK(ready);
}

const unsigned char* Bytes(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* Bytes(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

class Ed25519Scheme final : public SignatureScheme {
 public:
  std::string Sign(std::string_view secret_key, std::string_view message) const override {
    return replica::Sign(secret_key, message);
  }
  bool IsSignedBy(std::string_view public_key, std::string_view message, std::string_view signature) const override {
    return replica::IsSignedBy(public_key, message, signature);
  }
};

}  // namespace

const SignatureScheme& Ed25519() {
  static const Ed25519Scheme scheme;
  return scheme;
}

SigningKeys SigningKeysOf(std::string_view seed) {
  InitializeSodium();
  COPSE_CHECK(seed.size() == kSigningSeedBytes);
  SigningKeys keys{std::string(kSigningPublicBytes, '\0'), std::string(kSigningSecretBytes, '\0')};
  COPSE_CHECK(crypto_sign_ed25519_seed_keypair(Bytes(keys.public_key), Bytes(keys.secret_key), Bytes(seed)) == 0);
  return keys;
}

std::string Sign(std::string_view secret_key, std::string_view message) {
  InitializeSodium();
  COPSE_CHECK(secret_key.size() == kSigningSecretBytes);
  std::string signature(kSignatureBytes, '\0');
  COPSE_CHECK(
      crypto_sign_ed25519_detached(Bytes(signature), nullptr, Bytes(message), message.size(), Bytes(secret_key)) == 0);
  return signature;
}

bool IsSignedBy(std::string_view public_key, std::string_view message, std::string_view signature) {
  InitializeSodium();
  return public_key.size() == kSigningPublicBytes && signature.size() == kSignatureBytes &&
         crypto_sign_ed25519_verify_detached(Bytes(signature), Bytes(message), message.size(), Bytes(public_key)) == 0;
}

}  // namespace copse::replica
