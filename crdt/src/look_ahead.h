#pragma once

#include <copse/crdt/op.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "move.h"
#include "node_table.h"

namespace copse::crdt {

/// The nodes that an op names, and what is known of where they lie.
struct Named {
  Slot child = kNoSlot;
  Slot parent = kNoSlot;  ///< kNoSlot where the op has no place.
  DirectoryNumber to = kNoDirectory;
  DirectoryNumber from = kNoDirectory;
};

/// Has what an op will need brought near, in steps of which each needs what the one before has brought.
class Fetch {
 public:
  /// `wants_names`: whether the old names of what is moved will be asked for.
  Fetch(NodeTable& nodes, const MoveTable& moves, bool wants_names)
      : nodes_(nodes), moves_(moves), wants_names_(wants_names) {}

  Named Nodes(const Op& op) const {
    Named named;
    named.child = nodes_.FindOrMake(op.child);
    nodes_.PrefetchNode(named.child);
    if (op.place) named.parent = nodes_.FindOrMake(op.place->parent);
    nodes_.PrefetchNode(named.parent);
    return named;
  }
  /// The last move of the child, and the directory that the parent is.
  void Ends(Named& named) const {
    __builtin_prefetch(&moves_[nodes_.Last(named.child)]);
    if (named.parent == kNoSlot || !nodes_[named.parent].has_directory()) return;
    named.to = nodes_.DirectoryNumberOf(named.parent);
    nodes_.PrefetchDirectory(named.to);
  }
  /// Where the child is, and where it goes.
  void Places(Named& named) const {
    const MoveIndex now = moves_.After(nodes_.Last(named.child));
    named.from = moves_[now].parent();
    nodes_.PrefetchDirectory(named.from);
    if (wants_names_) moves_.PrefetchName(now);
    nodes_.PrefetchChildren(named.to);
  }
  void Children(const Named& named) const { nodes_.PrefetchChildren(named.from); }

 private:
  NodeTable& nodes_;
  const MoveTable& moves_;
  bool wants_names_;
};

/// Has what the ops of a batch will need brought near before it is their turn. In a large tree nearly all of it is far
/// away; asked for ahead, it comes side by side instead of one after another.
class LookAhead {
 public:
  LookAhead(std::span<const Op> ops, const Fetch& fetch) : ops_(ops), fetch_(fetch) {
    for (std::size_t op = 0; op < std::min(kNodes, ops_.size()); ++op) ahead_[op] = fetch_.Nodes(ops_[op]);
    for (std::size_t op = 0; op < std::min(kEnds, ops_.size()); ++op) fetch_.Ends(ahead_[op]);
    for (std::size_t op = 0; op < std::min(kPlaces, ops_.size()); ++op) fetch_.Places(ahead_[op]);
    for (std::size_t op = 0; op < std::min(kChildren, ops_.size()); ++op) fetch_.Children(ahead_[op]);
  }

  /// The nodes of `op`; to be called for each op in turn.
  Named Pass(std::size_t op) {
    const Named named = ahead_[op % kNodes];
    if (op + kChildren < ops_.size()) fetch_.Children(At(op + kChildren));
    if (op + kPlaces < ops_.size()) fetch_.Places(At(op + kPlaces));
    if (op + kEnds < ops_.size()) fetch_.Ends(At(op + kEnds));
    if (op + kNodes < ops_.size()) At(op + kNodes) = fetch_.Nodes(ops_[op + kNodes]);
    return named;
  }

 private:
  // How many ops ahead.
  static constexpr std::size_t kNodes = 16;
  static constexpr std::size_t kEnds = 11;
  static constexpr std::size_t kPlaces = 7;
  static constexpr std::size_t kChildren = 3;

  Named& At(std::size_t op) { return ahead_[op % kNodes]; }

  std::span<const Op> ops_;
  const Fetch& fetch_;
  std::array<Named, kNodes> ahead_;
};

}  // namespace copse::crdt
