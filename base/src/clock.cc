#include <copse/base/clock.h>
#include <time.h>

namespace copse::base {
namespace {

std::int64_t Read(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);  // Cannot fail for these two clocks.
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

UnixNanoseconds SystemClock::Now() { return Read(CLOCK_REALTIME); }

std::chrono::nanoseconds SystemClock::Monotonic() { return std::chrono::nanoseconds(Read(CLOCK_MONOTONIC)); }

}  // namespace copse::base
