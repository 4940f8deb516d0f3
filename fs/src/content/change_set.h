#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>

namespace copse::fs {

enum class RangeKind : std::uint8_t { kData = 1, kHole = 2 };

/// How contents differ from what they were at some moment: the ranges written or punched since, and how many bytes at
/// the beginning still show through elsewhere (`limit`: the lowest size since). Beyond the limit, what is in no range
/// is a hole. Ranges are disjoint, and neighbours of one kind are one range. A value type.
///
/// The same type says what is new since the base, since the last publication, and since the last Persist.
class ChangeSet {
 public:
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;  ///< Exclusive.
    RangeKind kind = RangeKind::kData;
  };
  struct Tail {
    std::uint64_t end = 0;
    RangeKind kind = RangeKind::kData;
    friend bool operator==(const Tail&, const Tail&) = default;
  };
  using Ranges = std::map<std::uint64_t, Tail>;  ///< By begin.

  explicit ChangeSet(std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) : limit_(limit) {}

  /// Makes [begin, end), not empty, a range of `kind`. Returns whether that changed anything.
  bool Set(std::uint64_t begin, std::uint64_t end, RangeKind kind);
  /// The contents were cut to `size`: what lies beyond is gone for good.
  void Cut(std::uint64_t size);
  /// Does on top what `later` did.
  void Apply(const ChangeSet& later);

  /// The range that contains `offset`, or else the first after it.
  std::optional<Range> FirstFrom(std::uint64_t offset) const;

  const Ranges& ranges() const { return ranges_; }
  std::uint64_t limit() const { return limit_; }
  std::uint64_t data_bytes() const { return data_bytes_; }
  /// Bytes below the limit that are in no range. The limit must be finite.
  std::uint64_t shown_bytes() const { return limit_ - covered_bytes_; }

 private:
  void Erase(std::uint64_t begin, std::uint64_t end);
  /// Keeps the sums right: `sign` is 1 for a range that comes, -1 for one that goes.
  void Count(const Range& range, int sign);

  Ranges ranges_;
  std::uint64_t limit_;
  std::uint64_t data_bytes_ = 0;
  std::uint64_t covered_bytes_ = 0;  // Below the limit.
};

}  // namespace copse::fs
