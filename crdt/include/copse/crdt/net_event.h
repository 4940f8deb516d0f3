#pragma once

#include <copse/crdt/op.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace copse::crdt {

/// Where a node is, and since which op. `claim` is the time of the last op that took effect on its place.
struct Placement {
  NodeId parent;
  std::string name;
  Timestamp claim;

  friend bool operator==(const Placement&, const Placement&) = default;
};

/// A Placement that somebody else keeps.
struct PlacementView {
  NodeId parent;
  std::string_view name;
  Timestamp claim;

  PlacementView() = default;
  PlacementView(NodeId the_parent, std::string_view the_name, Timestamp the_claim)
      : parent(the_parent), name(the_name), claim(the_claim) {}
  PlacementView(const Placement& placement)  // NOLINT(google-explicit-constructor): as std::string_view's.
      : parent(placement.parent), name(placement.name), claim(placement.claim) {}
  explicit operator Placement() const { return Placement{parent, std::string(name), claim}; }

  friend bool operator==(const PlacementView&, const PlacementView&) = default;
};

/// What one batch changed about one node, from before to after: moves that came and went within the batch do not
/// show. A batch gives at most one event a node, in ascending order of node.
struct NetEvent {
  NodeId node;
  std::optional<Placement> before;  ///< Absent: the node had no place.
  std::optional<Placement> after;   ///< Absent: the node has no place (it has only fields so far).
  std::vector<FieldId> fields;      ///< Registers that hold another version or other versions than before, ascending.
  /// Tree::PlacementBeforeTrash tells another place than before. It can while the node itself stays in trash.
  bool place_before_trash_changed = false;

  bool moved() const { return before != after; }
  friend bool operator==(const NetEvent&, const NetEvent&) = default;
};

}  // namespace copse::crdt
