#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace copse::base {

/// Nanoseconds since the Unix epoch; may be negative. What files show, and never what decides.
using UnixNanoseconds = std::int64_t;

/// Where time comes from. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Wall-clock time: may jump in both directions and differs between replicas. Only ever shown to people.
  virtual UnixNanoseconds Now() = 0;

  /// Time since an arbitrary moment that never runs backward: for delays and time-outs.
  virtual std::chrono::nanoseconds Monotonic() = 0;
};

/// The machine's clocks: CLOCK_REALTIME and CLOCK_MONOTONIC (clock_gettime(2)).
class SystemClock final : public Clock {
 public:
  UnixNanoseconds Now() override;
  std::chrono::nanoseconds Monotonic() override;
};

/// A clock that moves only when told. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixNanoseconds start = 1'700'000'000'000'000'000) : now_(start) {}
  UnixNanoseconds Now() override { return now_; }
  std::chrono::nanoseconds Monotonic() override { return std::chrono::nanoseconds(monotonic_); }
  /// Moves both clocks forward.
  void Advance(std::chrono::nanoseconds by) {
    now_ += by.count();
    monotonic_ += by.count();
  }

 private:
  std::atomic<UnixNanoseconds> now_;
  std::atomic<std::int64_t> monotonic_ = 0;
};

}  // namespace copse::base
