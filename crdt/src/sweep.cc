// The history of places is kept as it is, once: every move knows whether it takes effect and what was in effect for its
// child before (the paper's old parent). So the tree as of any time can be read without undoing what is later, and a
// late move costs what it changes, not what has happened since.
//
// Before a batch the chain of every node is consistent: what a move says was before it is what the move before it
// leaves. New moves enter without effect, which changes nothing. Then, in order of time, verdicts are made anew where
// they may differ. Where one does, the chain has a gap: the next move still says what was before it in the old history.
// The gap moves forward with the sweep until both histories agree again, or the end is reached. So at any moment
// everything before the sweep is new and everything after it old, and both can be compared.

#include "sweep.h"

#include <algorithm>

#include "check.h"

namespace copse::crdt {

bool Sweep::NeedsWalk(const Move& move) const {
  return move.guard == kNoGuard && !NodeTable::IsPermanent(move.parent) && !IsSelfMove(move);
}

void Sweep::Add(MoveIndex index) {
  const Move& move = moves_[index];
  if (IsSelfMove(move)) return;  // Never takes effect, and makes nobody an ancestor.
  added_.push_back(index);
  Directory& parent = nodes_.DirectoryOf(move.parent);
  if (NodeTable::IsPermanent(move.parent) || move.time() > parent.first_named) return;
  // Without moves there is nothing to promote.
  if (nodes_[move.parent].last != kNoMove) promotions_.push_back(Promotion{move.parent, parent.first_named});
  parent.first_named = move.time();
}

void Sweep::Run() {
  for (const MoveIndex move : added_) {
    if (!IsBase(moves_[move])) MakeStructural(move);
  }
  for (const Promotion& promotion : promotions_) Promote(promotion);
  for (const MoveIndex move : added_) {
    if (IsBase(moves_[move])) FoldBase(move);
  }

  constexpr Timestamp kEnd{~std::uint64_t{0}};
  for (Timestamp now;;) {
    const Timestamp next = events_.empty() ? kEnd : events_.top().time;
    if (const auto concerned = structural_.Find(now, next, different_); concerned.move != kNoMove) {
      Judge(concerned.move);
      now = Timestamp{concerned.time.value + 1};
      continue;
    }
    if (events_.empty()) break;
    const Event event = events_.top();
    events_.pop();
    now = event.time;
    if (event.kind == EventKind::kShow) {
      Show(event.node, now);
    } else {
      Judge(event.move);
      now = Timestamp{now.value + 1};
    }
  }
  if constexpr (kChecksInvariants) {
    for (const MoveIndex move : added_) CheckChain(moves_[move].child);
  }
  for (const Slot node : different_) nodes_[node].difference = 0;
  different_.clear();
  added_.clear();
  promotions_.clear();
}

void Sweep::CheckChain(Slot node) const {
  MoveIndex in_effect = kNoMove;
  for (const MoveIndex move : chains_.All(nodes_[node])) {
    CRDT_CHECK(moves_[move].before == in_effect);
    in_effect = moves_.After(move);
  }
  CRDT_CHECK(nodes_[node].in_effect == in_effect);
}

void Sweep::PushJudge(MoveIndex move) {
  events_.push(Event{moves_[move].time(), EventKind::kJudge, move, moves_[move].child});
}

void Sweep::MakeStructural(MoveIndex move) {
  moves_[move].is_structural = true;
  if (NeedsWalk(moves_[move])) structural_.Insert(moves_[move].time(), move);
  PushJudge(move);
}

void Sweep::Promote(const Promotion& promotion) {
  Node& node = nodes_[promotion.node];
  MoveIndex move = chains_.NextAfter(node, node.first_named());
  for (; move != kNoMove; move = chains_.NextAfter(node, moves_[move].time())) {
    if (moves_[move].time() > promotion.old_first_named) break;
    // A new one is structural already, and one that two promotions cover is by the first.
    if (!moves_[move].is_structural) MakeStructural(move);
  }
}

// The verdicts of base moves depend on nothing but earlier moves on the same node.
void Sweep::FoldBase(MoveIndex from) {
  const Slot slot = moves_[from].child;
  Node& node = nodes_[slot];
  changes_.AboutToPlace(slot);
  moves_[from].takes_effect = MayTakeEffect(from);
  for (MoveIndex at = from;;) {
    const MoveIndex now = moves_.After(at);
    const MoveIndex next = chains_.NextAfter(node, moves_[at].time());
    if (next != kNoMove && moves_[next].before == now) return;
    if (next == kNoMove || !IsBase(moves_[next])) {
      if (next == kNoMove) {
        node.in_effect = now;
      } else {
        PushJudge(next);
      }
      if (node.directory) events_.push(Event{node.first_named(), EventKind::kShow, kNoMove, slot});
      return;
    }
    moves_[next].before = now;
    moves_[next].takes_effect = MayTakeEffect(next);
    at = next;
  }
}

void Sweep::Show(Slot slot, Timestamp time) {
  Node& node = nodes_[slot];
  const MoveIndex now = moves_.After(chains_.AtOrBefore(node, time));
  SetDifference(slot, OldInEffect(slot, chains_.NextAfter(node, time)), now);
}

void Sweep::Judge(MoveIndex index) {
  Move& move = moves_[index];
  Node& node = nodes_[move.child];
  const MoveIndex next = chains_.NextAfter(node, move.time());
  const MoveIndex old = OldInEffect(move.child, next);

  const MoveIndex before = moves_.After(chains_.AtOrBefore(node, Timestamp{move.time().value - 1}));
  if (move.before != before) {
    changes_.AboutToPlace(move.child);
    move.before = before;
  }
  const bool takes_effect = MayTakeEffect(index);
  if (move.takes_effect != takes_effect) {
    changes_.AboutToPlace(move.child);
    move.takes_effect = takes_effect;
  }

  const MoveIndex now = moves_.After(index);
  if (next == kNoMove) {
    node.in_effect = now;
  } else if (moves_[next].before != now) {
    PushJudge(next);
  }
  SetDifference(move.child, old, now);
}

bool Sweep::MayTakeEffect(MoveIndex index) {
  const Move& move = moves_[index];
  if (IsSelfMove(move)) return false;
  if (move.guard != kNoGuard) return moves_[move.before].time() == move.guard;  // Into trash: closes no cycle.
  if (!NeedsWalk(move) || IsBase(move)) return true;
  const bool closes_cycle = WalkMeets(move.parent, move.time(), move.child);
  structural_.SetWalk(move.time(), walk_);
  return !closes_cycle;
}

bool Sweep::WalkMeets(Slot from, Timestamp time, Slot wanted) {
  walk_.clear();
  for (Slot at = from; at != kNoSlot && !NodeTable::IsPermanent(at);) {
    if (at == wanted) return true;
    walk_.push_back(at);
    at = moves_[moves_.After(chains_.AtOrBefore(nodes_[at], time))].parent;
  }
  return false;
}

// What was in effect for `node` in the old history before `next`, its first move that the sweep has not passed.
MoveIndex Sweep::OldInEffect(Slot node, MoveIndex next) const {
  return next == kNoMove ? changes_.InEffectBefore(node) : moves_[next].before;
}

void Sweep::SetDifference(Slot slot, MoveIndex old_move, MoveIndex new_move) {
  std::uint32_t& difference = nodes_[slot].difference;  // Where it stands in different_, + 1; 0: nowhere.
  const bool differs = moves_[old_move].parent != moves_[new_move].parent;
  if (differs == (difference != 0)) return;
  if (differs) {
    different_.push_back(slot);
    difference = static_cast<std::uint32_t>(different_.size());
    return;
  }
  different_[difference - 1] = different_.back();
  nodes_[different_.back()].difference = difference;
  different_.pop_back();
  difference = 0;
}

}  // namespace copse::crdt
