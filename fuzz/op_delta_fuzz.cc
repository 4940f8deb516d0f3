// Any bytes: DecodeOpDelta refuses them, or they are exactly what EncodeOpDelta writes for what it read; and a document
// takes all of the ops or none.

#include <copse/crdt/byte_document.h>
#include <copse/crdt/op_delta.h>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace crdt = copse::crdt;
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  const auto delta = crdt::DecodeOpDelta(bytes);
  if (!delta.ok()) return 0;
  copse::fuzz::Require(crdt::EncodeOpDelta(*delta) == bytes);
  crdt::ByteDocument document(1);
  const bool is_taken = document.Merge(*delta).ok();
  const std::vector<crdt::Op> ops = document.OpsSince({}).ops;
  copse::fuzz::Require(is_taken ? ops.size() == delta->ops.size() : ops.empty());
  return 0;
}
