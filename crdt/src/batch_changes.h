#pragma once

#include <copse/crdt/net_event.h>

#include <cstdint>
#include <vector>

#include "move.h"
#include "node_table.h"

namespace copse::crdt {

/// The place of a node: by the move that is in effect for it, and the one that was before it came under trash.
struct PlaceOfNode {
  MoveIndex in_effect = kNoMove;
  MoveIndex before_trash = kNoMove;

  /// What the present history of `node` says.
  static PlaceOfNode Of(const MoveTable& moves, const Node& node);
  friend bool operator==(const PlaceOfNode&, const PlaceOfNode&) = default;
};

/// What one batch has touched, as it was before. Events are found at the end, by comparing.
class BatchChanges {
 public:
  BatchChanges(NodeTable& nodes, const MoveTable& moves) : nodes_(nodes), moves_(moves) {}

  /// To be called before the history of `node` changes, and before one of its registers is written.
  void AboutToPlace(Slot node) { ChangeOf(node); }
  void AboutToWrite(Slot node, const Register& one);

  /// What was in effect for `node` at the end of its history before the batch.
  MoveIndex InEffectBefore(Slot node) const {
    const std::uint32_t change = nodes_[node].change;
    return change == 0 ? nodes_[node].in_effect : changes_[change - 1].place.in_effect;
  }

  /// Brings children in line with places. One event for each node that differs from before, ascending; forgets
  /// everything.
  std::vector<NetEvent> Take();

 private:
  struct RegisterBefore {
    FieldId id;
    RegisterKind kind;
    Register::Times times;
  };
  struct Change {
    Slot node;
    PlaceOfNode place;
    std::vector<RegisterBefore> registers;
  };

  Change& ChangeOf(Slot node);
  void MoveBetweenParents(NodeId node, MoveIndex from, MoveIndex to);
  std::vector<FieldId> ChangedFields(Change& change) const;

  NodeTable& nodes_;
  const MoveTable& moves_;
  std::vector<Change> changes_;
};

}  // namespace copse::crdt
