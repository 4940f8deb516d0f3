#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "frontend/cpu_latency.h"
#include "frontend/libfuse.h"

namespace copse::fs {

/// The threads that read requests from a session and answer them: a fixed number, alive until the session ends.
class Workers {
 public:
  /// `session` must outlive the workers. `ended` is called, on the worker's thread, when one ends by itself because
  /// the kernel has closed the connection. `latency_device`: see CpuLatency.
  Workers(fuse_session* session, const std::string& latency_device, std::function<void()> ended);
  /// Stops.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Errors: kResourceExhausted no more threads or descriptors; those that started go on until Stop.
  absl::Status Start(unsigned count);

  /// Returns when every worker has ended. The kernel must have closed the connection, or this waits for it to do so.
  void Join();

  /// Has each worker answer the request that it is working on and end. Requests not yet read stay unread.
  void Stop();

  /// Why a worker ended, if not because the kernel closed the connection. Errors: kUnavailable.
  absl::Status failure() const;

 private:
  using Turn = std::unique_lock<std::mutex>;

  void Run();
  /// Waits for the next request and reads it. Returns its length, 0 at the end; with the turn.
  int Receive(fuse_buf& buffer);
  /// Reads the next request if it comes soon, else returns -EAGAIN. With the turn.
  int Look(fuse_buf& buffer);
  /// Until a request may be read, or the workers are to stop. With the turn.
  void Sleep();

  fuse_session* const session_;
  const std::function<void()> ended_;
  int stop_event_ = -1;  ///< Readable from Stop on.
  std::atomic<int> error_ = 0;
  std::mutex turn_;
  int patience_ = 0;    ///< Above zero: worth looking for the next request before sleeping. With the turn.
  CpuLatency latency_;  ///< With the turn.
  std::vector<std::thread> workers_;
};

}  // namespace copse::fs
