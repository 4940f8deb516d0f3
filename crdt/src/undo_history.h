#pragma once

#include <copse/crdt/op.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace copse::crdt {

class PendingEdits;

/// What was before one edit of a place, or of a register.
struct Reversal {
  NodeId node;
  Timestamp made;    ///< The edit.
  Timestamp before;  ///< Since when it had been as it was before; 0: since ever.
  /// For a place. Absent: the node was made by the edit.
  std::optional<Place> place_before;
  bool was_live = false;
  bool deletes = false;  ///< The edit brought it into the trash.
  /// Present for a register.
  std::optional<FieldId> field;
  std::optional<std::string> value_before;
};
/// In the order of the edits of one batch.
using UndoStep = std::vector<Reversal>;

/// The own batches that can be undone, and those that can be redone.
///
/// Undoing is done by new ops, so what an undo brings back has another claim than it had, and the batch before must
/// still know it for its own. Hence each of our undos remembers which time its op *stands for*.
class UndoHistory {
 public:
  /// An own batch that is no undo.
  void Did(UndoStep step);

  /// Edits that undo, or redo, the latest step of which anything is left to do. Where there is none: no edits.
  void Undo(PendingEdits& edits);
  void Redo(PendingEdits& edits);
  bool CanUndo(PendingEdits edits) const;
  bool CanRedo(PendingEdits edits) const;

 private:
  using StandsFor = std::map<Timestamp, Timestamp>;
  class Reverting;

  void Take(std::vector<UndoStep>& from, std::vector<UndoStep>& to, PendingEdits& edits);
  bool CanTake(const std::vector<UndoStep>& from, PendingEdits& edits) const;

  std::vector<UndoStep> done_;
  std::vector<UndoStep> undone_;
  StandsFor stands_for_;
};

}  // namespace copse::crdt
