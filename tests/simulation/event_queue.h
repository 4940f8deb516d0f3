#pragma once

#include <absl/container/flat_hash_map.h>
#include <copse/base/executor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

namespace copse::simulation {

using Time = std::chrono::nanoseconds;

/// Somebody whom events happen to: a process. Stopped (SIGSTOP) it meets nothing until it goes on, and then all of it
/// in order; once it has ended, nothing any more.
struct Party {
  Time stopped_until{0};
  bool has_ended = false;
};

/// Everything that is going to happen in a simulated world, by time and, where that is equal, by order of posting.
/// The only clock of the world.
class EventQueue {
 public:
  using Work = std::function<void()>;
  using Id = std::uint64_t;  ///< 0 is never handed out.

  Time now() const { return now_; }
  /// `party` may be null: then nothing stops the event.
  Id Post(Time delay, std::shared_ptr<const Party> party, Work work);
  bool Cancel(Id id);
  /// Runs the next event that is due no later than `end`, moving time to it; false, and time is `end`, if there is
  /// none.
  bool RunNext(Time end);
  /// Time passes, and nothing happens: what was due meanwhile is due at the end.
  void Skip(Time time) { now_ += time; }
  std::size_t size() const { return events_.size(); }

 private:
  struct Event {
    std::shared_ptr<const Party> party;
    Work work;
  };
  using Key = std::pair<Time, Id>;

  /// When each event is due, and more: those that were cancelled are passed over when their time comes.
  std::priority_queue<Key, std::vector<Key>, std::greater<Key>> order_;
  absl::flat_hash_map<Id, Event> events_;
  Id last_id_ = 0;
  Time now_{0};
};

/// An executor of one process.
class QueueExecutor final : public base::Executor {
 public:
  QueueExecutor(EventQueue& queue, std::shared_ptr<const Party> party) : queue_(queue), party_(std::move(party)) {}
  using Executor::Post;
  WorkId Post(Work work, std::chrono::nanoseconds delay) override {
    return queue_.Post(delay, party_, std::move(work));
  }
  bool Cancel(WorkId id) override { return queue_.Cancel(id); }

 private:
  EventQueue& queue_;
  const std::shared_ptr<const Party> party_;
};

}  // namespace copse::simulation
