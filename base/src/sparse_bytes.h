#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace copse::base {

/// The bytes of a file in memory: pages of 4 KiB, absent where nothing was written, so that a file may be as long and
/// as sparse as on a disk. Not thread-safe.
class SparseBytes {
 public:
  static constexpr std::uint64_t kPageBytes = 4096;

  std::uint64_t size() const { return size_; }
  /// Bytes of memory held by pages.
  std::uint64_t allocated() const { return pages_.size() * kPageBytes; }
  /// By how much `allocated` would grow with a write of `length` bytes at `offset`.
  std::uint64_t GrowthOfWrite(std::uint64_t offset, std::uint64_t length) const;

  std::size_t Read(std::uint64_t offset, std::span<char> out) const;
  void Write(std::uint64_t offset, std::string_view bytes);
  void Resize(std::uint64_t size);
  /// Zeros, the size unchanged.
  void Punch(std::uint64_t offset, std::uint64_t length);
  std::optional<std::uint64_t> SeekData(std::uint64_t offset) const;

 private:
  std::map<std::uint64_t, std::string> pages_;  // By offset / kPageBytes; each kPageBytes long.
  std::uint64_t size_ = 0;
};

}  // namespace copse::base
