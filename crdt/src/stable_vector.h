#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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
    if (size_ == blocks_.size() * kBlock) blocks_.push_back(std::make_unique<T[]>(kBlock));
    return (*this)[size_++];
  }

 private:
  static constexpr std::uint32_t kBlock = 256;

  std::vector<std::unique_ptr<T[]>> blocks_;
  std::uint32_t size_ = 0;
};

}  // namespace copse::crdt
