#pragma once

#include <copse/crdt/timestamp.h>
#include <copse/crdt/tree.h>

#include <cstdint>
#include <optional>
#include <queue>
#include <span>
#include <tuple>
#include <vector>

#include "batch_changes.h"
#include "chains.h"
#include "move.h"
#include "node_table.h"
#include "structural_index.h"

namespace copse::crdt {

/// Brings the history of places up to date with new moves: judges those whose verdict may differ from the old history,
/// in order of time, and no others. docs/crdt.md, "The engine", has the argument.
class Sweep {
 public:
  Sweep(NodeTable& nodes, MoveTable& moves, Chains& chains, StructuralIndex& structural, BatchChanges& changes,
        const Tree::LateMoves& late)
      : nodes_(nodes), moves_(moves), chains_(chains), structural_(structural), changes_(changes), late_(late) {}

  /// The directory that a new move of `child` at `time` names as parent; kNoDirectory if that is the child itself.
  DirectoryNumber NameParent(Slot child, Slot parent, Timestamp time) {
    if (parent == child) return kNoDirectory;
    if (!nodes_[parent].has_directory()) {
      nodes_.MakeDirectory(parent);
      chains_.NoteEnd(parent);
    } else if (IsNewest(time)) {
      return nodes_.DirectoryNumberOf(parent);  // An earlier move has named it.
    }
    const DirectoryNumber number = nodes_.DirectoryNumberOf(parent);
    Directory& directory = nodes_.directory(number);
    if (time < directory.first_named && !NodeTable::IsPermanent(parent)) {
      // Only later moves can be promoted.
      if (nodes_.directory_end(number).time > time) promotions_.push_back(Promotion{parent, directory.first_named});
      directory.first_named = time;
    }
    return number;
  }

  /// Of all moves that were ever added.
  Timestamp latest() const { return latest_; }
  /// The moves that there are now come from an image.
  void SetLatest(Timestamp latest) { latest_ = latest; }

  const Tree::LateMoves& late() const { return late_; }
  /// Whether a move at `time` is later than all that were ever added.
  bool IsNewest(Timestamp time) const { return latest_ < time; }

  /// Takes in `move`, which has just been inserted into its child's chain. Judges it at once if nothing that is known
  /// or still to come in the batch can make that wrong; else it waits for Run. Cost: O(1), and for a move of a
  /// directory that is newer than all others a walk.
  void Add(MoveIndex index) {
    Move& move = moves_[index];
    const bool is_newest = IsNewest(move.time());
    if (is_newest) latest_ = move.time();
    if (IsSelfMove(move)) {  // Never takes effect, and makes nobody an ancestor.
      if (!IsBase(move)) Index(index);
      return;
    }
    // No walk has ever read the place of a leaf. If a later move of the batch names it as parent, what was folded is
    // promoted.
    const bool is_leaf = !nodes_[move.child()].has_directory();
    if (is_leaf && is_newest) {
      if (move.has_guard() && moves_[move.before].time() != moves_.GuardOf(index)) return;
      changes_.AboutToPlaceLeaf(move.child(), move.before, index);
      move.SetTakesEffect(true);
    } else if (is_leaf) {
      FoldBase(index);
    } else if (is_newest && !IsWaiting()) {
      JudgeNewest(index);
    } else {
      added_.push_back(index);
    }
  }

  /// Judges what waits. Cost: a walk for each structural move that is new or may be concerned, and the blocks of the
  /// structural index in which some node's parent differs from before; or a walk for each that is later, where that is
  /// less (Tree::LateMoves).
  void Run();

 private:
  // A node whose earliest naming as a parent has turned out to be earlier: its moves between become structural.
  struct Promotion {
    Slot node;
    Timestamp old_first_named;
  };
  enum class EventKind : std::uint8_t { kShow, kJudge };
  // kShow: from here on walks can pass `node`, whose base has changed. kJudge: the move of this time.
  struct Event {
    Timestamp time;
    EventKind kind;
    MoveIndex move;
    Slot node;

    friend bool operator>(const Event& a, const Event& b) {
      return std::tie(a.time, a.kind) > std::tie(b.time, b.kind);
    }
  };

  // What a directory was in the old history.
  struct Note {
    DirectoryNumber directory;
    std::optional<MoveIndex> in_effect;  // At the end, before Run changed it.
    // Where it stands in different_, + 1, if its parent differs from the old history at the time that the sweep is at;
    // else 0.
    std::uint32_t difference = 0;
  };

  static bool IsSelfMove(const Move& move) { return move.parent() == kNoDirectory; }
  bool IsBase(const Move& move) const { return move.time() < nodes_.FirstNamed(move.child()); }
  // Whether a cycle can refuse it.
  static bool NeedsWalk(const Move& move);
  bool IsWaiting() const { return !added_.empty() || !promotions_.empty(); }

  void JudgeWhatMayDiffer();
  void RedoFrom(Timestamp from);
  template <typename Walk>
  bool PresentWalkMeets(DirectoryNumber from, DirectoryNumber wanted, Walk& walk);
  void Promote(const Promotion& promotion);
  void Index(MoveIndex move);
  void MakeStructural(MoveIndex move);
  void FoldBase(MoveIndex from);
  void PushJudge(MoveIndex move);
  void Show(Slot node, Timestamp time);
  void JudgeNewest(MoveIndex move);
  void Judge(MoveIndex move);
  bool MayTakeEffect(MoveIndex move);
  bool WalkMeets(DirectoryNumber from, Timestamp time, DirectoryNumber wanted);
  MoveIndex OldInEffect(Slot node, MoveIndex next) const;
  void AboutToChange(Slot node);
  void CheckChain(Slot node) const;
  void SetDifference(Slot node, MoveIndex old_move, MoveIndex new_move);
  Note& NoteOn(DirectoryNumber number);

  NodeTable& nodes_;
  MoveTable& moves_;
  Chains& chains_;
  StructuralIndex& structural_;
  BatchChanges& changes_;
  const Tree::LateMoves late_;

  Timestamp latest_;  // Of all moves ever added.
  std::vector<MoveIndex> added_;
  std::vector<Promotion> promotions_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<Note> notes_;                 // Directory::note is the place of one in here, + 1; 0: there is none.
  std::vector<DirectoryNumber> different_;  // Those that differ, by what Note::difference says.
  DirectoryWalk walk_;                      // Of the move being judged.

  // While moves are done again: what is in effect for their children at that time, by the number of the directory.
  static constexpr MoveIndex kNotRedone = ~MoveIndex{0};
  std::vector<MoveIndex> in_effect_;
  std::vector<DirectoryNumber> redone_;  // Those children.
};

}  // namespace copse::crdt
