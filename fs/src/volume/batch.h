#pragma once

#include <copse/base/clock.h>
#include <copse/crdt/tree_replica.h>

#include <vector>

#include "volume/schema.h"

namespace copse::fs {

/// The ops of one system call while they are put together. Reads the replica's next timestamps and tree, so both must
/// stay as they are until the drafts are submitted.
class Batch {
 public:
  explicit Batch(const crdt::TreeReplica& replica) : replica_(replica) {}

  /// Makes a node at `place`; returns its id.
  crdt::NodeId Make(crdt::Place place, std::vector<crdt::Field> fields);
  void Move(crdt::NodeId node, crdt::Place place, std::vector<crdt::Field> fields);
  /// Sets registers without moving.
  void Set(crdt::NodeId node, std::vector<crdt::Field> fields);

  /// The entries of `directory` change: its time follows. Once a batch for each directory.
  void TouchDirectory(crdt::NodeId directory, base::UnixNanoseconds now);
  /// Moves the node that gives a name to trash under the name it has, provided it is still where its author saw it.
  void Trash(crdt::NodeId node, base::UnixNanoseconds now);

  /// The time of the op that is added next.
  crdt::Timestamp TimeOfNext() const { return replica_.TimeOfNextOp(drafts_.size()); }
  bool empty() const { return drafts_.empty(); }
  std::vector<crdt::TreeReplica::Draft> Take() && { return std::move(drafts_); }

 private:
  crdt::TreeReplica::Draft& Add(crdt::NodeId node, std::vector<crdt::Field> fields);

  const crdt::TreeReplica& replica_;
  std::vector<crdt::TreeReplica::Draft> drafts_;
  std::vector<crdt::NodeId> touched_;
};

}  // namespace copse::fs
