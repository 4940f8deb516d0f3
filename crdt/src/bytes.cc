#include <copse/crdt/bytes.h>

namespace copse::crdt {
namespace {

constexpr std::size_t kVarintBytesMax = 10;

template <typename Integer>
void PutLittleEndian(std::string& bytes, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i) bytes.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

template <typename Integer>
Integer GetLittleEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    value |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
  }
  return static_cast<Integer>(value);
}

}  // namespace

void ByteWriter::U16(std::uint16_t value) { PutLittleEndian(bytes_, value); }
void ByteWriter::U32(std::uint32_t value) { PutLittleEndian(bytes_, value); }
void ByteWriter::U64(std::uint64_t value) { PutLittleEndian(bytes_, value); }

void ByteWriter::Varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) U8(static_cast<std::uint8_t>(value | 0x80));
  U8(static_cast<std::uint8_t>(value));
}

void ByteWriter::SignedVarint(std::int64_t value) {
  const std::uint64_t sign = value < 0 ? ~std::uint64_t{0} : 0;
  Varint((static_cast<std::uint64_t>(value) << 1) ^ sign);
}

void ByteWriter::LengthPrefixed(std::string_view bytes) {
  Varint(bytes.size());
  Raw(bytes);
}

absl::Status ByteReader::Error(std::string_view what) const {
  return absl::DataLossError("offset " + std::to_string(offset_) + ": expected " + std::string(what));
}

absl::StatusOr<std::string_view> ByteReader::Raw(std::size_t count) {
  if (count > remaining()) {
    return Error(std::to_string(count) + " bytes, there are " + std::to_string(remaining()));
  }
  const std::string_view raw = bytes_.substr(offset_, count);
  offset_ += count;
  return raw;
}

absl::StatusOr<std::uint8_t> ByteReader::U8() {
  const auto raw = Raw(sizeof(std::uint8_t));
  if (!raw.ok()) return raw.status();
  return GetLittleEndian<std::uint8_t>(*raw);
}

absl::StatusOr<std::uint16_t> ByteReader::U16() {
  const auto raw = Raw(sizeof(std::uint16_t));
  if (!raw.ok()) return raw.status();
  return GetLittleEndian<std::uint16_t>(*raw);
}

absl::StatusOr<std::uint32_t> ByteReader::U32() {
  const auto raw = Raw(sizeof(std::uint32_t));
  if (!raw.ok()) return raw.status();
  return GetLittleEndian<std::uint32_t>(*raw);
}

absl::StatusOr<std::uint64_t> ByteReader::U64() {
  const auto raw = Raw(sizeof(std::uint64_t));
  if (!raw.ok()) return raw.status();
  return GetLittleEndian<std::uint64_t>(*raw);
}

absl::StatusOr<std::uint64_t> ByteReader::Varint() {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kVarintBytesMax && i < remaining(); ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes_[offset_ + i]);
    const bool last = byte < 0x80;
    if (i + 1 == kVarintBytesMax && byte > 1) return Error("a varint of at most 64 bits");
    if (last && byte == 0 && i > 0) return Error("a varint in its shortest form");
    value |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if (last) {
      offset_ += i + 1;
      return value;
    }
  }
  return Error("a whole varint");
}

absl::StatusOr<std::int64_t> ByteReader::SignedVarint() {
  const auto coded = Varint();
  if (!coded.ok()) return coded.status();
  const std::uint64_t sign = (*coded & 1) != 0 ? ~std::uint64_t{0} : 0;
  return static_cast<std::int64_t>((*coded >> 1) ^ sign);
}

absl::StatusOr<std::string_view> ByteReader::LengthPrefixed() {
  const auto length = Varint();
  if (!length.ok()) return length.status();
  if (*length > remaining()) {
    return Error(std::to_string(*length) + " bytes, there are " + std::to_string(remaining()));
  }
  return Raw(static_cast<std::size_t>(*length));
}

absl::Status ByteReader::ExpectEnd() const { return remaining() == 0 ? absl::OkStatus() : Error("the end"); }

}  // namespace copse::crdt
