#include <copse/base/hash.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <boost/crc.hpp>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace copse::base {
namespace {

// OpenSSL 3 looks an algorithm up by name on each use of EVP_sha256(), which costs more than hashing a short message.
const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

// HMAC() looks both algorithms up on each call, which costs several times what it computes.
EVP_MAC_CTX* NewHmacContext() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
  EVP_MAC_CTX* const context = EVP_MAC_CTX_new(algorithm);
  if (context == nullptr || EVP_MAC_CTX_set_params(context, parameters) != 1) std::abort();
  return context;
}

std::uint32_t ReverseBits(std::uint32_t value) {
  std::uint32_t reversed = 0;
  for (int bit = 0; bit < 32; ++bit) reversed |= ((value >> bit) & 1U) << (31 - bit);
  return reversed;
}

std::uint32_t Crc32cByTable(std::string_view bytes, std::uint32_t seed) {
  // The checksum is the register bit-reversed and inverted; Boost takes the register as it is.
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc(ReverseBits(~seed));
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

#if defined(__x86_64__)
// Some gigabytes a second, where the table makes some hundred megabytes: a snapshot is checked while someone waits.
__attribute__((target("sse4.2"))) std::uint32_t Crc32cByInstruction(std::string_view bytes, std::uint32_t seed) {
  std::uint64_t crc = ~seed;
  for (; bytes.size() >= sizeof(std::uint64_t); bytes.remove_prefix(sizeof(std::uint64_t))) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    crc = _mm_crc32_u64(crc, word);
  }
  auto rest = static_cast<std::uint32_t>(crc);
  for (const char byte : bytes) rest = _mm_crc32_u8(rest, static_cast<unsigned char>(byte));
  return ~rest;
}
#endif

}  // namespace

Hash Sha256(std::string_view bytes) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  Hash hash;
  if (EVP_DigestInit_ex(context.get(), Sha256Algorithm(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) != 1) {
    std::abort();  // Only out of memory, or an OpenSSL without SHA-256.
  }
  return hash;
}

Hash HmacSha256(std::string_view key, std::string_view bytes) {
  // Many messages have the key of the one before, and preparing a key takes as long as a short message does. A prepared
  // context holds as much as the key, so keeping that gives nothing more away.
  struct Prepared {
    std::unique_ptr<EVP_MAC_CTX, FreeContext> context{NewHmacContext()};
    std::optional<std::string> key;
  };
  thread_local Prepared prepared;
  EVP_MAC_CTX* const context = prepared.context.get();
  const bool is_prepared = prepared.key && *prepared.key == key;
  // Without a pointer the key of the call before is used.
  const auto* unsigned_key =
      is_prepared ? nullptr : reinterpret_cast<const unsigned char*>(key.empty() ? "" : key.data());
  if (!is_prepared) prepared.key = key;
  const auto* unsigned_bytes = reinterpret_cast<const unsigned char*>(bytes.data());
  Hash hash;
  std::size_t length = 0;
  if (EVP_MAC_init(context, unsigned_key, is_prepared ? 0 : key.size(), nullptr) != 1 ||
      EVP_MAC_update(context, unsigned_bytes, bytes.size()) != 1 ||
      EVP_MAC_final(context, hash.data(), &length, hash.size()) != 1 || length != hash.size()) {
    std::abort();  // Only out of memory.
  }
  return hash;
}

std::uint32_t Crc32c(std::string_view bytes, std::uint32_t seed) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return Crc32cByInstruction(bytes, seed);
#endif
  return Crc32cByTable(bytes, seed);
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    hex.push_back(kDigits[value >> 4]);
    hex.push_back(kDigits[value & 15]);
  }
  return hex;
}

}  // namespace copse::base
