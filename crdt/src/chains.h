#pragma once

#include <absl/container/flat_hash_map.h>
#include <copse/crdt/timestamp.h>

#include <vector>

#include "move.h"
#include "node_table.h"

namespace copse::crdt {

/// The moves on each node in order of time. Together with what each says of itself (Move::before, takes_effect) the
/// chain of a node is its whole history of places.
///
/// A short chain is linked from the newest move back; one in which something was looked for far back is an array too.
class Chains {
 public:
  Chains(NodeTable& nodes, MoveTable& moves) : nodes_(nodes), moves_(moves) {}

  /// Whether there is a move of `time` on `node`. Cost: as AtOrBefore.
  bool Contains(Slot node, Timestamp time) { return TimeOf(AtOrBefore(node, time)) == time; }

  /// Adds `move` to the chain of its child, as taking no effect, so that the history says what it said before. No
  /// other move there has its time. Cost: O(1) at the end, else O(log chain) and a copy of what is later.
  void Insert(MoveIndex index) {
    Move& move = moves_[index];
    const MoveIndex last = nodes_.Last(move.child());
    if (nodes_[move.child()].has_array() || move.time() <= TimeOf(last)) {
      InsertFar(index);
      return;
    }
    move.earlier = last;
    move.before = moves_.After(last);
    nodes_.SetLast(move.child(), index);
    NoteEnd(move.child());
  }

  /// The newest move on `node` not later than `time`; kNoMove if none. Cost: O(log chain), O(1) near the end.
  MoveIndex AtOrBefore(Slot node, Timestamp time) {
    const MoveIndex last = nodes_.Last(node);
    return TimeOf(last) <= time ? last : SearchBack(node, time).at_or_before;  // The time of kNoMove is 0.
  }
  /// The oldest move on `node` later than `time`; kNoMove if none. Cost: the same.
  MoveIndex NextAfter(Slot node, Timestamp time) {
    return TimeOf(nodes_.Last(node)) <= time ? kNoMove : SearchBack(node, time).next;
  }

  /// What is in effect for `node` at the end of its history.
  MoveIndex InEffect(Slot node) const { return moves_.After(nodes_.Last(node)); }

  /// One step of a walk to the root: the parent of a directory just before `time`. kNoDirectory if it had no place.
  DirectoryNumber ParentBefore(DirectoryNumber number, Timestamp time) {
    const DirectoryEnd& end = nodes_.directory_end(number);
    if (end.time < time) return end.parent;
    return moves_[moves_.After(AtOrBefore(nodes_.NodeOf(number), Timestamp{time.value - 1}))].parent();
  }
  /// To be called when the end of the chain of `node`, or what it leaves, has changed, and when `node` has been given a
  /// directory.
  void NoteEnd(Slot node) {
    if (!nodes_[node].has_directory()) return;
    const MoveIndex last = nodes_.Last(node);
    nodes_.directory_end(nodes_.DirectoryNumberOf(node)) = {TimeOf(last), moves_[moves_.After(last)].parent(), node};
  }

  /// All moves on `node`, oldest first.
  std::vector<MoveIndex> All(Slot node) const;
  /// Forgets the arrays: each node's chain is what its links say.
  void DropArrays();

 private:
  struct Entry {
    Timestamp time;
    MoveIndex move;
  };
  using Array = std::vector<Entry>;
  struct Neighbours {
    MoveIndex at_or_before;
    MoveIndex next;
  };

  static constexpr int kStepsMax = 12;

  Timestamp TimeOf(MoveIndex move) const { return moves_[move].time(); }
  static Array::iterator UpperBound(Array& array, Timestamp time);
  // `time` is earlier than the end of the chain.
  Neighbours SearchBack(Slot node, Timestamp time);
  void MakeArray(Slot node);
  void InsertFar(MoveIndex index);

  NodeTable& nodes_;
  MoveTable& moves_;
  absl::flat_hash_map<Slot, Array> arrays_;
};

}  // namespace copse::crdt
