#include "stability.h"

#include <copse/base/status_macros.h>

#include <algorithm>
#include <limits>

namespace copse::replica {
namespace {

template <typename Clocks>
void WriteClocks(const Clocks& clocks, crdt::ByteWriter& out) {
  out.Varint(clocks.size());
  for (const auto& [actor, clock] : clocks) {
    out.U16(actor);
    out.Varint(clock);
  }
}

template <typename Clocks>
absl::Status ReadClocks(crdt::ByteReader& reader, Clocks& clocks) {
  COPSE_ASSIGN_OR_RETURN(std::uint64_t count, reader.Varint());
  for (; count > 0; --count) {
    COPSE_ASSIGN_OR_RETURN(const std::uint16_t actor, reader.U16());
    if (!clocks.empty() && actor <= clocks.rbegin()->first) return reader.Error("ascending actors");
    COPSE_ASSIGN_OR_RETURN(clocks[actor], reader.Varint());
  }
  return absl::OkStatus();
}

}  // namespace

void Stability::Save(crdt::ByteWriter& out) const {
  out.Varint(clock_);
  WriteClocks(clocks_, out);
  WriteClocks(clocks_at_grant_, out);
}

absl::Status Stability::Load(crdt::ByteReader& reader) {
  *this = Stability();
  COPSE_ASSIGN_OR_RETURN(clock_, reader.Varint());
  COPSE_RETURN_IF_ERROR(ReadClocks(reader, clocks_));
  return ReadClocks(reader, clocks_at_grant_);
}

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

crdt::Timestamp Stability::StableTime(const std::vector<Member>& members, crdt::ActorId own,
                                      std::uint64_t clock_max) const {
  std::uint64_t stable = std::min(clock_, clock_max);
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
