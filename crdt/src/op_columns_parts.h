#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/bytes.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "bit_stream.h"
#include "op_columns_format.h"

namespace copse::crdt::columns {

// The parts that the reader of op columns is made of. Errors are kDataLoss with the offset and what was expected.

/// Where each column begins and ends.
struct Layout {
  enum Column { kShapes, kReferences, kExceptions, kLengths, kFields, kNames, kColumns };

  std::size_t count = 0;
  std::array<std::size_t, kColumns + 1> bounds{};  // Of column i: from i to i + 1.
};

/// Looks at everything that stands around the columns. Errors: also kResourceExhausted for more than `ops_max` ops.
absl::StatusOr<Layout> ReadLayout(std::string_view input, std::size_t ops_max);

/// The shapes of ops, one after another.
class ShapeReader {
 public:
  explicit ShapeReader(BitReader bits) : bits_(bits) {}

  absl::StatusOr<Shape> Next() {
    if (!foreseen_) foreseen_ = bits_.Gamma() - 1;
    Shape shape = 0;
    if (*foreseen_ > 0) {
      --*foreseen_;
      shape = forecast_.Expected();
    } else {
      foreseen_.reset();
      auto surprise = Surprise();
      if (!surprise.ok()) return surprise;
      shape = *surprise;
    }
    forecast_.Saw(shape);
    return shape;
  }

  absl::Status ExpectEnd() const;

 private:
  absl::StatusOr<Shape> Surprise();

  BitReader bits_;
  ShapeForecast forecast_;
  RecentShapes recent_;
  std::optional<std::uint64_t> foreseen_;  // Of those that come now; nothing where the next number is read.
};

/// The lengths of names, one after another.
class LengthReader {
 public:
  explicit LengthReader(ByteReader bytes) : bytes_(bytes) {}

  absl::StatusOr<std::uint64_t> Next() {
    if (again_ == 0) return Another();
    --again_;
    return length_;
  }

  absl::Status ExpectEnd() const;

 private:
  absl::StatusOr<std::uint64_t> Another();

  ByteReader bytes_;
  std::uint64_t length_ = 0;
  std::uint64_t again_ = 0;
};

}  // namespace copse::crdt::columns
