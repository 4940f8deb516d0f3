#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/image.h>
#include <copse/crdt/journal.h>
#include <copse/crdt/timestamp.h>
#include <copse/crdt/tree.h>
#include <copse/crdt/version_vector.h>

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace copse::crdt {

/// One replica of the tree: makes its own ops durable and applies them, and takes in those of others.
///
/// Not thread-safe; readers of tree() at one time while nobody submits or ingests. Not copyable.
class TreeReplica {
 public:
  /// A further rule for ops of an application, beside ValidateOp (a file system checks names here).
  using Validator = std::function<absl::Status(const Op&)>;

  /// An op before it has a time. `child` may be NodeOfNextOp of this or an earlier op of the batch.
  struct Draft {
    NodeId child;
    std::optional<Place> place;
    std::optional<Timestamp> guard;
    std::vector<Field> fields;
  };
  struct Submitted {
    std::vector<Op> ops;
    std::vector<NetEvent> events;
  };
  /// Whole batches of one actor, the first op being the actor's op number `first`.
  struct Run {
    ActorId actor = 0;
    std::uint64_t first = 0;
    std::span<const Op> ops;
  };

  /// `journal` must outlive the replica. `actor` is not 0.
  TreeReplica(ActorId actor, Journal& journal, Validator validator = nullptr);
  TreeReplica(const TreeReplica&) = delete;
  TreeReplica& operator=(const TreeReplica&) = delete;

  ActorId actor() const { return clock_.actor(); }
  const Tree& tree() const { return tree_; }
  Tree& mutable_tree() { return tree_; }
  const VersionVector& version() const { return version_; }
  std::uint64_t lamport_counter() const { return clock_.counter(); }

  /// The time that the op at `index` of the next submitted batch will have.
  Timestamp TimeOfNextOp(std::size_t index) const { return clock_.Peek(index); }
  /// The id that a node created by that op must have.
  NodeId NodeOfNextOp(std::size_t index) const { return TimeOfNextOp(index).node(); }

  /// Makes one batch of own ops: gives times, appends to the journal, applies. No drafts: does nothing.
  /// Errors: kInvalidArgument a draft breaks a rule; those of the journal. After an error nothing is applied and the
  /// next batch takes the same times.
  absl::StatusOr<Submitted> Submit(std::vector<Draft> drafts);

  /// Takes in `ops` of `actor`, whole batches, the first being the actor's op number `first`. What is known already is
  /// skipped. The caller has made them durable. Also the way in which a replica's own ops come back at start.
  /// A batch with an op that breaks a rule of validity is counted and never applied, alike everywhere.
  /// Errors: kFailedPrecondition ops before `first` are missing; kInvalidArgument the ops are not of `actor`, not in
  /// ascending time, end inside a batch, or run ahead of any honest clock; the message names the op by its number among
  /// those of `actor`. After an error nothing has changed.
  absl::StatusOr<std::vector<NetEvent>> Ingest(ActorId actor, std::uint64_t first, std::span<const Op> ops);

  /// The same for several runs in causal order, of one actor or of many, as one: all are judged in one sweep, and after
  /// an error nothing of any has changed.
  absl::StatusOr<std::vector<NetEvent>> Ingest(std::span<const Run> runs);

  /// All that the replica knows, as bytes that Load takes back in a fraction of the time that its ops would take:
  /// docs/format/image.md. They have no checksum: whoever stores them has one. Between Tree::UndoAfter and Redo it must
  /// not be called. Cost: O(nodes + moves).
  std::string Save() const;
  /// Takes in what Save of a replica of the same actor and validator gave, instead of its ops; afterwards the two
  /// cannot be told apart. The replica must know nothing yet. It goes on living in the memory of `image`.
  /// Errors: kFailedPrecondition another format, another actor, or a machine that orders bytes in another way;
  /// kDataLoss not what Save gives. After an error nothing has changed. Wrong bytes are found out as far as that keeps
  /// reading safe; what is wrong in another way may stop the program later, so bytes from strangers have no place here.
  absl::Status Load(ImageBuffer image);

 private:
  struct Known {
    std::uint64_t count = 0;
    Timestamp latest;
  };

  absl::Status Validate(const Op& op) const;
  bool IsValid(std::span<const Op> batch) const;
  Known KnownOf(ActorId actor) const;
  void Know(ActorId actor, const Known& known);

  LamportClock clock_;
  Journal& journal_;
  Validator validator_;
  Tree tree_;
  VersionVector version_;
  std::map<ActorId, Timestamp> latest_;  // Of each actor with an op.
};

}  // namespace copse::crdt
