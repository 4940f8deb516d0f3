#include "volume/batch.h"

#include <copse/base/check.h>

#include <algorithm>

namespace copse::fs {

using crdt::Field;
using crdt::NodeId;
using crdt::Place;

crdt::TreeReplica::Draft& Batch::Add(NodeId node, std::vector<Field> fields) {
  std::sort(fields.begin(), fields.end(), [](const Field& a, const Field& b) { return a.id < b.id; });
  crdt::TreeReplica::Draft& draft = drafts_.emplace_back();
  draft.child = node;
  draft.fields = std::move(fields);
  return draft;
}

NodeId Batch::Make(Place place, std::vector<Field> fields) {
  const NodeId node = replica_.NodeOfNextOp(drafts_.size());
  Move(node, std::move(place), std::move(fields));
  return node;
}

void Batch::Move(NodeId node, Place place, std::vector<Field> fields) {
  Add(node, std::move(fields)).place = std::move(place);
}

void Batch::Set(NodeId node, std::vector<Field> fields) { Add(node, std::move(fields)); }

void Batch::TouchDirectory(NodeId directory, base::UnixNanoseconds now) {
  if (std::find(touched_.begin(), touched_.end(), directory) != touched_.end()) return;
  touched_.push_back(directory);
  Set(directory, {schema::Set(schema::kMtime, schema::EncodeTime(now))});
}

void Batch::Trash(NodeId node, base::UnixNanoseconds now) {
  const auto placement = replica_.tree().PlacementOf(node);
  COPSE_CHECK(placement.has_value());  // A shown entry has a place.
  auto& draft = Add(node, {schema::Set(schema::kCtime, schema::EncodeTime(now))});
  draft.place = Place{crdt::kTrash, std::string(placement->name)};
  draft.guard = placement->claim;
}

}  // namespace copse::fs
