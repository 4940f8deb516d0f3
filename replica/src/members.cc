#include "members.h"

#include <copse/base/hash.h>

#include <algorithm>
#include <limits>

namespace copse::replica {

std::string FingerprintOf(const std::string& key) {
  const std::string hex = base::Hex(base::AsBytes(base::Sha256(key)).substr(0, 16));
  std::string grouped;
  for (std::size_t i = 0; i < hex.size(); i += 4) grouped += (i == 0 ? "" : " ") + hex.substr(i, 4);
  return grouped;
}

std::string NameOf(Role role) { return role == Role::kAdmin ? "admin" : "writer"; }

Members::Members(std::string founder) {
  constexpr crdt::ActorId kFounder = 1;
  by_key_[founder] = kFounder;
  Grant grant{std::move(founder), Role::kAdmin, kFounder, std::numeric_limits<crdt::ActorId>::max(), ""};
  by_actor_[kFounder] = {std::move(grant), kFounder};
}

bool Members::Add(crdt::ActorId granter, const Grant& grant) {
  const Member* const by = OfActor(granter);
  if (by == nullptr) return false;
  if (granter == by->granted_by && grant.actor == granter) {
    // The founder names itself in its first frame.
    Grant& founder = by_actor_.at(granter).grant;
    if (grant.key != founder.key || !founder.label.empty()) return false;
    founder.label = grant.label;
    return true;
  }
  const auto next = NextRange(granter, grant.role);
  const bool fits = next && grant.actor >= next->first && grant.range_end <= by->grant.range_end &&
                    grant.range_end - grant.actor == next->second - next->first;
  if (!fits) return false;
  handed_out_[granter] = grant.range_end;
  // Two admins may let in one key, and replicas read their feeds in any order.
  const auto [of_key, is_first] = by_key_.emplace(grant.key, grant.actor);
  if (!is_first) of_key->second = std::min(of_key->second, grant.actor);
  by_actor_[grant.actor] = {grant, granter};
  return true;
}

std::vector<Members::Ineffective> Members::AddAll(const std::map<crdt::ActorId, std::vector<Grant>>& grants) {
  // A grant counts once its granter is a member, so from the founder down.
  std::vector<crdt::ActorId> granters = {by_actor_.begin()->first};
  std::map<crdt::ActorId, std::vector<Grant>> left = grants;
  while (!granters.empty()) {
    const crdt::ActorId granter = granters.back();
    granters.pop_back();
    const auto found = left.find(granter);
    if (found == left.end()) continue;
    std::erase_if(found->second, [&](const Grant& grant) {
      const bool counts = Add(granter, grant);
      if (counts && grant.actor != granter) granters.push_back(grant.actor);
      return counts;
    });
  }
  std::vector<Ineffective> ineffective;
  for (const auto& [granter, of_granter] : left) {
    for (const Grant& grant : of_granter) ineffective.push_back({granter, grant});
  }
  return ineffective;
}

const Member* Members::OfActor(crdt::ActorId actor) const {
  const auto found = by_actor_.find(actor);
  return found == by_actor_.end() ? nullptr : &found->second;
}

const Member* Members::OfKey(const std::string& key) const {
  const auto actor = by_key_.find(key);
  return actor == by_key_.end() ? nullptr : &by_actor_.at(actor->second);
}

const Member* Members::OfLabel(const std::string& label) const {
  const auto found = std::find_if(by_actor_.begin(), by_actor_.end(),
                                  [&](const auto& member) { return member.second.grant.label == label; });
  return found == by_actor_.end() ? nullptr : &found->second;
}

std::vector<Member> Members::All() const {
  std::vector<Member> all;
  for (const auto& [actor, member] : by_actor_) all.push_back(member);
  return all;
}

std::optional<std::pair<crdt::ActorId, crdt::ActorId>> Members::NextRange(crdt::ActorId granter, Role role) const {
  const Member* const by = OfActor(granter);
  if (by == nullptr || by->grant.role != Role::kAdmin) return std::nullopt;
  const auto handed_out = handed_out_.find(granter);
  const unsigned begin = handed_out == handed_out_.end() ? granter + kOwnActors : handed_out->second;
  const unsigned end = begin + (role == Role::kAdmin ? kAdminActors : kOwnActors);
  if (end > by->grant.range_end) return std::nullopt;
  return std::pair(static_cast<crdt::ActorId>(begin), static_cast<crdt::ActorId>(end));
}

}  // namespace copse::replica
