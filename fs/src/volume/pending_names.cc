// Names whose meaning another replica has changed, and of which the kernel may still believe the old. A request names
// its victim by directory and name, so an unlink of what a program has seen would hit what has just come in its place.
// Until the kernel has taken the news in, such requests stand for what the name led to when it was served last: what
// came meanwhile is not there to them.
#include <algorithm>

#include "volume/volume_state.h"

namespace copse::fs {

Volume::State::Served Volume::State::ServedBefore(std::span<const crdt::NetEvent> events) {
  Served served;
  const auto add = [&](const std::optional<crdt::Placement>& place) {
    if (!place) return;
    for (const NodeId member : projection->MembersOf(place->parent)) {
      {
        const std::lock_guard lock(local_mutex);
        if (member != crdt::kRoot && !IsHeld(member)) continue;  // The kernel knows no name in it.
      }
      const auto entry = projection->Lookup(member, place->name);
      served.try_emplace({member, place->name}, entry ? std::optional(entry->target) : std::nullopt);
    }
  };
  for (const crdt::NetEvent& event : events) {
    if (!event.moved()) continue;
    add(event.before);
    add(event.after);
  }
  return served;
}

void Volume::State::NotePending(Invalidations& changed, const Served& served) {
  changed.change = ++last_change;
  const std::lock_guard lock(names_mutex);
  for (const Invalidations::Name& name : changed.names) {
    const auto before = served.find(name);
    if (before == served.end()) continue;
    // What an earlier change has not made known yet was served before that.
    pending_names.try_emplace(name, PendingName{before->second, 0}).first->second.change = changed.change;
  }
  has_pending_names = !pending_names.empty();
}

bool Volume::State::IsAsServed(NodeId directory, std::string_view name, NodeId present) {
  if (!has_pending_names) return true;
  std::optional<NodeId> served;
  {
    const std::lock_guard lock(names_mutex);
    const auto pending = pending_names.find(Invalidations::Name{directory, std::string(name)});
    if (pending == pending_names.end()) return true;
    served = pending->second.served;
  }
  if (!served || *served == present) return served.has_value();
  // One member of a united directory is as good as another.
  const std::vector<NodeId> members = projection->MembersOf(present);
  return std::find(members.begin(), members.end(), *served) != members.end();
}

void Volume::State::NoteServed(NodeId directory, std::string_view name, std::optional<NodeId> target) {
  if (!has_pending_names) return;
  const std::lock_guard lock(names_mutex);
  const auto pending = pending_names.find(Invalidations::Name{directory, std::string(name)});
  if (pending != pending_names.end()) pending->second.served = target;
}

void Volume::State::DropPending(const Invalidations::Name& name, std::uint64_t change) {
  if (!has_pending_names) return;
  const std::lock_guard lock(names_mutex);
  const auto pending = pending_names.find(name);
  if (pending == pending_names.end() || pending->second.change > change) return;
  pending_names.erase(pending);
  has_pending_names = !pending_names.empty();
}

void Volume::NotificationReturned(const Invalidations::Name& name, std::uint64_t change) {
  state_->DropPending(name, change);
}

}  // namespace copse::fs
