#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "move.h"

namespace copse::crdt {

/// A set of nodes that may hold more than was put into it, but never less, in `kBits` bits, a power of two.
/// Source: Bloom, CACM 13(7), 1970, "Space/time trade-offs in hash coding with allowable errors"; two bits an element.
template <std::size_t kBits>
class NodeFilter {
 public:
  void Add(Slot node) {
    const std::uint64_t hash = HashOf(node);
    Set(hash % kBits);
    Set((hash >> 32) % kBits);
  }
  bool MayHold(Slot node) const {
    const std::uint64_t hash = HashOf(node);
    return Has(hash % kBits) && Has((hash >> 32) % kBits);
  }

 private:
  // The finalizer of MurmurHash3: the slots themselves are consecutive.
  static std::uint64_t HashOf(Slot node) {
    std::uint64_t hash = node + std::uint64_t{1};
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
    return hash ^ (hash >> 33);
  }
  void Set(std::uint64_t bit) { words_[bit / 64] |= std::uint64_t{1} << (bit % 64); }
  bool Has(std::uint64_t bit) const { return ((words_[bit / 64] >> (bit % 64)) & 1) != 0; }

  std::array<std::uint64_t, kBits / 64> words_{};
};

}  // namespace copse::crdt
