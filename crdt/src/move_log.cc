// The move operation of Kleppmann et al., doi:10.1109/TPDS.2021.3118603, section 3: do, undo, redo. One difference: all
// new moves of a batch share one rewind. Undo and redo run in loops over the log; the paper's recursion would overflow
// the stack on a long one.

#include "move_log.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "check.h"

namespace copse::crdt {
namespace {

// Whether `node` is `from` or an ancestor of it. Who has no children is nobody's ancestor: this keeps creating cheap.
bool IsSelfOrAncestor(const Node* node, const Node* from) {
  if (node == from) return true;
  if (!node->children) return false;
  for (const Node* up = from->place.parent; up != nullptr; up = up->place.parent) {
    if (up == node) return true;
  }
  return false;
}

// The last place outside trash that a node at `place` has had, for when it is about to be moved to trash.
std::unique_ptr<Placement> LastOutsideTrash(const NodePlace& place) {
  if (place.parent == nullptr) return nullptr;
  if (place.placement.parent != kTrash) return std::make_unique<Placement>(place.placement);
  return place.before_trash ? std::make_unique<Placement>(*place.before_trash) : nullptr;
}

}  // namespace

bool MoveLog::Contains(Timestamp time) const {
  if (entries_.empty() || entries_.back().time < time) return false;
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), time,
                                      [](const Entry& entry, Timestamp bound) { return entry.time < bound; });
  return found->time == time;
}

MoveLog::Entry MoveLog::EntryOf(const Op& move, NodeTable& nodes) {
  Node& child = nodes.FindOrMake(move.child);
  Node& parent = nodes.FindOrMake(move.place->parent);
  return Entry{move.time, move.guard, false, &child,
               NodePlace{&parent, Placement{move.place->parent, move.place->name, move.time}, nullptr}};
}

void MoveLog::Merge(const std::vector<const Op*>& moves, NodeTable& nodes, BatchChanges& changes) {
  if (moves.empty()) return;
  changes_ = &changes;
  UndoAfter(moves.front()->time);
  const auto undone = static_cast<std::ptrdiff_t>(done_);
  const auto old_end = static_cast<std::ptrdiff_t>(entries_.size());
  for (const Op* move : moves) entries_.push_back(EntryOf(*move, nodes));
  std::inplace_merge(entries_.begin() + undone, entries_.begin() + old_end, entries_.end(),
                     [](const Entry& a, const Entry& b) { return a.time < b.time; });
  Redo();
  changes_ = nullptr;
}

void MoveLog::UndoAfter(Timestamp time) {
  for (; done_ > 0 && entries_[done_ - 1].time > time; --done_) Undo(entries_[done_ - 1]);
}

void MoveLog::Redo() {
  for (; done_ < entries_.size(); ++done_) Do(entries_[done_]);
}

bool MoveLog::MayTakeEffect(const Entry& entry) {
  // A node that has no place has claim 0.
  if (entry.guard && entry.child->place.placement.claim != *entry.guard) return false;
  return !IsSelfOrAncestor(entry.child, entry.other_place.parent);
}

void MoveLog::SwapPlaces(Entry& entry) {
  Node& child = *entry.child;
  if (child.place.parent != nullptr) child.place.parent->RemoveChild(child.id);
  std::swap(child.place, entry.other_place);
  if (child.place.parent != nullptr) child.place.parent->AddChild(child.id);
}

void MoveLog::Do(Entry& entry) {
  entry.took_effect = MayTakeEffect(entry);
  if (!entry.took_effect) return;
  if (changes_ != nullptr) changes_->AboutToPlace(*entry.child);
  if (entry.other_place.placement.parent == kTrash)
    entry.other_place.before_trash = LastOutsideTrash(entry.child->place);
  SwapPlaces(entry);
}

void MoveLog::Undo(Entry& entry) {
  if (!entry.took_effect) return;
  if (changes_ != nullptr) changes_->AboutToPlace(*entry.child);
  SwapPlaces(entry);
  CRDT_CHECK(entry.other_place.placement.claim == entry.time);
  entry.other_place.before_trash.reset();  // What was outside trash before may be another place next time.
  entry.took_effect = false;
}

}  // namespace copse::crdt
