#include "stability.h"

#include <algorithm>
#include <limits>

namespace copse::replica {

void Stability::NoteFrame(const FrameHeader& header) {
  std::uint64_t& clock = clocks_[header.actor];
  clock = std::max(clock, header.clock);
  // What a frame without ops states is its author's word; the ops that it has seen are here, and count by themselves.
  if (header.op_count > 0) clock_ = std::max(clock_, header.clock);
  for (const Grant& grant : header.grants) {
    const auto [granted, is_new] = clocks_at_grant_.emplace(grant.actor, header.clock);
    if (!is_new) granted->second = std::min(granted->second, header.clock);
  }
}

crdt::Timestamp Stability::StableTime(const std::vector<Member>& members, crdt::ActorId own) const {
  std::uint64_t stable = clock_;
  for (const Member& member : members) {
    const crdt::ActorId actor = member.grant.actor;
    if (actor == own) continue;
    const auto heard = clocks_.find(actor);
    const auto granted = clocks_at_grant_.find(actor);
    if (heard != clocks_.end()) {
      stable = std::min(stable, heard->second);
    } else {
      stable = granted == clocks_at_grant_.end() ? 0 : std::min(stable, granted->second);
    }
  }
  constexpr crdt::ActorId kLastActor = std::numeric_limits<crdt::ActorId>::max();
  return stable == 0 ? crdt::Timestamp{} : crdt::Timestamp::Of(stable, kLastActor);
}

}  // namespace copse::replica
