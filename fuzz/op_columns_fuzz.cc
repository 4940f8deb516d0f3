// Any bytes: DecodeOpColumns refuses them, or what it read is written to bytes that mean the same. Read a second time
// with a right header: a fuzzer seldom changes a column and its size together.

#include <copse/crdt/bytes.h>
#include <copse/crdt/op_columns.h>

#include <algorithm>
#include <array>
#include <utility>

#include "fuzz.h"

namespace copse::fuzz {
namespace {

constexpr std::size_t kOpsMax = 1 << 14;  // More only take longer.

void Read(std::string_view bytes) {
  const auto ops = crdt::DecodeOpColumns(bytes, kOpsMax);
  if (!ops.ok()) return;
  const auto again = crdt::DecodeOpColumns(crdt::EncodeOpColumns(*ops));
  Require(again.ok() && *again == *ops);
}

/// Six bytes say how the rest is cut into columns, a seventh how many ops there are.
std::string WithHeader(std::string_view bytes) {
  constexpr std::size_t kColumns = 6;
  if (bytes.size() <= kColumns) return {};
  const std::string_view content = bytes.substr(kColumns + 1);
  std::array<std::size_t, kColumns> sizes{};
  std::size_t left = content.size();
  for (std::size_t i = 0; i < kColumns; ++i) {
    sizes[i] = i + 1 == kColumns ? left : std::min<std::size_t>(left, static_cast<unsigned char>(bytes[i]));
    left -= sizes[i];
  }
  crdt::ByteWriter whole;
  whole.Raw("cpoc");
  whole.U16(1);
  whole.Varint(static_cast<unsigned char>(bytes[kColumns]));
  for (const std::size_t size : sizes) whole.Varint(size);
  whole.Raw(content);
  std::string right = std::move(whole).Take();
  right.resize(std::max<std::size_t>(right.size(), (static_cast<unsigned char>(bytes[kColumns]) + 7u) / 8), '\0');
  return right;
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  copse::fuzz::Read(bytes);
  copse::fuzz::Read(copse::fuzz::WithHeader(bytes));
  return 0;
}
