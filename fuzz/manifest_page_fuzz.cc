// Any bytes: DecodePage refuses them, or they are exactly what EncodePage writes for what it read. The first 9 bytes
// are the level and length that the page is expected to have.

#include <copse/crdt/bytes.h>

#include "content/manifest_page.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  copse::crdt::ByteReader reader(copse::fuzz::Bytes(data, size));
  const auto level = reader.U8();
  const auto length = reader.U64();
  if (!level.ok() || !length.ok()) return 0;
  const std::string_view bytes = reader.Raw(reader.remaining()).value();
  const auto entries = copse::fs::DecodePage(bytes, *level, *length);
  if (entries.ok()) copse::fuzz::Require(copse::fs::EncodePage(*level, *entries) == bytes);
  return 0;
}
