#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "node_table.h"

namespace copse::crdt {

/// A set of directories that may hold more than was put into it, but never less, in 2 to the power of `kBits` bits.
/// Source: Bloom, CACM 13(7), 1970, "Space/time trade-offs in hash coding with allowable errors". One bit an element:
/// walks can be long, and two would fill it sooner than they tell more.
template <int kBits>
class DirectoryFilter {
 public:
  void Add(DirectoryNumber number) { words_[Bit(number) / 64] |= std::uint64_t{1} << (Bit(number) % 64); }
  bool MayHold(DirectoryNumber number) const { return ((words_[Bit(number) / 64] >> (Bit(number) % 64)) & 1) != 0; }

  /// Puts in everything.
  void Fill() { words_.fill(~std::uint64_t{0}); }

 private:
  // Knuth, "The Art of Computer Programming", volume 3, 6.4: multiplicative hashing, the numbers being consecutive.
  static std::uint64_t Bit(DirectoryNumber number) {
    return (number * std::uint64_t{0x9e37'79b9'7f4a'7c15}) >> (64 - kBits);
  }

  std::array<std::uint64_t, (std::size_t{1} << kBits) / 64> words_{};
};

}  // namespace copse::crdt
