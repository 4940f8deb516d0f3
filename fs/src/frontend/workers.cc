// One worker at a time has the turn: it waits for a request, reads it, and, where answering takes microseconds, answers
// it before it reads the next. Only where answering may take long does it pass the turn on first. So a program that
// asks for one small thing after another is served by one thread whose caches are warm, and no other is woken.
//
// What takes longest of such a request is being woken for it. So where the last ones came soon, the worker looks for
// the next for some microseconds before it sleeps. Where some have not come soon it sleeps at once, so idling takes no
// processor time. What takes longest for who asked is being woken for the answer, so while requests come fast no
// processor is let go to sleep, if that is allowed (CpuLatency).
//
// libfuse's own loop (fuse_session_loop_mt) does neither, and can only be ended from outside by a signal that happens
// to interrupt its semaphore, or by an unmount, which fails while a program has a file open.

#include "frontend/workers.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "content/about_to_wait.h"

namespace copse::fs {
namespace {

// About what it costs to be woken: looking longer could lose more than sleeping at once.
constexpr std::chrono::microseconds kSoon{50};
// A worker looks while its patience is above zero. Sleeping wins back one for each request that came soon all the same.
constexpr int kPatience = 8;
constexpr int kPatienceAfterMiss = -16;
constexpr int kPatienceWhenBusy = -1000;
// One look takes a microsecond; another thread had the processor where it took so long.
constexpr std::chrono::microseconds kPreempted{100};
// Copying so much takes as long as waking another worker. Bytes that are read are mostly there, up to what the kernel
// reads ahead at a time; what is written may have to wait for the disk to take what was written before.
constexpr std::size_t kQuickWriteBytes = 64 * 1024;
constexpr std::size_t kQuickReadBytes = 128 * 1024;

/// Whether answering is likely to wait for no disk: names and attributes are in memory, a small write goes to the page
/// cache, and chunks may be in memory too. What turns out to have to wait all the same says so (AboutToWait).
bool IsQuick(const fuse_buf& request) {
  fuse_in_header header;
  if (request.size < sizeof header) return false;
  std::memcpy(&header, request.mem, sizeof header);
  switch (header.opcode) {
    case FUSE_FSYNC:
    case FUSE_FSYNCDIR:
    case FUSE_FALLOCATE:
    case FUSE_LSEEK:
    case FUSE_COPY_FILE_RANGE:
    case FUSE_READDIR:
    case FUSE_READDIRPLUS:
      return false;
    case FUSE_READ: {
      fuse_read_in body;
      if (request.size < sizeof header + sizeof body) return false;
      std::memcpy(&body, static_cast<const char*>(request.mem) + sizeof header, sizeof body);
      return body.size <= kQuickReadBytes;
    }
    case FUSE_WRITE:
      return request.size <= kQuickWriteBytes;
    default:
      return true;
  }
}

}  // namespace

Workers::Workers(fuse_session* session, const std::string& latency_device, std::function<void()> ended)
    : session_(session), ended_(std::move(ended)), latency_(latency_device) {}

Workers::~Workers() {
  Stop();
  if (stop_event_ >= 0) close(stop_event_);
}

absl::Status Workers::Start(unsigned count) {
  stop_event_ = eventfd(0, EFD_CLOEXEC);
  if (stop_event_ < 0)
    return absl::ResourceExhaustedError(std::string("cannot make an eventfd: ") + std::strerror(errno));
  // A request that was there may be gone when it is read, since its caller was killed; nobody must wait in read(2)
  // then.
  const int device = fuse_session_fd(session_);
  fcntl(device, F_SETFL, fcntl(device, F_GETFL) | O_NONBLOCK);
  // Signals are for the program's own threads: a handler must not run in the middle of a request.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  absl::Status status = absl::OkStatus();
  try {
    for (unsigned i = 0; i < count; ++i) workers_.emplace_back([this] { Run(); });
  } catch (const std::system_error& error) {
    status = absl::ResourceExhaustedError(std::string("cannot start a thread to serve the mount: ") + error.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return status;
}

void Workers::Join() {
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void Workers::Stop() {
  if (workers_.empty()) return;
  fuse_session_exit(session_);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_event_, &one, sizeof one);
  Join();
}

absl::Status Workers::failure() const {
  if (error_ == 0) return absl::OkStatus();
  return absl::UnavailableError(std::string("reading requests from /dev/fuse failed: ") + std::strerror(error_));
}

int Workers::Look(fuse_buf& buffer) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  for (Clock::time_point before = begin; before - begin <= kSoon && patience_ > 0;) {
    const int received = fuse_session_receive_buf(session_, &buffer);
    if (received != -EAGAIN) {
      patience_ = kPatience;
      return received;
    }
    const Clock::time_point now = Clock::now();
    if (now - before > kPreempted) patience_ = kPatienceWhenBusy;
    before = now;
  }
  patience_ = std::min(patience_, kPatienceAfterMiss);
  return -EAGAIN;
}

void Workers::Sleep() {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  pollfd events[] = {{fuse_session_fd(session_), POLLIN, 0}, {stop_event_, POLLIN, 0}};
  for (int ready = 0; ready <= 0;) {
    ready = poll(events, 2, latency_.is_holding() ? static_cast<int>(CpuLatency::kSilence.count()) : -1);
    if (ready == 0) latency_.OnSilence();
    if (ready < 0 && errno != EINTR) return;
  }
  if (Clock::now() - begin <= kSoon) ++patience_;
}

int Workers::Receive(fuse_buf& buffer) {
  while (fuse_session_exited(session_) == 0) {
    int received = patience_ > 0 ? Look(buffer) : -EAGAIN;
    if (received == -EAGAIN) {
      Sleep();
      received = fuse_session_receive_buf(session_, &buffer);
    }
    if (received == -EINTR || received == -EAGAIN) continue;
    // 0: the kernel has closed the connection. ECONNABORTED: it did so while it was handing over a request, such as the
    // RELEASE of the last file of a detached mount.
    if (received < 0 && received != -ECONNABORTED) error_ = -received;
    latency_.OnRequest(std::chrono::steady_clock::now());
    return std::max(received, 0);
  }
  return 0;
}

void Workers::Run() {
  fuse_buf buffer{};
  Turn turn(turn_);
  const WaitHook hook([&turn] {
    if (turn.owns_lock()) turn.unlock();
  });
  while (Receive(buffer) > 0) {
    if (!IsQuick(buffer)) turn.unlock();
    fuse_session_process_buf(session_, &buffer);
    if (!turn.owns_lock()) turn.lock();
  }
  turn.unlock();
  std::free(buffer.mem);  // libfuse allocates it with malloc on the first request.
  ended_();
}

}  // namespace copse::fs
