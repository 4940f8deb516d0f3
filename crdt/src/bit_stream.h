#pragma once

#include <absl/status/status.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace copse::crdt {

/// Numbers of any width in a row, the first in the lowest bits of the first byte.
class BitWriter {
 public:
  /// The lowest `count` bits of `value`, which has no others; `count` is at most 56.
  void Bits(std::uint64_t value, int count) {
    pending_ |= value << used_;
    used_ += count;
    for (; used_ >= 8; used_ -= 8, pending_ >>= 8) bytes_.push_back(static_cast<char>(pending_ & 0xff));
  }

  /// Small numbers in few bits (Elias's gamma code): as many zeros as `value` has bits behind its highest, a one, those
  /// bits. `value` is from 1 to 2^48.
  void Gamma(std::uint64_t value) {
    const int low_bits = static_cast<int>(std::bit_width(value >> 1));
    Bits(std::uint64_t{1} << low_bits, low_bits + 1);
    Bits(value - (std::uint64_t{1} << low_bits), low_bits);
  }

  /// The last byte is filled up with zeros.
  std::string Take() && {
    if (used_ > 0) Bits(0, 8 - used_);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
  std::uint64_t pending_ = 0;
  int used_ = 0;
};

/// Reads what BitWriter writes, from bytes that may be hostile. After the end, and after a number that cannot be, it
/// gives numbers without meaning, and `is_damaged` says so: one look for several numbers.
class BitReader {
 public:
  /// Of `input`, from `begin` to `end`.
  BitReader(std::string_view input, std::size_t begin, std::size_t end)
      : bytes_(input.substr(0, end)), position_(begin * 8) {}

  std::uint64_t Bits(int count) {
    const std::uint64_t value = Window() & ((std::uint64_t{1} << count) - 1);
    position_ += static_cast<std::size_t>(count);
    return value;
  }

  std::uint64_t Gamma() {
    const int low_bits = std::countr_zero(Window());
    if (low_bits > kGammaLowBitsMax) {
      position_ = bytes_.size() * 8 + 1;
      return 1;
    }
    position_ += static_cast<std::size_t>(low_bits) + 1;
    return (std::uint64_t{1} << low_bits) + Bits(low_bits);
  }

  bool is_damaged() const { return position_ > bytes_.size() * 8; }
  /// Of the byte that holds the next bit.
  std::size_t offset() const { return position_ / 8 < bytes_.size() ? position_ / 8 : bytes_.size(); }

  absl::Status Error(std::string_view what) const {
    return absl::DataLossError("offset " + std::to_string(offset()) + ": expected " + std::string(what));
  }

  /// Fails unless everything was read but the zeros that fill the last byte.
  absl::Status ExpectEnd() const {
    if (bytes_.size() * 8 - position_ < 8 && (position_ % 8 == 0 || Window() == 0)) return absl::OkStatus();
    return Error("the end of the bits");
  }

 private:
  static constexpr int kGammaLowBitsMax = 48;

  // At least 57 of the next bits, lowest first; zeros behind the end.
  std::uint64_t Window() const {
    const std::size_t at = position_ / 8;
    std::uint64_t word = 0;
    if (at + sizeof(word) <= bytes_.size()) {
      std::memcpy(&word, bytes_.data() + at, sizeof(word));
      if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    } else {
      for (std::size_t i = at; i < bytes_.size(); ++i) {
        word |= std::uint64_t{static_cast<std::uint8_t>(bytes_[i])} << (8 * (i - at));
      }
    }
    return word >> (position_ % 8);
  }

  std::string_view bytes_;
  std::size_t position_;  // In bits.
};

}  // namespace copse::crdt
