// libfuse's own loop (fuse_session_loop_mt) can only be ended from outside by a signal that happens to interrupt its
// semaphore, or by an unmount, which fails while a program has a file open. So the loop is ours: each worker is
// cancellable exactly while it waits for the next request, as libfuse's own workers are. Cancellation cannot tear a
// request apart, since a worker is not cancellable from the moment in which it has one until it has answered it.
//
// The number of workers is fixed: starting and ending threads with the load costs more than a thread that waits.

#include "frontend/workers.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

namespace copse::fs {

Workers::Workers(fuse_session* session, std::function<void()> ended) : session_(session), ended_(std::move(ended)) {}

Workers::~Workers() { Stop(); }

absl::Status Workers::Start(unsigned count) {
  // Signals are for the program's own threads: a handler must not run in the middle of a request.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  for (unsigned i = 0; i < count && error == 0; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->pool = this;
    error = pthread_create(&worker->thread, nullptr, &Workers::Run, worker.get());
    if (error == 0) workers_.push_back(std::move(worker));
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(std::string("cannot start a thread to serve the mount: ") + std::strerror(error));
}

void Workers::Join() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    pthread_join(worker->thread, nullptr);
    std::free(worker->buffer.mem);  // libfuse allocates it with malloc on the first request.
  }
  workers_.clear();
}

void Workers::Stop() {
  if (workers_.empty()) return;
  fuse_session_exit(session_);
  for (const std::unique_ptr<Worker>& worker : workers_) pthread_cancel(worker->thread);
  Join();
}

absl::Status Workers::failure() const {
  if (error_ == 0) return absl::OkStatus();
  return absl::UnavailableError(std::string("reading requests from /dev/fuse failed: ") + std::strerror(error_));
}

void* Workers::Run(void* argument) {
  Worker& worker = *static_cast<Worker*>(argument);
  fuse_session* const session = worker.pool->session_;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  while (fuse_session_exited(session) == 0) {
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
    const int received = fuse_session_receive_buf(session, &worker.buffer);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    if (received == -EINTR) continue;
    // 0: the kernel has closed the connection. ECONNABORTED: it did so while it was handing over a request, such as the
    // RELEASE of the last file of a detached mount.
    if (received < 0 && received != -ECONNABORTED) worker.pool->error_ = -received;
    if (received <= 0) break;
    fuse_session_process_buf(session, &worker.buffer);
  }
  worker.pool->ended_();
  return nullptr;
}

}  // namespace copse::fs
