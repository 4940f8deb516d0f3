// How others learn what is durable here, though nothing is written here: docs/decisions/0018. Vectors count ops, and an
// acknowledgement has none, so nobody acknowledges an acknowledgement.

#include "store_state.h"

namespace copse::replica {

void Store::State::ScheduleAcknowledgement() {
  if (scheduled_acknowledgement != 0 || is_closed) return;
  scheduled_acknowledgement = environment.executor.Post(
      [weak = weak_from_this()] {
        if (const std::shared_ptr<State> state = weak.lock()) state->RunScheduledAcknowledgement();
      },
      options.acknowledgement_delay);
}

void Store::State::RunScheduledAcknowledgement() {
  std::unique_lock lock(mutex);
  scheduled_acknowledgement = 0;
  is_acknowledgement_due = true;
  while (is_acknowledgement_due && !is_closed && failure.ok()) {
    if (is_leader_active) {
      round_ended.wait(lock);
    } else if (!LeadSync(lock).ok()) {
      return;  // Kept in last_error. What comes next is acknowledged with it.
    }
  }
}

crdt::Timestamp Store::State::StableTime() {
  std::vector<Member> writers;
  {
    const std::lock_guard lock(feeds_mutex);
    writers = members->All();
  }
  const std::lock_guard lock(mutex);
  return stability.StableTime(writers, identity.actor);
}

}  // namespace copse::replica
