#pragma once

#include <copse/crdt/net_event.h>

#include <cstdint>

#include "stable_vector.h"

namespace copse::crdt {

/// A node, by its place in the NodeTable.
using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = 0xffff'ffff;

/// A move, by its place in the MoveTable.
using MoveIndex = std::uint32_t;
/// The first element of every MoveTable: what is in effect for a node that has no place. Its claim is 0.
inline constexpr MoveIndex kNoMove = 0;

inline constexpr Timestamp kNoGuard{~std::uint64_t{0}};

/// One op with a place, and what became of it: the paper's LogMove.
struct Move {
  Placement placement;  ///< What it gives its child. `claim` is the time of the op.
  Timestamp guard = kNoGuard;
  Slot child = kNoSlot;
  Slot parent = kNoSlot;
  MoveIndex before = kNoMove;   ///< In effect for the child just before this one: the paper's old parent.
  MoveIndex earlier = kNoMove;  ///< The move on the same child next before in time. See Chains.
  bool takes_effect = false;
  bool is_structural = false;  ///< Its child may have been an ancestor by then. See Sweep.

  Timestamp time() const { return placement.claim; }
};

class MoveTable : public StableVector<Move> {
 public:
  MoveTable() { emplace_back(); }  // kNoMove.

  /// What is in effect for the child just after `move`.
  MoveIndex After(MoveIndex move) const { return (*this)[move].takes_effect ? move : (*this)[move].before; }
};

/// The last place outside trash at or before `in_effect`, a move that takes effect or kNoMove; kNoMove if there is
/// none.
inline MoveIndex LastOutsideTrash(const MoveTable& moves, MoveIndex in_effect) {
  while (moves[in_effect].placement.parent == kTrash) in_effect = moves[in_effect].before;
  return in_effect;
}

}  // namespace copse::crdt
