#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace copse::crdt {

/// Where the pages of a NodeTable are, by their numbers, which are those of ids and may be any. Neighbouring numbers
/// share a leaf, so that ids which are dense, as honest ones are, are hardly ever hashed; and a number that has no
/// neighbours costs a leaf.
class PageIndex {
 public:
  static constexpr std::uint32_t kNoPage = ~std::uint32_t{0};

  /// kNoPage if none was said for `number`.
  std::uint32_t Find(std::uint64_t number) const {
    const Recent& recent = recent_[RecentOf(number / kLeaf)];
    if (recent.number == number / kLeaf) return (*recent.leaf)[number % kLeaf];
    const auto leaf = leaves_.find(number / kLeaf);
    return leaf == leaves_.end() ? kNoPage : (*leaf->second)[number % kLeaf];
  }
  /// The same, to be set where it is kNoPage.
  std::uint32_t& Of(std::uint64_t number) {
    Recent& recent = recent_[RecentOf(number / kLeaf)];
    if (recent.number != number / kLeaf) recent = {number / kLeaf, LeafOf(number / kLeaf)};
    return (*recent.leaf)[number % kLeaf];
  }

 private:
  static constexpr std::uint64_t kLeaf = 128;
  using Leaf = std::array<std::uint32_t, kLeaf>;

  // Most numbers lie in leaves that were asked for before: these are found without hashing.
  static constexpr int kRecentBits = 8;
  struct Recent {
    std::uint64_t number = ~std::uint64_t{0};
    Leaf* leaf = nullptr;
  };
  // Knuth, "The Art of Computer Programming", volume 3, 6.4: numbers of several actors are apart in their high bits.
  static std::size_t RecentOf(std::uint64_t leaf) {
    return static_cast<std::size_t>((leaf * std::uint64_t{0x9e37'79b9'7f4a'7c15}) >> (64 - kRecentBits));
  }

  Leaf* LeafOf(std::uint64_t number) {
    std::unique_ptr<Leaf>& leaf = leaves_[number];
    if (!leaf) {
      leaf = std::make_unique<Leaf>();
      leaf->fill(kNoPage);
    }
    return leaf.get();
  }

  std::array<Recent, std::size_t{1} << kRecentBits> recent_;
  absl::flat_hash_map<std::uint64_t, std::unique_ptr<Leaf>> leaves_;
};

}  // namespace copse::crdt
