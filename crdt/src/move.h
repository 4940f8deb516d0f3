#pragma once

#include <copse/crdt/net_event.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "byte_arena.h"
#include "image.h"
#include "stable_vector.h"

namespace copse::crdt {

/// A node, by its place in the NodeTable. 30 bits.
using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = (Slot{1} << 30) - 1;

/// The part of a node that has been named as parent, by its place in the NodeTable. 29 bits.
using DirectoryNumber = std::uint32_t;
inline constexpr DirectoryNumber kNoDirectory = (DirectoryNumber{1} << 30) - 1;

/// A move, by its place in the MoveTable. 29 bits.
using MoveIndex = std::uint32_t;
inline constexpr MoveIndex kMovesMax = MoveIndex{1} << 29;
/// The first element of every MoveTable: what is in effect for a node that has no place. Its time is 0.
inline constexpr MoveIndex kNoMove = 0;

/// One op with a place, and what became of it: the paper's LogMove. There are as many as there are ops, so it is kept
/// small: what few moves have (a guard) is elsewhere, and no integer wants more alignment than four bytes.
class Move {
 public:
  Timestamp time() const { return Timestamp{(std::uint64_t{time_high_} << 32) | time_low_}; }
  Slot child() const { return child_; }
  /// kNoDirectory if the child itself was named: such a move never takes effect.
  DirectoryNumber parent() const { return parent_; }
  bool takes_effect() const { return takes_effect_; }
  /// Its child may have been an ancestor by then. See Sweep.
  bool is_structural() const { return is_structural_; }
  bool has_guard() const { return has_guard_; }

  void SetTime(Timestamp time) {
    time_high_ = static_cast<std::uint32_t>(time.value >> 32);
    time_low_ = static_cast<std::uint32_t>(time.value);
  }
  void SetEnds(Slot child, DirectoryNumber parent) {
    child_ = child & kNoSlot;
    parent_ = parent & kNoDirectory;
  }
  void SetTakesEffect(bool takes_effect) { takes_effect_ = takes_effect; }
  void SetStructural() { is_structural_ = true; }
  void SetHasGuard() { has_guard_ = true; }

  MoveIndex before = kNoMove;   ///< In effect for the child just before this one: the paper's old parent.
  MoveIndex earlier = kNoMove;  ///< The move on the same child next before in time. See Chains.
  ByteArena::Ref name = 0;

 private:
  std::uint32_t time_low_ = 0;
  std::uint32_t time_high_ = 0;
  std::uint32_t child_ : 30 = kNoSlot;
  std::uint32_t takes_effect_ : 1 = false;
  std::uint32_t is_structural_ : 1 = false;
  std::uint32_t parent_ : 30 = kNoDirectory;
  std::uint32_t has_guard_ : 1 = false;
};
static_assert(sizeof(Move) == 28);

class MoveTable : public StableVector<Move> {
 public:
  MoveTable() { Grow(); }  // kNoMove.

  MoveIndex Add(Timestamp time, Slot child, DirectoryNumber parent, std::string_view name) {
    const MoveIndex index = size();
    Move& move = Grow();
    move.SetTime(time);
    move.SetEnds(child, parent);
    move.name = names_.Add(name);
    return index;
  }

  /// What is in effect for the child just after `index`.
  MoveIndex After(MoveIndex index) const {
    const Move& move = (*this)[index];
    return move.takes_effect() ? index : move.before;
  }

  void PrefetchName(MoveIndex move) const { names_.Prefetch((*this)[move].name); }
  std::string_view NameOf(MoveIndex move) const { return names_[(*this)[move].name]; }

  /// Of a move that has one. Cost: O(log moves with guards), O(1) for the newest.
  Timestamp GuardOf(MoveIndex move) const {
    if (guards_.back().move == move) return guards_.back().guard;
    return std::lower_bound(guards_.begin(), guards_.end(), move,
                            [](const Guard& one, MoveIndex bound) { return one.move < bound; })
        ->guard;
  }
  /// `move` has none, and no later one has been given any.
  void SetGuard(MoveIndex move, Timestamp guard) {
    (*this)[move].SetHasGuard();
    guards_.push_back(Guard{move, 0, guard});
  }

  void Save(ImageWriter& image) const;
  absl::Status Load(ImageReader& image);
  /// Whether the name of `move` lies where names lie: for what comes from an image.
  bool HasName(MoveIndex move) const { return names_.Holds((*this)[move].name); }
  std::size_t guard_count() const { return guards_.size(); }
  std::size_t bytes_used() const { return std::size_t{size()} * sizeof(Move) + names_.bytes_used(); }

  /// Adds a move equal to one of another table, but for the links to others.
  MoveIndex AddCopy(const MoveTable& from, MoveIndex move) {
    const MoveIndex index = size();
    Grow() = from[move];
    (*this)[index].name = names_.Add(from.NameOf(move));
    if (from[move].has_guard()) guards_.push_back(Guard{index, 0, from.GuardOf(move)});
    return index;
  }

 private:
  struct Guard {
    MoveIndex move;
    std::uint32_t unused = 0;
    Timestamp guard;
  };

  ByteArena names_;
  std::vector<Guard> guards_;  // Ascending by move.
};

/// The last place outside trash at or before `in_effect`, a move that takes effect or kNoMove; kNoMove if there is
/// none.
inline MoveIndex LastOutsideTrash(const MoveTable& moves, MoveIndex in_effect) {
  // The number of the directory of a well-known node is its own.
  while (moves[in_effect].parent() == kTrash.value) in_effect = moves[in_effect].before;
  return in_effect;
}

}  // namespace copse::crdt
