// How others learn what is durable here, though nothing is written here: docs/decisions/0018. Vectors count ops, and an
// acknowledgement has none, so nobody acknowledges an acknowledgement.

#include <copse/base/check.h>

#include <algorithm>

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

absl::StatusOr<std::uint64_t> Store::State::ClockAtGrant(crdt::ActorId actor) {
  GrantRecord record;
  crdt::ActorId granter = 0;
  {
    const std::lock_guard lock(feeds_mutex);
    const Member* const member = members->OfActor(actor);
    if (member == nullptr) return absl::NotFoundError("actor " + std::to_string(actor) + " is no member");
    granter = member->granted_by;
    if (granter == actor) return 0;
    const std::vector<GrantRecord>& records = grants[granter];
    const auto found = std::find_if(records.begin(), records.end(),
                                    [&](const GrantRecord& one) { return one.grant == member->grant; });
    COPSE_CHECK(found != records.end());
    record = *found;
  }
  const absl::StatusOr<std::vector<std::string>> frames = ReadFrames(granter, record.frame, 1);
  const absl::StatusOr<Frame> frame = frames.ok() ? DecodeFrame(frames->front()) : frames.status();
  if (!frame.ok()) return absl::InternalError(std::string(frame.status().message()));
  return frame->header.clock;
}

bool Store::State::MayAcknowledge(std::uint64_t clock) {
  if (FindFeed(identity.actor)->end().frames > 0) return true;
  const absl::StatusOr<std::uint64_t> granted = ClockAtGrant(identity.actor);
  return granted.ok() && clock >= *granted;
}

crdt::Timestamp Store::State::StableTime() {
  // Both at one moment: a member that a frame let in meanwhile would not be waited for, though its granter's clock is
  // by now that of a later frame.
  const std::lock_guard feeds_lock(feeds_mutex);
  const std::lock_guard lock(mutex);
  return stability.StableTime(members->All(), identity.actor, StableMaxWhileWriting(pending, stable_max));
}

std::uint64_t Store::State::StableMaxWhileWriting(std::span<const crdt::Op> ops, std::uint64_t clock) {
  return ops.empty() ? clock : std::min(clock, ops.front().time.counter() - 1);
}

}  // namespace copse::replica
