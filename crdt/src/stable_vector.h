#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace copse::crdt {

/// A vector whose elements never move in memory, so that pointers to them last and growing never copies. Indexes have
/// 32 bits.
template <typename T>
class StableVector {
 public:
  std::uint32_t size() const { return size_; }
  T& operator[](std::uint32_t index) { return blocks_[index / kBlock][index % kBlock]; }
  const T& operator[](std::uint32_t index) const { return blocks_[index / kBlock][index % kBlock]; }

  template <typename... Arguments>
  T& emplace_back(Arguments&&... arguments) {
    if (size_ % kBlock == 0) blocks_.emplace_back().reserve(kBlock);
    ++size_;
    return blocks_.back().emplace_back(std::forward<Arguments>(arguments)...);
  }

 private:
  static constexpr std::uint32_t kBlock = 256;

  std::vector<std::vector<T>> blocks_;
  std::uint32_t size_ = 0;
};

}  // namespace copse::crdt
