#pragma once

#include <copse/crdt/net_event.h>

#include <cstddef>
#include <vector>

#include "chains.h"
#include "move.h"
#include "node_table.h"
#include "register_table.h"

namespace copse::crdt {

/// What one batch has touched, as it was before. Events are found at the end, by comparing.
class BatchChanges {
 public:
  BatchChanges(NodeTable& nodes, const MoveTable& moves, const Chains& chains, const RegisterTable& registers)
      : nodes_(nodes), moves_(moves), chains_(chains), registers_(registers) {}

  /// To be called before the history of `node` changes, and before one of its registers is written.
  void AboutToPlace(Slot node) {
    if (!nodes_[node].has_changed()) Note(node);
  }
  void AboutToWrite(Slot node, const Register& one);

  /// Brings children in line with places, and forgets everything. Adds to `events`, if that is given, one event for
  /// each node that differs from before, ascending.
  void Take(std::vector<NetEvent>* events);

 private:
  struct Change {
    NodeId id;
    Slot node;
    MoveIndex in_effect;
    MoveIndex before_trash;
  };
  struct RegisterBefore {
    Slot node;
    FieldId id;
    RegisterKind kind;
    Register::Times times;
  };

  void Note(Slot node);
  MoveIndex BeforeTrash(MoveIndex in_effect) const;
  void Prefetch(std::size_t change) const;
  void TakeOne(const Change& change, std::vector<NetEvent>* events);
  std::vector<FieldId> ChangedFields(Slot node) const;
  std::optional<Placement> PlacementBy(MoveIndex move) const;

  NodeTable& nodes_;
  const MoveTable& moves_;
  const Chains& chains_;
  const RegisterTable& registers_;
  std::vector<Change> changes_;
  std::vector<RegisterBefore> notes_;  // From Take on ascending by node, id and kind.
};

/// Brings the children of the parents in line: `node` was placed by `from`, and is by `to`.
void MoveBetweenParents(NodeTable& nodes, const MoveTable& moves, Slot node, MoveIndex from, MoveIndex to);

}  // namespace copse::crdt
