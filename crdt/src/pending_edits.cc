#include "pending_edits.h"

namespace copse::crdt {

std::optional<PendingEdits::Held> PendingEdits::PlaceOf(NodeId node) const {
  if (const auto found = places_.find(node); found != places_.end()) return found->second;
  const auto placement = replica_->tree().PlacementOf(node);
  if (!placement) return std::nullopt;
  return Held{{placement->parent, std::string(placement->name)}, placement->claim};
}

std::optional<PendingEdits::Held> PendingEdits::PlaceBeforeTrash(NodeId node) const {
  if (places_.contains(node)) return std::nullopt;
  const auto placement = replica_->tree().PlacementBeforeTrash(node);
  if (!placement) return std::nullopt;
  return Held{{placement->parent, std::string(placement->name)}, placement->claim};
}

std::optional<PendingEdits::Written> PendingEdits::ValueOf(NodeId node, const FieldId& field) const {
  if (const auto found = values_.find({node, field}); found != values_.end()) return found->second;
  const auto version = replica_->tree().Value(node, field.number, field.key);
  if (!version) return std::nullopt;
  return Written{crdt::RegisterVersion(*version).value, version->time};
}

std::optional<NodeId> PendingEdits::ParentOf(NodeId node) const {
  if (const auto found = places_.find(node); found != places_.end()) return found->second.place.parent;
  const auto placement = replica_->tree().PlacementOf(node);
  if (!placement) return std::nullopt;
  return placement->parent;
}

bool PendingEdits::IsWithin(NodeId node, NodeId ancestor) const {
  for (std::optional<NodeId> at = node; at; at = ParentOf(*at)) {
    if (*at == ancestor) return true;
  }
  return false;
}

void PendingEdits::Put(NodeId node, Place place) {
  const Timestamp time = NextTime();
  const std::optional<Held> before = PlaceOf(node);
  Reversal& reversal = step_.emplace_back();
  reversal.node = node;
  reversal.made = time;
  reversal.was_live = IsLive(node);
  TreeReplica::Draft& draft = drafts_.emplace_back();
  draft.child = node;
  draft.place = place;
  if (before) {
    reversal.place_before = before->place;
    reversal.before = before->claim;
    reversal.deletes = place.parent == kTrash && before->place.parent != kTrash;
    if (place.parent == kTrash) draft.guard = before->claim;
  }
  places_[node] = {std::move(place), time};
}

void PendingEdits::Write(NodeId node, FieldId field, std::optional<std::string> value) {
  const Timestamp time = NextTime();
  const std::optional<Written> before = ValueOf(node, field);
  Reversal& reversal = step_.emplace_back();
  reversal.node = node;
  reversal.made = time;
  reversal.field = field;
  if (before) {
    reversal.value_before = before->value;
    reversal.before = before->time;
  }
  TreeReplica::Draft& draft = drafts_.emplace_back();
  draft.child = node;
  draft.fields.push_back({field, value, std::nullopt});
  values_[{node, std::move(field)}] = {std::move(value), time};
}

}  // namespace copse::crdt
