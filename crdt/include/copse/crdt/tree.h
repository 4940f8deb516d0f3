#pragma once

#include <absl/status/status.h>
#include <copse/crdt/net_event.h>
#include <copse/crdt/op.h>
#include <copse/crdt/register_version.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace copse::crdt {

/// The move-only tree CRDT: a tree of nodes with registers, computed from a set of ops.
///
/// The result is defined as: fold all known ops in timestamp order; an op with a place takes effect unless its child
/// is the new parent or one of its ancestors at that moment, or it has a guard and the child's claim is not it. So it
/// does not depend on the order in which ops arrive. Kept is the history of every node's places, so that a late op
/// costs what it changes and not what has happened since; docs/crdt.md, "The engine", says how and why that is right.
///
/// Not thread-safe; any number of readers at one time while nobody applies. Not copyable.
class Tree {
 public:
  /// How a move that comes late is taken in: either the later moves that it may concern are looked for and judged
  /// again, or, where few are later, all of them are done again. The outcome is the same. For tests, and who measures.
  struct LateMoves {
    std::size_t for_new = 64;     ///< So many are done again rather than looked through, for each late move,
    std::size_t for_judged = 16;  ///< and so many more for each that has been judged on the way.
  };

  Tree();
  explicit Tree(const LateMoves& late);
  ~Tree();
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  /// Applies `ops`, in any order, with one sweep for all of them; returns what changed on balance.
  /// Each must pass ValidateOp, and no two different ops may have one time. A move that is in the log already, or not
  /// later than Horizon, is ignored; an op without a place must come once only (TreeReplica sees to all of this). Cost:
  /// O(1) for a move of a node that no earlier move names as parent, however late it arrives; else a walk to the root,
  /// and one for each later move of a directory whose verdict it may change.
  std::vector<NetEvent> Apply(std::span<const Op> ops);
  /// The same, adding what changed to `events`, whose memory can so be used again.
  void Apply(std::span<const Op> ops, std::vector<NetEvent>& events);
  /// The same without finding out what changed: for a log that is read at the start.
  void Replay(std::span<const Op> ops);

  /// Where `node` is; nothing if no op has placed it. The well-known roots are under kForest. Valid until Truncate.
  std::optional<PlacementView> PlacementOf(NodeId node) const;

  /// The last place outside trash that `node` had before it came under trash; nothing unless its parent is trash
  /// and it had one. Valid until Truncate.
  std::optional<PlacementView> PlacementBeforeTrash(NodeId node) const;

  /// Whether `ancestor` is on the way from `node` up to the forest; a node is not its own ancestor.
  bool IsAncestor(NodeId ancestor, NodeId node) const;

  /// Children in ascending order of id: at most `limit` of those whose id is higher than `after`.
  /// Cost: O(what is returned + sqrt(children) log children) at the most.
  std::vector<NodeId> ChildrenOf(NodeId parent, NodeId after = kForest,
                                 std::size_t limit = std::numeric_limits<std::size_t>::max()) const;

  /// The value of a last-writer-wins register; nothing if never written. Valid until Apply.
  std::optional<RegisterVersionView> Value(NodeId node, std::uint32_t number, std::string_view key = {}) const;

  /// The live versions of a multi-value register, ascending by time; empty if none. Valid until Apply.
  RegisterVersions Versions(NodeId node, std::uint32_t number, std::string_view key = {}) const;

  /// The ids of the registers of `number` that hold a value, ascending by key.
  std::vector<FieldId> FieldsOf(NodeId node, std::uint32_t number) const;

  /// Every node that an op has placed or set a field of, and the well-known ones; ascending.
  std::vector<NodeId> Nodes() const;

  /// Nodes that have a move, effective or not, and the well-known ones.
  std::size_t NodeCount() const;
  /// Moves known and later than Horizon.
  std::size_t LogSize() const;
  /// Moves kept beside one for each node: about what Truncate can give back.
  std::size_t HistorySize() const;
  /// Those of the log whose child may have been an ancestor by then, and that are therefore judged by other moves too.
  std::size_t StructuralSize() const;

  /// Forgets the history of places up to `stable`, a time up to which every op that will ever come has come (the
  /// minimum over all members of a volume: the paper's causally stable point, section 3.6). The tree stays as it is and
  /// goes on taking in ops, with the result that it would have had. A time not later than Horizon changes nothing.
  /// Cost: O(nodes + moves kept and forgotten).
  void Truncate(Timestamp stable);
  /// The latest `stable` so far; 0 if there was none.
  Timestamp Horizon() const;

  /// Shows the tree as of `time`, not earlier than Horizon: what all moves later than it have done is undone until
  /// Redo. Between the two calls placements and children read as of `time` (registers do not change), and neither Apply
  /// nor Truncate may be called. Cost: O(nodes), and O(log) for each that differs.
  void UndoAfter(Timestamp time);
  /// Redoes what UndoAfter undid.
  void Redo();

 private:
  friend class TreeReplica;  // Images are of a replica: what a tree knows means something only with its vector.
  struct State;
  void Save(class ImageWriter& image) const;
  absl::Status Load(class ImageReader& image);
  /// About how many bytes Save writes.
  std::size_t BytesUsed() const;

  std::unique_ptr<State> state_;
};

}  // namespace copse::crdt
