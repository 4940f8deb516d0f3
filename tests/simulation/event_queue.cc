#include "simulation/event_queue.h"

#include <algorithm>

namespace copse::simulation {

EventQueue::Id EventQueue::Post(Time delay, std::shared_ptr<const Party> party, Work work) {
  const Id id = ++last_id_;
  const Time due = now_ + std::max(delay, Time(0));
  events_.emplace(Key(due, id), Event{std::move(party), std::move(work)});
  due_.emplace(id, due);
  return id;
}

bool EventQueue::Cancel(Id id) {
  const auto due = due_.find(id);
  if (due == due_.end()) return false;
  const auto event = events_.find(Key(due->second, id));
  due_.erase(due);
  const Event dropped = std::move(event->second);  // What it holds may post or cancel when it goes.
  events_.erase(event);
  return true;
}

bool EventQueue::RunNext(Time end) {
  while (!events_.empty() && events_.begin()->first.first <= end) {
    const auto next = events_.begin();
    const auto [due, id] = next->first;
    const Event event = std::move(next->second);
    events_.erase(next);
    now_ = std::max(now_, due);
    if (event.party != nullptr && !event.party->has_ended && event.party->stopped_until > now_) {
      due_[id] = event.party->stopped_until;
      events_.emplace(Key(event.party->stopped_until, id), event);
      continue;
    }
    due_.erase(id);
    if (event.party != nullptr && event.party->has_ended) continue;
    event.work();
    return true;
  }
  now_ = std::max(now_, end);
  return false;
}

}  // namespace copse::simulation
