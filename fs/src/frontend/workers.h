#pragma once

#include <absl/status/status.h>
#include <pthread.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "frontend/libfuse.h"

namespace copse::fs {

/// The threads that read requests from a session and answer them: a fixed number, alive until the session ends.
class Workers {
 public:
  /// `session` must outlive the workers. `ended` is called, on the worker's thread, when one ends by itself because
  /// the kernel has closed the connection.
  Workers(fuse_session* session, std::function<void()> ended);
  /// Stops.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Errors: kResourceExhausted no more threads; those that started go on until Stop.
  absl::Status Start(unsigned count);

  /// Returns when every worker has ended. The kernel must have closed the connection, or this waits for it to do so.
  void Join();

  /// Has each worker answer the request that it is working on and end. Requests not yet read stay unread.
  void Stop();

  /// Why a worker ended, if not because the kernel closed the connection. Errors: kUnavailable.
  absl::Status failure() const;

 private:
  struct Worker {
    Workers* pool = nullptr;
    pthread_t thread{};
    fuse_buf buffer{};  ///< Owned here and not by the thread, which may be cancelled while it reads.
  };

  static void* Run(void* worker);

  fuse_session* const session_;
  const std::function<void()> ended_;
  std::atomic<int> error_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace copse::fs
