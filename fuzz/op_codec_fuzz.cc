// Any bytes: DecodeOps refuses them, or they are exactly what EncodeOps writes for what it read.

#include <copse/crdt/op_codec.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto ops = copse::crdt::DecodeOps(bytes);
  if (ops.ok() && copse::crdt::EncodeOps(*ops) != bytes) std::abort();
  return 0;
}
