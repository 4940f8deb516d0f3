#include "textbook_engine.h"

#include <algorithm>

namespace copse::crdt_test {

using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;

TextbookEngine::TextbookEngine() {
  for (const NodeId id : {crdt::kForest, crdt::kRoot, crdt::kFileInodes, crdt::kTrash}) SlotOf(id);
  names_ = {"root", "fileinodes", "trash"};
  for (std::uint32_t i = 0; i < names_.size(); ++i) places_[i + 1] = Place{0, i, {}};
}

TextbookEngine::Slot TextbookEngine::SlotOf(NodeId id) {
  const auto [found, is_new] = slots_.emplace(id, static_cast<Slot>(ids_.size()));
  if (is_new) {
    ids_.push_back(id);
    places_.emplace_back();
  }
  return found->second;
}

bool TextbookEngine::Contains(Timestamp time) const {
  if (log_.empty() || log_.back().time < time) return false;
  const auto found = std::lower_bound(log_.begin(), log_.end(), time,
                                      [](const Entry& entry, Timestamp bound) { return entry.time < bound; });
  return found->time == time;
}

void TextbookEngine::Do(Entry& entry) {
  Place& place = places_[entry.child];
  entry.took_effect = !entry.has_guard || place.claim == entry.guard;
  for (Slot at = entry.parent; entry.took_effect && at != kNoSlot; at = places_[at].parent) {
    if (at == entry.child) entry.took_effect = false;
  }
  if (!entry.took_effect) return;
  Note(entry.child);
  entry.old = place;
  place = Place{entry.parent, entry.name, entry.time};
}

void TextbookEngine::Undo(const Entry& entry) {
  if (!entry.took_effect) return;
  Note(entry.child);
  places_[entry.child] = entry.old;
}

void TextbookEngine::Note(Slot node) {
  if (notes_) before_.push_back({node, places_[node]});
}

std::optional<crdt::Placement> TextbookEngine::PlacementAt(const Place& place) const {
  if (place.parent == kNoSlot) return std::nullopt;
  return crdt::Placement{ids_[place.parent], names_[place.name], place.claim};
}

void TextbookEngine::Tell(std::vector<crdt::NetEvent>& events) {
  if (before_.size() > 1) {
    // Of several notes on one node the first tells how it was before the batch.
    std::stable_sort(before_.begin(), before_.end(),
                     [this](const Before& a, const Before& b) { return ids_[a.node] < ids_[b.node]; });
    const auto same = [](const Before& a, const Before& b) { return a.node == b.node; };
    before_.erase(std::unique(before_.begin(), before_.end(), same), before_.end());
  }
  for (const Before& before : before_) {
    const Place& now = places_[before.node];
    if (now.claim == before.place.claim) continue;
    crdt::NetEvent& event = events.emplace_back();
    event.node = ids_[before.node];
    event.before = PlacementAt(before.place);
    event.after = PlacementAt(now);
  }
}

void TextbookEngine::Apply(std::span<const Op> ops, std::vector<crdt::NetEvent>& events) {
  before_.clear();
  notes_ = true;
  Apply(ops);
  notes_ = false;
  Tell(events);
}

void TextbookEngine::Apply(std::span<const Op> ops) {
  const std::size_t known = log_.size();
  for (const Op& op : ops) {
    if (!op.place || Contains(op.time)) continue;
    const auto name = static_cast<std::uint32_t>(names_.size());
    names_.push_back(op.place->name);
    const Slot parent = SlotOf(op.place->parent);
    log_.push_back({op.time, op.guard.value_or(Timestamp{}), SlotOf(op.child), parent, name, op.guard.has_value(),
                    false, Place{}});
  }
  const auto by_time = [](const Entry& a, const Entry& b) { return a.time < b.time; };
  const auto begin = log_.begin() + static_cast<std::ptrdiff_t>(known);
  if (!std::is_sorted(begin, log_.end(), by_time)) std::sort(begin, log_.end(), by_time);
  log_.erase(std::unique(begin, log_.end(), [](const Entry& a, const Entry& b) { return a.time == b.time; }),
             log_.end());
  if (log_.size() == known) return;
  std::size_t done = known;
  for (; done > 0 && log_[known].time < log_[done - 1].time; --done) Undo(log_[done - 1]);
  std::inplace_merge(log_.begin() + static_cast<std::ptrdiff_t>(done),
                     log_.begin() + static_cast<std::ptrdiff_t>(known), log_.end(), by_time);
  for (; done < log_.size(); ++done) Do(log_[done]);
}

std::optional<crdt::PlacementView> TextbookEngine::PlacementOf(NodeId node) const {
  const auto found = slots_.find(node);
  if (found == slots_.end() || places_[found->second].parent == kNoSlot) return std::nullopt;
  const Place& place = places_[found->second];
  return crdt::PlacementView(ids_[place.parent], names_[place.name], place.claim);
}

}  // namespace copse::crdt_test
