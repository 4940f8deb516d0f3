#pragma once

#include <copse/crdt/timestamp.h>

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
  Sweep(NodeTable& nodes, MoveTable& moves, Chains& chains, StructuralIndex& structural, BatchChanges& changes)
      : nodes_(nodes), moves_(moves), chains_(chains), structural_(structural), changes_(changes) {}

  /// Notes `move`, which is in its child's chain now and takes no effect yet. All moves of a batch are added first.
  void Add(MoveIndex move);

  /// Judges. Cost: a walk for each structural move that is new or may be concerned, and the blocks of the structural
  /// index in which some node's parent differs from before.
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

  bool IsSelfMove(const Move& move) const { return move.child == move.parent; }
  bool IsBase(const Move& move) const { return move.time() < nodes_[move.child].first_named(); }
  // Whether a cycle can refuse it.
  bool NeedsWalk(const Move& move) const;

  void Promote(const Promotion& promotion);
  void MakeStructural(MoveIndex move);
  void FoldBase(MoveIndex from);
  void PushJudge(MoveIndex move);
  void Show(Slot node, Timestamp time);
  void Judge(MoveIndex move);
  bool MayTakeEffect(MoveIndex move);
  bool WalkMeets(Slot from, Timestamp time, Slot wanted);
  MoveIndex OldInEffect(Slot node, MoveIndex next) const;
  void CheckChain(Slot node) const;
  void SetDifference(Slot node, MoveIndex old_move, MoveIndex new_move);

  NodeTable& nodes_;
  MoveTable& moves_;
  Chains& chains_;
  StructuralIndex& structural_;
  BatchChanges& changes_;

  std::vector<MoveIndex> added_;
  std::vector<Promotion> promotions_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<Slot> different_;  // Nodes whose parent differs from the old history at the time that the sweep is at.
  std::vector<Slot> walk_;       // Of the move being judged.
};

}  // namespace copse::crdt
