#include "sealing.h"

#include <copse/base/check.h>
#include <openssl/evp.h>

#include <limits>
#include <memory>

namespace copse::replica {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

EVP_CIPHER_CTX* Context() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(EVP_CIPHER_CTX_new());
  return context.get();
}

const EVP_CIPHER* Cipher() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

constexpr unsigned char kZeroNonce[12] = {};

const unsigned char* Bytes(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* Bytes(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

}  // namespace

void Seal(const base::Hash& key, std::string_view plain, std::string& out) {
  COPSE_CHECK(plain.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  const std::size_t begin = out.size();
  out.resize(begin + plain.size() + kSealTagBytes);
  EVP_CIPHER_CTX* const context = Context();
  int written = 0;
  int last = 0;
  COPSE_CHECK(EVP_EncryptInit_ex2(context, Cipher(), key.data(), kZeroNonce, nullptr) == 1);
  COPSE_CHECK(EVP_EncryptUpdate(context, Bytes(&out[begin]), &written, Bytes(plain), static_cast<int>(plain.size())) ==
              1);
  COPSE_CHECK(EVP_EncryptFinal_ex(context, Bytes(&out[begin] + written), &last) == 1);
  COPSE_CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kSealTagBytes, &out[begin + plain.size()]) == 1);
}

absl::StatusOr<std::string> Unseal(const base::Hash& key, std::string_view sealed) {
  if (sealed.size() < kSealTagBytes ||
      sealed.size() - kSealTagBytes > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return absl::DataLossError("sealed bytes have an impossible length");
  }
  const std::string_view body = sealed.substr(0, sealed.size() - kSealTagBytes);
  std::string tag(sealed.substr(body.size()));
  std::string plain(body.size(), '\0');
  EVP_CIPHER_CTX* const context = Context();
  int written = 0;
  int last = 0;
  COPSE_CHECK(EVP_DecryptInit_ex2(context, Cipher(), key.data(), kZeroNonce, nullptr) == 1);
  COPSE_CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kSealTagBytes, tag.data()) == 1);
  if (EVP_DecryptUpdate(context, Bytes(plain.data()), &written, Bytes(body), static_cast<int>(body.size())) != 1 ||
      EVP_DecryptFinal_ex(context, Bytes(plain.data() + written), &last) != 1) {
    return absl::DataLossError("sealed bytes do not match their tag");
  }
  return plain;
}

}  // namespace copse::replica
