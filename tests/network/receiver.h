#pragma once

#include <copse/base/network.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace copse::base {

// Long enough for a loaded machine: only a failing test waits for it.
inline constexpr std::chrono::seconds kPatience{60};

/// Keeps what a connection delivers, and lets a test wait for it.
class Receiver {
 public:
  Connection::Events Events() {
    return {[this](std::string_view bytes) {
              const std::lock_guard lock(mutex_);
              bytes_ += bytes;
              changed_.notify_all();
            },
            [this](absl::Status reason) {
              const std::lock_guard lock(mutex_);
              ++closes_;
              reason_ = std::move(reason);
              changed_.notify_all();
            }};
  }

  /// What has arrived once it is `count` bytes, or patience is over.
  std::string WaitForBytes(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return bytes_.size() >= count; });
    return bytes_;
  }
  /// Why it was closed; nothing if it was not.
  std::optional<absl::Status> WaitForClose() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return closes_ > 0; });
    return closes_ > 0 ? std::optional(reason_) : std::nullopt;
  }
  int closes() {
    const std::lock_guard lock(mutex_);
    return closes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string bytes_;
  int closes_ = 0;
  absl::Status reason_;
};

/// Keeps the connections that a listener hands out.
class Acceptance {
 public:
  std::function<void(std::unique_ptr<Connection>)> Callback() {
    return [this](std::unique_ptr<Connection> connection) {
      const std::lock_guard lock(mutex_);
      connections_.push_back(std::move(connection));
      changed_.notify_all();
    };
  }
  /// The next one; null when patience is over.
  std::unique_ptr<Connection> Next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return !connections_.empty(); })) return nullptr;
    std::unique_ptr<Connection> next = std::move(connections_.front());
    connections_.erase(connections_.begin());
    return next;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

/// Connects without blocking and waits for the outcome; kDeadlineExceeded when patience is over.
inline absl::StatusOr<std::unique_ptr<Connection>> ConnectAndWait(Network& network, const std::string& endpoint) {
  struct Outcome {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<absl::StatusOr<std::unique_ptr<Connection>>> result;
  };
  const auto outcome = std::make_shared<Outcome>();
  network.Connect(endpoint, [outcome](absl::StatusOr<std::unique_ptr<Connection>> result) {
    const std::lock_guard lock(outcome->mutex);
    outcome->result = std::move(result);
    outcome->changed.notify_all();
  });
  std::unique_lock lock(outcome->mutex);
  if (!outcome->changed.wait_for(lock, kPatience, [&] { return outcome->result.has_value(); })) {
    return absl::DeadlineExceededError("no answer");
  }
  return *std::move(outcome->result);
}

}  // namespace copse::base
