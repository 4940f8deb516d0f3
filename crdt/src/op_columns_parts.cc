#include "op_columns_parts.h"

#include <algorithm>
#include <string>

#include "status_macros.h"

namespace copse::crdt::columns {

absl::StatusOr<Layout> ReadLayout(std::string_view input, std::size_t ops_max) {
  ByteReader bytes(input);
  CRDT_ASSIGN_OR_RETURN(const std::string_view magic, bytes.Raw(kMagic.size()));
  if (magic != kMagic) return bytes.Error("the magic of op columns before here");
  CRDT_ASSIGN_OR_RETURN(const std::uint16_t format, bytes.U16());
  if (format != kFormat) return bytes.Error("format " + std::to_string(kFormat) + " before here");
  Layout layout;
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t count, bytes.Varint());
  if (count / kOpsPerByteMax > input.size()) {
    return bytes.Error("at most 8 ops for each of " + std::to_string(input.size()) + " bytes before here, not " +
                       std::to_string(count));
  }
  if (count > ops_max) {
    return absl::ResourceExhaustedError("offset " + std::to_string(bytes.offset()) + ": expected at most " +
                                        std::to_string(ops_max) + " ops before here, not " + std::to_string(count));
  }
  layout.count = static_cast<std::size_t>(count);
  std::uint64_t end = 0;
  for (std::size_t column = 0; column < Layout::kColumns; ++column) {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t size, bytes.Varint());
    if (size > input.size() - end) return bytes.Error("columns as long as the input before here");
    end += size;
    layout.bounds[column + 1] = static_cast<std::size_t>(end);
  }
  if (end > bytes.remaining()) return bytes.Error("columns of " + std::to_string(end) + " bytes");
  for (std::size_t& bound : layout.bounds) bound += bytes.offset();

  // Nothing stands behind the columns but what makes up for ops that take less than their share.
  ByteReader padding = bytes;
  CRDT_RETURN_IF_ERROR(padding.Raw(end).status());
  const std::size_t share = (layout.count + kOpsPerByteMax - 1) / kOpsPerByteMax;
  if (input.size() != std::max(padding.offset(), share)) return padding.Error("the end, or a byte for each 8 ops");
  while (padding.remaining() > 0) {
    CRDT_ASSIGN_OR_RETURN(const std::uint8_t zero, padding.U8());
    if (zero != 0) return padding.Error("a zero before here");
  }
  return layout;
}

absl::StatusOr<Shape> ShapeReader::Surprise() {
  const std::uint64_t rank = bits_.Gamma() - 1;
  if (bits_.is_damaged() || rank > recent_.size()) return bits_.Error("a shape before here");
  if (rank < recent_.size()) return recent_.ToFront(static_cast<std::size_t>(rank));
  const auto shape = static_cast<Shape>(bits_.Bits(kShapeBits));
  if (bits_.is_damaged() || GuardOf(shape) == Guard::kRefused || recent_.RankOf(shape) < recent_.size()) {
    return bits_.Error("a new shape before here");
  }
  recent_.AddToFront(shape);
  return shape;
}

absl::Status ShapeReader::ExpectEnd() const {
  if (foreseen_.value_or(0) > 0) return bits_.Error("no more shapes than ops before here");
  return bits_.ExpectEnd();
}

absl::StatusOr<std::uint64_t> LengthReader::Another() {
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t coded, bytes_.Varint());
  length_ = coded / 2;
  if (coded % 2 != 0) {
    CRDT_ASSIGN_OR_RETURN(again_, bytes_.Varint());
    if (++again_ == 0) return bytes_.Error("a number of lengths before here");
  }
  return length_;
}

absl::Status LengthReader::ExpectEnd() const {
  return again_ > 0 ? bytes_.Error("no more lengths than names before here") : bytes_.ExpectEnd();
}

}  // namespace copse::crdt::columns
