#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace copse::crdt {

/// A vector whose elements never move in memory, so that pointers to them last and growing never copies: at most one
/// block of memory is in reserve. Indexes have 32 bits. Elements begin as `T()`.
template <typename T>
class StableVector {
 public:
  std::uint32_t size() const { return size_; }
  T& operator[](std::uint32_t index) { return blocks_[index / kBlock][index % kBlock]; }
  const T& operator[](std::uint32_t index) const { return blocks_[index / kBlock][index % kBlock]; }

  /// Adds an element, and returns it.
  T& Grow() {
    if (size_ == blocks_.size() * kBlock) AddBlock();
    return (*this)[size_++];
  }

  /// Takes `elements`, fewer than 2^32, for its own instead of those that it has. They stay where they are, and
  /// `owner` keeps them there.
  void Adopt(std::span<T> elements, std::shared_ptr<const void> owner) {
    *this = StableVector();
    owner_ = std::move(owner);
    const std::size_t whole = elements.size() / kBlock * kBlock;
    for (std::size_t at = 0; at < whole; at += kBlock) blocks_.push_back(&elements[at]);
    size_ = static_cast<std::uint32_t>(whole);
    for (const T& element : elements.subspan(whole)) Grow() = element;
  }

  /// Calls `visit(std::span<const T>)` for all elements in order, many at a time.
  template <typename Visit>
  void ForEachBlock(const Visit& visit) const {
    for (std::uint32_t at = 0; at < size_; at += kBlock) {
      visit(std::span<const T>(blocks_[at / kBlock], std::min(kBlock, size_ - at)));
    }
  }

 private:
  static constexpr std::uint32_t kBlock = 256;

  void AddBlock() {
    owned_.push_back(std::make_unique<T[]>(kBlock));
    blocks_.push_back(owned_.back().get());
  }

  std::vector<T*> blocks_;
  std::vector<std::unique_ptr<T[]>> owned_;
  std::shared_ptr<const void> owner_;
  std::uint32_t size_ = 0;
};

}  // namespace copse::crdt
