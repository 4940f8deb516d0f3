#include "undo_history.h"

#include <utility>

#include "pending_edits.h"

namespace copse::crdt {

/// Turns back one step in `edits`, as far as nobody else has changed it.
class UndoHistory::Reverting {
 public:
  Reverting(const StandsFor& known, PendingEdits& edits) : known_(known), edits_(edits) {}

  // Backward, so that the tree goes through the states that it came through.
  void Revert(const UndoStep& step) {
    for (auto edit = step.rbegin(); edit != step.rend(); ++edit) {
      const Timestamp time = edits_.NextTime();
      if (edit->field ? RevertField(*edit) : RevertPlace(*edit)) fresh_[time] = Original(edit->before);
    }
  }
  const StandsFor& fresh() const { return fresh_; }

 private:
  bool RevertPlace(const Reversal& edit);
  bool RevertField(const Reversal& edit);
  bool IsOwn(const Reversal& edit, Timestamp now) const { return Original(now) == Original(edit.made); }
  bool IsDeletedByOthersToo(const Reversal& edit) const;

  Timestamp Original(Timestamp time) const {
    for (const StandsFor* stands_for : {&fresh_, &known_}) {
      if (const auto found = stands_for->find(time); found != stands_for->end()) return found->second;
    }
    return time;
  }

  const StandsFor& known_;
  PendingEdits& edits_;
  StandsFor fresh_;
};

bool UndoHistory::Reverting::RevertPlace(const Reversal& edit) {
  const std::optional<PendingEdits::Held> now = edits_.PlaceOf(edit.node);
  if (!now || (!IsOwn(edit, now->claim) && !IsDeletedByOthersToo(edit))) return false;
  if (!edit.place_before) {
    edits_.Put(edit.node, {kTrash, now->place.name});
    return true;
  }
  const NodeId parent = edit.place_before->parent;
  if (edits_.IsWithin(parent, edit.node)) return false;
  // Nobody who undoes a move wants to see the node vanish because its old parent was deleted meanwhile.
  if (edit.was_live && edits_.IsLive(edit.node) && !edits_.IsLive(parent)) return false;
  edits_.Put(edit.node, *edit.place_before);
  return true;
}

// Of two deletions of what both saw the one with the lower time counts. Whoever undoes his wants the node back even if
// that was the other's.
bool UndoHistory::Reverting::IsDeletedByOthersToo(const Reversal& edit) const {
  const std::optional<PendingEdits::Held> deleted = edits_.PlaceBeforeTrash(edit.node);
  return edit.deletes && deleted && Original(deleted->claim) == Original(edit.before);
}

bool UndoHistory::Reverting::RevertField(const Reversal& edit) {
  const std::optional<PendingEdits::Written> now = edits_.ValueOf(edit.node, *edit.field);
  if (!now || !IsOwn(edit, now->time)) return false;
  edits_.Write(edit.node, *edit.field, edit.value_before);
  return true;
}

void UndoHistory::Did(UndoStep step) {
  done_.push_back(std::move(step));
  undone_.clear();
}

void UndoHistory::Undo(PendingEdits& edits) { Take(done_, undone_, edits); }

void UndoHistory::Redo(PendingEdits& edits) { Take(undone_, done_, edits); }

bool UndoHistory::CanUndo(PendingEdits edits) const { return CanTake(done_, edits); }

bool UndoHistory::CanRedo(PendingEdits edits) const { return CanTake(undone_, edits); }

void UndoHistory::Take(std::vector<UndoStep>& from, std::vector<UndoStep>& to, PendingEdits& edits) {
  while (!from.empty() && edits.drafts().empty()) {
    Reverting reverting(stands_for_, edits);
    reverting.Revert(from.back());
    from.pop_back();
    stands_for_.insert(reverting.fresh().begin(), reverting.fresh().end());
  }
  if (!edits.drafts().empty()) to.push_back(edits.step());
}

bool UndoHistory::CanTake(const std::vector<UndoStep>& from, PendingEdits& edits) const {
  for (auto step = from.rbegin(); step != from.rend() && edits.drafts().empty(); ++step) {
    Reverting(stands_for_, edits).Revert(*step);
  }
  return !edits.drafts().empty();
}

}  // namespace copse::crdt
