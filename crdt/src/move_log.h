#pragma once

#include <copse/crdt/op.h>

#include <optional>
#include <vector>

#include "batch_changes.h"
#include "node.h"

namespace copse::crdt {

/// The paper's log: every move known, ascending by time, each with what it displaced. The entries before a position are
/// done, the later ones undone; outside of UndoAfter and Merge all are done.
class MoveLog {
 public:
  std::size_t size() const { return entries_.size(); }
  bool AllDone() const { return done_ == entries_.size(); }
  bool Contains(Timestamp time) const;

  /// Adds `moves` (ops with places, ascending, none in the log), with one rewind. Notes in `changes` what is about to
  /// change. Cost: O(moves + entries later than the first of them), and the walks.
  void Merge(const std::vector<const Op*>& moves, NodeTable& nodes, BatchChanges& changes);

  /// Undoes entries later than `time`, newest first.
  void UndoAfter(Timestamp time);
  /// Does every entry that is undone, oldest first.
  void Redo();

 private:
  struct Entry {
    Timestamp time;
    std::optional<Timestamp> guard;
    bool took_effect;
    Node* child;
    // While the move is in effect: the place of the child that it displaced. Else: the place that it would give.
    // So doing and undoing are swaps, and no name is ever copied.
    NodePlace other_place;
  };

  static Entry EntryOf(const Op& move, NodeTable& nodes);
  static bool MayTakeEffect(const Entry& entry);
  static void SwapPlaces(Entry& entry);
  void Do(Entry& entry);
  void Undo(Entry& entry);

  std::vector<Entry> entries_;
  std::size_t done_ = 0;
  BatchChanges* changes_ = nullptr;  // Set while merging.
};

}  // namespace copse::crdt
