#pragma once

#include <copse/crdt/tree_replica.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "undo_history.h"

namespace copse::crdt {

/// Edits that are to become one batch: its drafts, what it takes to undo them, and the tree as it will be after them.
class PendingEdits {
 public:
  /// A place and the time of the op that gave it.
  struct Held {
    Place place;
    Timestamp claim;
  };
  struct Written {
    std::optional<std::string> value;
    Timestamp time;
  };

  /// `replica` must outlive it and not change meanwhile.
  explicit PendingEdits(const TreeReplica& replica) : replica_(&replica) {}

  /// The time of the next edit.
  Timestamp NextTime() const { return replica_->TimeOfNextOp(drafts_.size()); }

  std::optional<Held> PlaceOf(NodeId node) const;
  /// The last place outside trash of a node in trash; of nodes that no edit has touched.
  std::optional<Held> PlaceBeforeTrash(NodeId node) const;
  std::optional<Written> ValueOf(NodeId node, const FieldId& field) const;
  /// Whether `node` is `ancestor`, or below it.
  bool IsWithin(NodeId node, NodeId ancestor) const;
  bool IsLive(NodeId node) const { return IsWithin(node, kRoot); }

  /// Into the trash with a guard: what is deleted is what was seen here.
  void Put(NodeId node, Place place);
  void Write(NodeId node, FieldId field, std::optional<std::string> value);

  const std::vector<TreeReplica::Draft>& drafts() const { return drafts_; }
  const UndoStep& step() const { return step_; }

 private:
  std::optional<NodeId> ParentOf(NodeId node) const;

  const TreeReplica* replica_;
  std::vector<TreeReplica::Draft> drafts_;
  UndoStep step_;
  std::map<NodeId, Held> places_;
  std::map<std::pair<NodeId, FieldId>, Written> values_;
};

}  // namespace copse::crdt
