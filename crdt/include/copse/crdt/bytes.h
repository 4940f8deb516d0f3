#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace copse::crdt {

/// Builds the bytes of a format. Fixed integers are little-endian; varints are LEB128, at most 10 bytes.
class ByteWriter {
 public:
  void U8(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void U16(std::uint16_t value);
  void U32(std::uint32_t value);
  void U64(std::uint64_t value);
  void Varint(std::uint64_t value);
  /// Small magnitudes of either sign in few bytes (zigzag).
  void SignedVarint(std::int64_t value);
  void Raw(std::string_view bytes) { bytes_.append(bytes); }
  /// A varint length, then the bytes.
  void LengthPrefixed(std::string_view bytes);

  std::size_t size() const { return bytes_.size(); }
  const std::string& bytes() const { return bytes_; }
  std::string Take() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what ByteWriter writes, from bytes that may be hostile. Errors are kDataLoss and name the offset and what was
/// expected; after one, the position is unspecified. Views point into the input.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<std::uint8_t> U8();
  absl::StatusOr<std::uint16_t> U16();
  absl::StatusOr<std::uint32_t> U32();
  absl::StatusOr<std::uint64_t> U64();
  /// Refuses encodings longer than needed, so that a value has one encoding.
  absl::StatusOr<std::uint64_t> Varint();
  absl::StatusOr<std::int64_t> SignedVarint();
  absl::StatusOr<std::string_view> Raw(std::size_t count);
  absl::StatusOr<std::string_view> LengthPrefixed();
  /// Fails unless everything was read.
  absl::Status ExpectEnd() const;
  /// kDataLoss "offset N: expected `what`".
  absl::Status Error(std::string_view what) const;

  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return bytes_.size() - offset_; }

 private:
  std::string_view bytes_;
  std::size_t offset_ = 0;
};

}  // namespace copse::crdt
