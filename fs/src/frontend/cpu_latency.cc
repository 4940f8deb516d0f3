#include "frontend/cpu_latency.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

namespace copse::fs {

CpuLatency::CpuLatency(const std::string& device)
    : device_(device.empty() ? -1 : open(device.c_str(), O_WRONLY | O_CLOEXEC)) {}

CpuLatency::~CpuLatency() {
  if (device_ >= 0) close(device_);
}

void CpuLatency::OnRequest(TimePoint now) {
  if (++requests_ < kManyRequests) return;
  Ask(now - since_ <= kManyWithin);
  requests_ = 0;
  since_ = now;
}

void CpuLatency::OnSilence() { Ask(false); }

void CpuLatency::Ask(bool keep_awake) {
  if (device_ < 0 || keep_awake == is_holding_) return;
  // In microseconds; the greater is what the kernel takes for no wish at all (PM_QOS_CPU_LATENCY_DEFAULT_VALUE).
  const std::int32_t latency = keep_awake ? 0 : 2'000'000'000;
  if (write(device_, &latency, sizeof latency) == sizeof latency) is_holding_ = keep_awake;
}

}  // namespace copse::fs
