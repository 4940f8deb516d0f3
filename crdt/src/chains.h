#pragma once

#include <copse/crdt/timestamp.h>

#include <vector>

#include "move.h"
#include "node_table.h"

namespace copse::crdt {

/// The moves on each node in order of time. Together with what each says of itself (Move::before, takes_effect) the
/// chain of a node is its whole history of places.
///
/// A short chain is linked from the newest move back; one in which something was looked for far back is an array.
class Chains {
 public:
  explicit Chains(MoveTable& moves) : moves_(&moves) {}

  /// Adds `move`, which takes no effect yet, and whose time no other has.
  /// Cost: O(1) at the end, else O(log chain) and a copy of what is later.
  void Insert(Node& node, MoveIndex move);

  /// The newest move on `node` not later than `time`; kNoMove if none. Cost: O(log chain), O(1) near the end.
  MoveIndex AtOrBefore(Node& node, Timestamp time);
  /// The oldest move on `node` later than `time`; kNoMove if none. Cost: the same.
  MoveIndex NextAfter(Node& node, Timestamp time);

  /// Whether there is a move of `time` on `node`.
  bool Contains(Node& node, Timestamp time) { return TimeOf(AtOrBefore(node, time)) == time; }

  /// All moves on `node`, oldest first.
  std::vector<MoveIndex> All(const Node& node) const;
  /// Frees the arrays, which no node uses any more.
  void DropArrays() { arrays_.clear(); }

 private:
  struct Entry {
    Timestamp time;
    MoveIndex move;
  };
  using Array = std::vector<Entry>;

  static constexpr int kStepsMax = 12;

  Timestamp TimeOf(MoveIndex move) const { return (*moves_)[move].time(); }
  Array& ArrayOf(const Node& node) { return arrays_[node.long_chain - 1]; }
  static Array::iterator UpperBound(Array& array, Timestamp time);
  void MakeArray(Node& node);

  MoveTable* moves_;
  std::vector<Array> arrays_;
};

}  // namespace copse::crdt
