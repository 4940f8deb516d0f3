// Any bytes: DecodeOps refuses them, or they are exactly what EncodeOps writes for what it read.

#include <copse/crdt/op_codec.h>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  const auto ops = copse::crdt::DecodeOps(bytes);
  if (ops.ok()) copse::fuzz::Require(copse::crdt::EncodeOps(*ops) == bytes);
  return 0;
}
