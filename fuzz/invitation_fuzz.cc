// What a person pastes: refused, or an invitation that is written and read as the same again. A fuzzer guesses no check
// bytes, so each input is also read as what they stand behind.

#include <copse/base/hash.h>
#include <copse/replica/invitation.h>
#include <sodium.h>

#include <string>

#include "fuzz.h"

namespace {

void Check(std::string_view text) {
  const auto invitation = copse::replica::DecodeInvitation(text);
  if (!invitation.ok()) return;
  const auto again = copse::replica::DecodeInvitation(copse::replica::EncodeInvitation(*invitation));
  copse::fuzz::Require(again.ok() && *again == *invitation);
}

std::string WithCheckBytes(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  const copse::base::Hash hash = copse::base::Sha256(bytes);
  const std::string all = std::string(bytes) + std::string(copse::base::AsBytes(hash).substr(0, 4));
  std::string text(sodium_base64_ENCODED_LEN(all.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(all.data()), all.size(), kVariant);
  return "copse1-" + text.substr(0, text.find('\0'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  Check(bytes);
  Check(WithCheckBytes(bytes));
  return 0;
}
