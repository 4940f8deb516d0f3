#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace copse::base {

/// Runs work later: the only way in which a layer gets something done outside a caller's thread.
///
/// Work runs one piece at a time, in order of due time and, where that is equal, of posting. Thread-safe.
class Executor {
 public:
  using Work = std::function<void()>;
  using WorkId = std::uint64_t;  ///< 0 is never handed out.

  virtual ~Executor() = default;

  /// Runs `work` after `delay` (0: as soon as possible), never inside this call.
  virtual WorkId Post(Work work, std::chrono::nanoseconds delay) = 0;
  WorkId Post(Work work) { return Post(std::move(work), std::chrono::nanoseconds(0)); }

  /// Takes back what has not begun; returns whether it did. When it returns false the work ran, is running, or was
  /// never known.
  virtual bool Cancel(WorkId id) = 0;
};

/// One thread of its own. The destructor drops what has not begun and waits for what runs.
class ThreadExecutor final : public Executor {
 public:
  ThreadExecutor();
  ~ThreadExecutor() override;
  using Executor::Post;
  WorkId Post(Work work, std::chrono::nanoseconds delay) override;
  bool Cancel(WorkId id) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Runs work only inside RunDue, on the caller's thread: the twin for tests and simulation. Not thread-safe.
class ManualExecutor final : public Executor {
 public:
  /// `now` is asked for the time; with a ManualClock, pass its Monotonic.
  explicit ManualExecutor(std::function<std::chrono::nanoseconds()> now);
  ~ManualExecutor() override;
  using Executor::Post;
  WorkId Post(Work work, std::chrono::nanoseconds delay) override;
  bool Cancel(WorkId id) override;
  /// Runs all that is due, including what that work posts with no delay. Returns how many pieces ran.
  std::size_t RunDue();
  std::size_t Pending() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace copse::base
