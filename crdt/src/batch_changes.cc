#include "batch_changes.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace copse::crdt {
namespace {

std::optional<Placement> PlacementOf(const Node& node) {
  return node.place.parent == nullptr ? std::nullopt : std::optional<Placement>(node.place.placement);
}

bool AreEqual(const Placement* a, const Placement* b) { return a == nullptr || b == nullptr ? a == b : *a == *b; }

}  // namespace

BatchChanges::Change& BatchChanges::ChangeOf(Node& node) {
  if (node.change == 0) {
    const Placement* before_trash = node.place.before_trash.get();
    changes_.push_back(Change{
        &node, PlacementOf(node), before_trash == nullptr ? nullptr : std::make_unique<Placement>(*before_trash), {}});
    node.change = static_cast<std::uint32_t>(changes_.size());
  }
  return changes_[node.change - 1];
}

void BatchChanges::AboutToPlace(Node& node) { ChangeOf(node); }

void BatchChanges::AboutToWrite(Node& node, const Register& one) {
  ChangeOf(node).registers_before.push_back(RegisterBefore{one.id(), one.kind(), one.VersionTimes()});
}

std::vector<FieldId> BatchChanges::ChangedFields(Change& change) {
  // Of several notes on one register the first tells how it was before the batch.
  auto& notes = change.registers_before;
  const auto register_of = [](const RegisterBefore& note) { return std::tie(note.id, note.kind); };
  std::stable_sort(notes.begin(), notes.end(),
                   [&](const RegisterBefore& a, const RegisterBefore& b) { return register_of(a) < register_of(b); });
  std::vector<FieldId> fields;
  for (auto note = notes.begin(); note != notes.end();) {
    const Register* now = change.node->registers.Find(note->id.number, note->id.key, note->kind);
    const bool changed = now->VersionTimes() != note->times;
    if (changed && (fields.empty() || fields.back() != note->id)) fields.push_back(note->id);
    note = std::find_if(note, notes.end(),
                        [&](const RegisterBefore& other) { return register_of(other) != register_of(*note); });
  }
  return fields;
}

std::vector<NetEvent> BatchChanges::Take() {
  std::vector<NetEvent> events;
  for (Change& change : changes_) {
    change.node->change = 0;
    NetEvent event{change.node->id, std::move(change.place_before), PlacementOf(*change.node), ChangedFields(change),
                   !AreEqual(change.before_trash_before.get(), change.node->place.before_trash.get())};
    if (event.moved() || !event.fields.empty() || event.place_before_trash_changed) events.push_back(std::move(event));
  }
  changes_.clear();
  std::sort(events.begin(), events.end(), [](const NetEvent& a, const NetEvent& b) { return a.node < b.node; });
  return events;
}

}  // namespace copse::crdt
