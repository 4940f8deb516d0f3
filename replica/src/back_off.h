#pragma once

#include <copse/base/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace copse::replica {

/// How long to wait before the next attempt: doubles with each, with a random part, so that those who lost one peer at
/// the same moment do not all return at the same moment.
class BackOff {
 public:
  BackOff(std::chrono::milliseconds min, std::chrono::milliseconds max) : min_(min), max_(max), next_(min) {}

  /// Half to all of the time that is due.
  std::chrono::nanoseconds Next(base::Random& random) {
    std::array<char, 2> bytes;
    random.Fill(bytes);
    const auto part = static_cast<std::uint8_t>(bytes[0]) * 256 + static_cast<std::uint8_t>(bytes[1]);
    const std::chrono::nanoseconds due = next_;
    next_ = std::min(2 * next_, max_);
    return due / 2 + due / 2 * part / 65535;
  }
  void Reset() { next_ = min_; }

 private:
  std::chrono::milliseconds min_;
  std::chrono::milliseconds max_;
  std::chrono::milliseconds next_;
};

}  // namespace copse::replica
