// Any bytes: DecodeManifest refuses them, or they are exactly what EncodeManifest writes for what it read.

#include <copse/fs/content.h>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  const auto manifest = copse::fs::DecodeManifest(bytes);
  if (manifest.ok()) copse::fuzz::Require(copse::fs::EncodeManifest(*manifest) == bytes);
  return 0;
}
