#pragma once

#include <chrono>
#include <string>

namespace copse::fs {

/// Keeps idle processors from going to sleep while requests come fast, if this process may: a caller whose processor
/// sleeps while it waits for the answer is woken by an interrupt, which takes longer than answering, and in a virtual
/// machine by far. A processor that is kept awake looks for work all the time, so this ends with the requests.
///
/// It is the CPU latency request of Linux (Documentation/power/pm_qos_interface.rst): the kernel forgets it when the
/// process ends. Not thread-safe.
class CpuLatency {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr char kDevice[] = "/dev/cpu_dma_latency";
  /// Requests come fast when so many came within that time.
  static constexpr int kManyRequests = 32;
  static constexpr std::chrono::milliseconds kManyWithin{8};
  static constexpr std::chrono::milliseconds kSilence{10};

  /// Without `device`, or where it cannot be opened (it is root's), nothing is kept awake.
  explicit CpuLatency(const std::string& device);
  ~CpuLatency();
  CpuLatency(const CpuLatency&) = delete;
  CpuLatency& operator=(const CpuLatency&) = delete;

  bool is_holding() const { return is_holding_; }
  void OnRequest(TimePoint now);
  /// For kSilence no request came.
  void OnSilence();

 private:
  void Ask(bool keep_awake);

  int device_ = -1;
  bool is_holding_ = false;
  int requests_ = 0;  ///< Since `since_`.
  TimePoint since_{};
};

}  // namespace copse::fs
