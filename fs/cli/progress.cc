#include "cli/progress.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

namespace copse::cli {

struct Progress::State {
  explicit State(std::string doing) : what(std::move(doing)) {}

  const std::string what;
  std::mutex mutex;
  std::condition_variable changed;
  std::string detail;
  bool over = false;
  std::thread thread;

  void Show() {
    const auto begin = std::chrono::steady_clock::now();
    bool shown = false;
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, std::chrono::seconds(1), [&] { return over; })) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
      // Back to the beginning of the line, and clear it (ECMA-48: CR, then EL).
      std::fprintf(stderr, "\r\x1b[K%s ... %lld s%s%s", what.c_str(), static_cast<long long>(seconds.count()),
                   detail.empty() ? "" : ", ", detail.c_str());
      std::fflush(stderr);
      shown = true;
    }
    if (shown) std::fputs("\r\x1b[K", stderr);
  }
};

Progress::Progress(std::string what) {
  if (::isatty(STDERR_FILENO) == 0) return;
  state_ = std::make_unique<State>(std::move(what));
  state_->thread = std::thread([this] { state_->Show(); });
}

Progress::~Progress() {
  if (state_ == nullptr) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->over = true;
    state_->changed.notify_all();
  }
  state_->thread.join();
}

void Progress::Update(std::string detail) {
  if (state_ == nullptr) return;
  const std::lock_guard lock(state_->mutex);
  state_->detail = std::move(detail);
}

}  // namespace copse::cli
