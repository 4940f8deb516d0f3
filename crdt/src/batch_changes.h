#pragma once

#include <copse/crdt/net_event.h>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "chains.h"
#include "move.h"
#include "node_table.h"
#include "registers.h"

namespace copse::crdt {

/// Brings the children of the parents in line: `node` was placed by `from`, and is by `to`.
inline void MoveBetweenParents(NodeTable& nodes, const MoveTable& moves, Slot node, MoveIndex from, MoveIndex to) {
  const DirectoryNumber old_parent = moves[from].parent();
  const DirectoryNumber new_parent = moves[to].parent();
  if (old_parent == new_parent) return;
  if (old_parent != kNoDirectory) nodes.RemoveChild(old_parent, node);
  if (new_parent != kNoDirectory) nodes.AddChild(new_parent, node);
}

/// What one batch has touched, as it was before. Events are found at the end, by comparing.
class BatchChanges {
 public:
  BatchChanges(NodeTable& nodes, const MoveTable& moves, const Chains& chains, const RegisterTable& registers)
      : nodes_(nodes), moves_(moves), chains_(chains), registers_(registers) {}

  /// To be called before a batch. `events`: those that Take will be given; nullptr if none are wanted.
  void Begin(std::span<const Op> batch, std::vector<NetEvent>* events) {
    events_ = events;
    const bool is_alone = events != nullptr && batch.size() == 1 && batch.front().place && batch.front().fields.empty();
    alone_ = is_alone ? &batch.front() : nullptr;
  }

  /// To be called before the history of `node` changes, and before one of its registers is written.
  void AboutToPlace(Slot node) {
    if (!nodes_[node].has_changed()) Note(node, chains_.InEffect(node));
  }
  /// The same, where `before` is in effect and the change is that `after` will be, at the end of the history.
  void AboutToPlaceLeaf(Slot node, MoveIndex before, MoveIndex after) {
    if (nodes_[node].has_changed()) return;
    if (events_ != nullptr && alone_ == nullptr) {
      Note(node, before);
      return;
    }
    MoveBetweenParents(nodes_, moves_, node, before, after);
    if (alone_ != nullptr) Tell(before, after);
  }
  void AboutToWrite(Slot node, std::span<const Field> fields);

  /// Brings children in line with places, and forgets everything. Adds to `events`, given if they are wanted, one event
  /// for each node that differs from before, ascending.
  void Take();

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
    RegisterTable::Times times;
  };

  void Note(Slot node, MoveIndex in_effect);
  void Tell(MoveIndex before, MoveIndex after);
  MoveIndex BeforeTrash(MoveIndex in_effect) const;
  void Prefetch(std::size_t change) const;
  void PrefetchPlacement(MoveIndex move) const;
  void TakeOne(const Change& change);
  std::vector<FieldId> ChangedFields(Slot node) const;
  void SetPlacement(std::optional<Placement>& placement, MoveIndex move) const;

  NodeTable& nodes_;
  const MoveTable& moves_;
  const Chains& chains_;
  const RegisterTable& registers_;
  std::vector<NetEvent>* events_ = nullptr;
  const Op* alone_ = nullptr;  // The op of a batch that is nothing but one move: of a leaf, its event is at hand.
  std::vector<Change> changes_;
  std::vector<RegisterBefore> notes_;  // From Take on ascending by node, id and kind.
};

}  // namespace copse::crdt
