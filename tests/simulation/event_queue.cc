#include "simulation/event_queue.h"

#include <algorithm>

namespace copse::simulation {

EventQueue::Id EventQueue::Post(Time delay, std::shared_ptr<const Party> party, Work work) {
  const Id id = ++last_id_;
  order_.emplace(now_ + std::max(delay, Time(0)), id);
  events_.emplace(id, Event{std::move(party), std::move(work)});
  return id;
}

bool EventQueue::Cancel(Id id) {
  // What it holds may post or cancel when it goes.
  return !events_.extract(id).empty();
}

bool EventQueue::RunNext(Time end) {
  while (!order_.empty() && order_.top().first <= end) {
    const auto [due, id] = order_.top();
    order_.pop();
    const auto next = events_.find(id);
    if (next == events_.end()) continue;
    now_ = std::max(now_, due);
    const Party* const party = next->second.party.get();
    const bool has_ended = party != nullptr && party->has_ended;
    if (party != nullptr && !has_ended && party->stopped_until > now_) {
      order_.emplace(party->stopped_until, id);
      continue;
    }
    const Event event = std::move(next->second);
    events_.erase(next);
    if (has_ended) continue;
    event.work();
    return true;
  }
  now_ = std::max(now_, end);
  return false;
}

}  // namespace copse::simulation
