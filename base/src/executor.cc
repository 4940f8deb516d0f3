#include <copse/base/executor.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace copse::base {
namespace {

using Nanoseconds = std::chrono::nanoseconds;

/// Work by due time and then by order of posting. Not thread-safe.
class WorkQueue {
 public:
  Executor::WorkId Add(Executor::Work work, Nanoseconds due) {
    const Executor::WorkId id = ++last_id_;
    by_due_.emplace(Key(due, id), std::move(work));
    due_of_.emplace(id, due);
    return id;
  }

  /// The work taken back, empty if it is not here.
  Executor::Work Remove(Executor::WorkId id) {
    const auto due = due_of_.find(id);
    if (due == due_of_.end()) return nullptr;
    return Take(by_due_.find(Key(due->second, id)));
  }

  /// The next work that is due at `now`, empty if none.
  Executor::Work TakeDue(Nanoseconds now) {
    if (by_due_.empty() || by_due_.begin()->first.first > now) return nullptr;
    return Take(by_due_.begin());
  }

  bool IsNext(Executor::WorkId id) const { return !by_due_.empty() && by_due_.begin()->first.second == id; }
  bool empty() const { return by_due_.empty(); }
  std::size_t size() const { return by_due_.size(); }
  Nanoseconds NextDue() const { return by_due_.begin()->first.first; }

 private:
  using Key = std::pair<Nanoseconds, Executor::WorkId>;

  Executor::Work Take(std::map<Key, Executor::Work>::iterator position) {
    Executor::Work work = std::move(position->second);
    due_of_.erase(position->first.second);
    by_due_.erase(position);
    return work;
  }

  std::map<Key, Executor::Work> by_due_;
  std::unordered_map<Executor::WorkId, Nanoseconds> due_of_;
  Executor::WorkId last_id_ = 0;
};

}  // namespace

struct ThreadExecutor::State {
  static Nanoseconds Now() { return std::chrono::steady_clock::now().time_since_epoch(); }

  void Run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      if (Work work = queue.TakeDue(Now())) {
        lock.unlock();
        work();
        work = nullptr;  // What it holds is let go without the lock: its destructor may post.
        lock.lock();
      } else if (queue.empty()) {
        changed.wait(lock);
      } else {
        changed.wait_until(lock, std::chrono::steady_clock::time_point(queue.NextDue()));
      }
    }
  }

  std::mutex mutex;
  std::condition_variable changed;
  WorkQueue queue;
  bool stopping = false;
  std::thread thread;
};

ThreadExecutor::ThreadExecutor() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
}

ThreadExecutor::~ThreadExecutor() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_one();
  state_->thread.join();
}

Executor::WorkId ThreadExecutor::Post(Work work, Nanoseconds delay) {
  WorkId id = 0;
  bool is_next = false;
  {
    const std::lock_guard lock(state_->mutex);
    id = state_->queue.Add(std::move(work), State::Now() + delay);
    is_next = state_->queue.IsNext(id);
  }
  // The thread waits for what was next before, which is no later than this otherwise.
  if (is_next) state_->changed.notify_one();
  return id;
}

bool ThreadExecutor::Cancel(WorkId id) {
  Work work;  // Destroyed after the lock is released.
  const std::lock_guard lock(state_->mutex);
  work = state_->queue.Remove(id);
  return work != nullptr;
}

struct ManualExecutor::State {
  std::function<Nanoseconds()> now;
  WorkQueue queue;
};

ManualExecutor::ManualExecutor(std::function<Nanoseconds()> now) : state_(std::make_unique<State>()) {
  state_->now = std::move(now);
}

ManualExecutor::~ManualExecutor() = default;

Executor::WorkId ManualExecutor::Post(Work work, Nanoseconds delay) {
  return state_->queue.Add(std::move(work), state_->now() + delay);
}

bool ManualExecutor::Cancel(WorkId id) { return state_->queue.Remove(id) != nullptr; }

std::size_t ManualExecutor::RunDue() {
  std::size_t ran = 0;
  while (Work work = state_->queue.TakeDue(state_->now())) {
    work();
    ++ran;
  }
  return ran;
}

std::size_t ManualExecutor::Pending() const { return state_->queue.size(); }

}  // namespace copse::base
