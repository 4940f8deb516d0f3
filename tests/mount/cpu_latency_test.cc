#include "frontend/cpu_latency.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "support/temporary_directory.h"

namespace copse::fs {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// What the kernel is asked for, with a file in its place.
class CpuLatencyTest : public testing::Test {
 protected:
  static constexpr std::int32_t kNone = 0;
  static constexpr std::int32_t kAny = 2'000'000'000;

  CpuLatencyTest() { std::ofstream(device()).flush(); }

  std::string device() const { return directory_.path() / "cpu_dma_latency"; }
  /// In microseconds, in the order in which it was asked for.
  std::vector<std::int32_t> Asked() const {
    std::ifstream file(device(), std::ios::binary);
    std::vector<std::int32_t> asked;
    for (std::int32_t one; file.read(reinterpret_cast<char*>(&one), sizeof one);) asked.push_back(one);
    return asked;
  }
  void Requests(CpuLatency& latency, int count, microseconds apart) {
    for (int i = 0; i < count; ++i) latency.OnRequest(now_ += apart);
  }

 private:
  test::TemporaryDirectory directory_;
  CpuLatency::TimePoint now_{std::chrono::hours(1)};
};

TEST_F(CpuLatencyTest, ManyRequestsInAShortTimeKeepProcessorsAwake) {
  CpuLatency latency(device());
  Requests(latency, 2 * CpuLatency::kManyRequests, microseconds(20));
  EXPECT_TRUE(latency.is_holding());
  Requests(latency, 10'000, microseconds(20));
  EXPECT_EQ(Asked(), std::vector{kNone}) << "the kernel is asked once";
}

TEST_F(CpuLatencyTest, FewRequestsDoNot) {
  CpuLatency latency(device());
  Requests(latency, 1000, milliseconds(1));
  EXPECT_TRUE(Asked().empty());
}

TEST_F(CpuLatencyTest, ProcessorsMaySleepOnceRequestsComeSlowly) {
  CpuLatency latency(device());
  Requests(latency, 2 * CpuLatency::kManyRequests, microseconds(20));
  Requests(latency, CpuLatency::kManyRequests, milliseconds(1));
  EXPECT_FALSE(latency.is_holding());
  EXPECT_EQ(Asked(), (std::vector{kNone, kAny}));
}

TEST_F(CpuLatencyTest, ProcessorsMaySleepInSilence) {
  CpuLatency latency(device());
  Requests(latency, 2 * CpuLatency::kManyRequests, microseconds(20));
  latency.OnSilence();
  EXPECT_FALSE(latency.is_holding());
  EXPECT_EQ(Asked(), (std::vector{kNone, kAny}));
}

TEST_F(CpuLatencyTest, WhoMayNotAskAsksForNothing) {
  for (const std::string& none : {std::string(), device() + "/missing"}) {
    CpuLatency latency(none);
    Requests(latency, 10'000, microseconds(20));
    EXPECT_FALSE(latency.is_holding());
  }
}

}  // namespace
}  // namespace copse::fs
