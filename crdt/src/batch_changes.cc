#include "batch_changes.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace copse::crdt {

PlaceOfNode PlaceOfNode::Of(const MoveTable& moves, const Node& node) {
  const MoveIndex outside = LastOutsideTrash(moves, node.in_effect);
  return {node.in_effect, outside == node.in_effect ? kNoMove : outside};
}

BatchChanges::Change& BatchChanges::ChangeOf(Slot slot) {
  Node& node = nodes_[slot];
  if (node.change == 0) {
    changes_.push_back(Change{slot, PlaceOfNode::Of(moves_, node), {}});
    node.change = static_cast<std::uint32_t>(changes_.size());
  }
  return changes_[node.change - 1];
}

void BatchChanges::AboutToWrite(Slot node, const Register& one) {
  ChangeOf(node).registers.push_back(RegisterBefore{one.id(), one.kind(), one.VersionTimes()});
}

std::vector<FieldId> BatchChanges::ChangedFields(Change& change) const {
  // Of several notes on one register the first tells how it was before the batch.
  auto& notes = change.registers;
  const auto register_of = [](const RegisterBefore& note) { return std::tie(note.id, note.kind); };
  std::stable_sort(notes.begin(), notes.end(),
                   [&](const RegisterBefore& a, const RegisterBefore& b) { return register_of(a) < register_of(b); });
  std::vector<FieldId> fields;
  for (auto note = notes.begin(); note != notes.end();) {
    const Register* now = nodes_[change.node].registers->Find(note->id.number, note->id.key, note->kind);
    const bool changed = now->VersionTimes() != note->times;
    if (changed && (fields.empty() || fields.back() != note->id)) fields.push_back(note->id);
    note = std::find_if(note, notes.end(),
                        [&](const RegisterBefore& other) { return register_of(other) != register_of(*note); });
  }
  return fields;
}

void BatchChanges::MoveBetweenParents(NodeId node, MoveIndex from, MoveIndex to) {
  const Slot old_parent = moves_[from].parent;
  const Slot new_parent = moves_[to].parent;
  if (old_parent == new_parent) return;
  if (old_parent != kNoSlot) nodes_[old_parent].directory->children.erase(node);
  if (new_parent == kNoSlot) return;
  std::set<NodeId>& children = nodes_.DirectoryOf(new_parent).children;
  children.insert(children.end(), node);  // New nodes mostly have the highest id yet.
}

std::vector<NetEvent> BatchChanges::Take() {
  std::vector<NetEvent> events;
  events.reserve(changes_.size());
  const auto placement = [this](MoveIndex move) {
    return move == kNoMove ? std::nullopt : std::optional<Placement>(moves_[move].placement);
  };
  for (Change& change : changes_) {
    Node& node = nodes_[change.node];
    node.change = 0;
    const PlaceOfNode now = PlaceOfNode::Of(moves_, node);
    std::vector<FieldId> fields = change.registers.empty() ? std::vector<FieldId>() : ChangedFields(change);
    if (now == change.place && fields.empty()) continue;
    MoveBetweenParents(node.id, change.place.in_effect, now.in_effect);
    events.push_back(NetEvent{node.id, placement(change.place.in_effect), placement(now.in_effect), std::move(fields),
                              now.before_trash != change.place.before_trash});
  }
  changes_.clear();
  const auto by_node = [](const NetEvent& a, const NetEvent& b) { return a.node < b.node; };
  if (!std::is_sorted(events.begin(), events.end(), by_node)) std::sort(events.begin(), events.end(), by_node);
  return events;
}

}  // namespace copse::crdt
