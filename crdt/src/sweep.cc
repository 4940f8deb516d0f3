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

#include "bring_near.h"
#include "check.h"

namespace copse::crdt {

bool Sweep::NeedsWalk(const Move& move) {
  return !move.has_guard() && !NodeTable::IsPermanent(move.parent()) && !IsSelfMove(move);
}

void Sweep::Run() {
  if (!IsWaiting()) return;
  for (const MoveIndex move : added_) {
    if (!IsBase(moves_[move])) MakeStructural(move);
  }
  for (const Promotion& promotion : promotions_) Promote(promotion);
  for (const MoveIndex move : added_) {
    if (IsBase(moves_[move])) FoldBase(move);
  }

  JudgeWhatMayDiffer();
  if constexpr (kChecksInvariants) {
    for (const MoveIndex move : added_) CheckChain(moves_[move].child());
  }
  for (const Note& note : notes_) nodes_.directory(note.directory).note = 0;
  notes_.clear();
  different_.clear();
  added_.clear();
  promotions_.clear();
}

void Sweep::JudgeWhatMayDiffer() {
  constexpr Timestamp kEnd{~std::uint64_t{0}};
  std::size_t worth = late_.for_new * events_.size();
  Timestamp now;
  while (!events_.empty() || !different_.empty()) {
    if (different_.empty()) now = events_.top().time;
    if (!structural_.HasMoreThan(worth, now)) return RedoFrom(now);
    const Timestamp next = events_.empty() ? kEnd : events_.top().time;
    if (const auto found = structural_.Find(now, next, different_); found.move != kNoMove) {
      Judge(found.move);
      now = Timestamp{found.time.value + 1};
    } else if (events_.empty()) {
      return;
    } else {
      const Event event = events_.top();
      events_.pop();
      now = event.time;
      if (event.kind == EventKind::kShow) {
        Show(event.node, now);
        continue;
      }
      Judge(event.move);
      now = Timestamp{now.value + 1};
    }
    worth += late_.for_judged;
  }
}

template <typename Walk>
bool Sweep::PresentWalkMeets(DirectoryNumber from, DirectoryNumber wanted, Walk& walk) {
  const std::size_t count = nodes_.directory_count();
  for (DirectoryNumber at = from; at != kNoDirectory && !NodeTable::IsPermanent(at);) {
    if (at == wanted) return true;
    walk.Add(at);
    CRDT_CHECK(walk.length() < count);  // There is no cycle to go round in.
    at = nodes_.directory_end(at).parent;
  }
  return false;
}

// The textbook's way: the parent of each directory, as walks read it, is set back to what it was just before `from`,
// and every structural move from there on is done again. What was in effect for a child is at hand then, so gaps in
// chains close on the way, and neither waiting events nor differences matter any more.
void Sweep::RedoFrom(Timestamp from) {
  events_ = {};
  in_effect_.resize(nodes_.directory_count(), kNotRedone);
  structural_.ForEachFrom(from, [this](MoveIndex move, DirectoryNumber child) {
    if (in_effect_[child] != kNotRedone) return;
    in_effect_[child] = moves_.After(moves_[move].earlier);
    nodes_.directory_end(child).parent = moves_[in_effect_[child]].parent();
    redone_.push_back(child);
  });
  const auto look_ahead = [this](MoveIndex move) { BringNear(&moves_[move]); };
  structural_.JudgeFrom(from, look_ahead, [this](MoveIndex index, DirectoryNumber child, auto& walk) {
    Move& move = moves_[index];
    const MoveIndex before = in_effect_[child];
    bool takes_effect = !IsSelfMove(move);
    if (move.has_guard()) {
      takes_effect = moves_[before].time() == moves_.GuardOf(index);
    } else if (NeedsWalk(move)) {
      takes_effect = !PresentWalkMeets(move.parent(), child, walk);
    }
    if (move.before != before || move.takes_effect() != takes_effect) {
      changes_.AboutToPlace(move.child());
      move.before = before;
      move.SetTakesEffect(takes_effect);
    }
    if (takes_effect) {
      in_effect_[child] = index;
      nodes_.directory_end(child).parent = move.parent();
    }
  });
  for (const DirectoryNumber number : redone_) {
    chains_.NoteEnd(nodes_.NodeOf(number));
    in_effect_[number] = kNotRedone;
  }
  redone_.clear();
}

void Sweep::CheckChain(Slot node) const {
  MoveIndex in_effect = kNoMove;
  for (const MoveIndex move : chains_.All(node)) {
    CRDT_CHECK(moves_[move].before == in_effect);
    in_effect = moves_.After(move);
  }
  if (!nodes_[node].has_directory()) return;
  const DirectoryEnd& end = nodes_.directory_end(nodes_.DirectoryNumberOf(node));
  CRDT_CHECK(end.time == moves_[nodes_.Last(node)].time());
  CRDT_CHECK(end.parent == moves_[in_effect].parent());
}

void Sweep::AboutToChange(Slot node) {
  changes_.AboutToPlace(node);
  if (nodes_[node].has_directory()) {
    Note& note = NoteOn(nodes_.DirectoryNumberOf(node));
    if (!note.in_effect) note.in_effect = chains_.InEffect(node);
  }
}

Sweep::Note& Sweep::NoteOn(DirectoryNumber number) {
  Directory& directory = nodes_.directory(number);
  if (directory.note == 0) {
    notes_.push_back(Note{number, std::nullopt, 0});
    directory.note = static_cast<std::uint32_t>(notes_.size());
  }
  return notes_[directory.note - 1];
}

void Sweep::PushJudge(MoveIndex move) {
  events_.push(Event{moves_[move].time(), EventKind::kJudge, move, moves_[move].child()});
}

void Sweep::Index(MoveIndex index) {
  Move& move = moves_[index];
  move.SetStructural();
  structural_.Insert(move.time(), index, nodes_.DirectoryNumberOf(move.child()));
}

void Sweep::MakeStructural(MoveIndex move) {
  Index(move);
  PushJudge(move);
}

void Sweep::Promote(const Promotion& promotion) {
  MoveIndex move = chains_.NextAfter(promotion.node, nodes_.FirstNamed(promotion.node));
  for (; move != kNoMove; move = chains_.NextAfter(promotion.node, moves_[move].time())) {
    if (moves_[move].time() > promotion.old_first_named) break;
    // A new one is structural already, and one that two promotions cover is by the first.
    if (!moves_[move].is_structural()) MakeStructural(move);
  }
}

// The verdicts of base moves depend on nothing but earlier moves on the same node.
void Sweep::FoldBase(MoveIndex from) {
  const Slot node = moves_[from].child();
  AboutToChange(node);
  moves_[from].SetTakesEffect(MayTakeEffect(from));
  for (MoveIndex at = from;;) {
    const MoveIndex now = moves_.After(at);
    const MoveIndex next = chains_.NextAfter(node, moves_[at].time());
    if (next != kNoMove && moves_[next].before == now) return;
    if (next == kNoMove || !IsBase(moves_[next])) {
      if (next == kNoMove) {
        chains_.NoteEnd(node);
      } else {
        PushJudge(next);
      }
      if (nodes_[node].has_directory()) {
        events_.push(Event{nodes_.FirstNamed(node), EventKind::kShow, kNoMove, node});
      }
      return;
    }
    moves_[next].before = now;
    moves_[next].SetTakesEffect(MayTakeEffect(next));
    at = next;
  }
}

void Sweep::Show(Slot node, Timestamp time) {
  const MoveIndex now = moves_.After(chains_.AtOrBefore(node, time));
  SetDifference(node, OldInEffect(node, chains_.NextAfter(node, time)), now);
}

// Nothing is later, so nothing else can be concerned.
void Sweep::JudgeNewest(MoveIndex index) {
  Move& move = moves_[index];
  Index(index);
  if (!MayTakeEffect(index)) return;
  changes_.AboutToPlace(move.child());
  move.SetTakesEffect(true);
  chains_.NoteEnd(move.child());
}

void Sweep::Judge(MoveIndex index) {
  Move& move = moves_[index];
  const MoveIndex next = chains_.NextAfter(move.child(), move.time());
  const MoveIndex old = OldInEffect(move.child(), next);  // Before anything changes.

  const MoveIndex before = moves_.After(move.earlier);
  if (move.before != before) {
    AboutToChange(move.child());
    move.before = before;
  }
  const bool takes_effect = MayTakeEffect(index);
  if (move.takes_effect() != takes_effect) {
    AboutToChange(move.child());
    move.SetTakesEffect(takes_effect);
  }

  const MoveIndex now = moves_.After(index);
  if (next == kNoMove) {
    chains_.NoteEnd(move.child());
  } else if (moves_[next].before != now) {
    PushJudge(next);
  }
  SetDifference(move.child(), old, now);
}

bool Sweep::MayTakeEffect(MoveIndex index) {
  const Move& move = moves_[index];
  if (IsSelfMove(move)) return false;
  if (move.has_guard()) return moves_[move.before].time() == moves_.GuardOf(index);  // Into trash: closes no cycle.
  if (!NeedsWalk(move) || IsBase(move)) return true;
  const bool closes_cycle = WalkMeets(move.parent(), move.time(), nodes_.DirectoryNumberOf(move.child()));
  structural_.SetWalk(move.time(), walk_);
  return !closes_cycle;
}

bool Sweep::WalkMeets(DirectoryNumber from, Timestamp time, DirectoryNumber wanted) {
  walk_.Clear();
  const std::size_t count = nodes_.directory_count();
  for (DirectoryNumber at = from; at != kNoDirectory && !NodeTable::IsPermanent(at);) {
    if (at == wanted) return true;
    walk_.Add(at);
    CRDT_CHECK(walk_.length() < count);  // There is no cycle to go round in.
    at = chains_.ParentBefore(at, time);
  }
  return false;
}

// What was in effect for `node` in the old history before `next`, its first move that the sweep has not passed.
MoveIndex Sweep::OldInEffect(Slot node, MoveIndex next) const {
  if (next != kNoMove) return moves_[next].before;
  const std::uint32_t note = nodes_.FindDirectory(node)->note;
  const auto noted = note == 0 ? std::nullopt : notes_[note - 1].in_effect;
  return noted ? *noted : chains_.InEffect(node);
}

void Sweep::SetDifference(Slot node, MoveIndex old_move, MoveIndex new_move) {
  Note& note = NoteOn(nodes_.DirectoryNumberOf(node));
  const bool differs = moves_[old_move].parent() != moves_[new_move].parent();
  if (differs == (note.difference != 0)) return;
  if (differs) {
    different_.push_back(note.directory);
    note.difference = static_cast<std::uint32_t>(different_.size());
    return;
  }
  different_[note.difference - 1] = different_.back();
  NoteOn(different_.back()).difference = note.difference;
  different_.pop_back();
  note.difference = 0;
}

}  // namespace copse::crdt
