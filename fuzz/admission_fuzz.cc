// What an inviter answers: refused, or an admission that is written and read as the same again.

#include "admission_codec.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto admission = copse::replica::DecodeAdmission(copse::fuzz::Bytes(data, size));
  if (!admission.ok()) return 0;
  const std::string bytes = EncodeAdmission(*admission);
  const auto again = copse::replica::DecodeAdmission(bytes);
  copse::fuzz::Require(again.ok() && EncodeAdmission(*again) == bytes);
  return 0;
}
