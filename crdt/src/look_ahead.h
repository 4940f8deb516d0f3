#pragma once

#include <copse/crdt/op.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "bring_near.h"
#include "move.h"
#include "node_table.h"

namespace copse::crdt {

/// The nodes that an op names.
struct Named {
  Slot child = kNoSlot;
  Slot parent = kNoSlot;  ///< kNoSlot where the op has no place.
};

/// Has what an op will need brought near, in steps of which each needs what the one before has brought.
class Fetch {
 public:
  /// `wants_places`: whether it will be asked where what is moved has been.
  Fetch(NodeTable& nodes, const MoveTable& moves, bool wants_places)
      : nodes_(nodes), moves_(moves), wants_places_(wants_places) {}

  Named Nodes(const Op& op) const {
    Named named;
    named.child = nodes_.FindOrMake(op.child);
    nodes_.PrefetchNode(named.child);
    if (op.place) named.parent = nodes_.FindOrMake(op.place->parent);
    nodes_.PrefetchNode(named.parent);
    return named;
  }
  /// The last move of the child, and the directory that the parent is.
  void Ends(const Named& named) const {
    BringNear(&moves_[nodes_.Last(named.child)]);
    if (named.parent == kNoSlot || !nodes_[named.parent].has_directory()) return;
    nodes_.PrefetchDirectory(nodes_.DirectoryNumberOf(named.parent));
  }
  /// Where the child is.
  void Places(const Named& named) const {
    if (!wants_places_) return;
    const MoveIndex now = moves_.After(nodes_.Last(named.child));
    nodes_.PrefetchDirectoryEnd(moves_[now].parent());
    moves_.PrefetchName(now);
  }

 private:
  NodeTable& nodes_;
  const MoveTable& moves_;
  bool wants_places_;
};

/// Has what the ops of a batch will need brought near before it is their turn. In a large tree nearly all of it is far
/// away; asked for ahead, it comes side by side instead of one after another.
class LookAhead {
 public:
  LookAhead(std::span<const Op> ops, const Fetch& fetch) : ops_(ops), fetch_(fetch) {
    for (std::size_t op = 0; op < std::min(kNodes, ops_.size()); ++op) ahead_[op] = fetch_.Nodes(ops_[op]);
    for (std::size_t op = 0; op < std::min(kEnds, ops_.size()); ++op) fetch_.Ends(ahead_[op]);
    for (std::size_t op = 0; op < std::min(kPlaces, ops_.size()); ++op) fetch_.Places(ahead_[op]);
  }

  /// The nodes of `op`; to be called for each op in turn.
  Named Pass(std::size_t op) {
    const Named named = ahead_[op % kNodes];
    if (op + kPlaces < ops_.size()) fetch_.Places(At(op + kPlaces));
    if (op + kEnds < ops_.size()) fetch_.Ends(At(op + kEnds));
    if (op + kNodes < ops_.size()) At(op + kNodes) = fetch_.Nodes(ops_[op + kNodes]);
    return named;
  }

 private:
  // How many ops ahead.
  static constexpr std::size_t kNodes = 16;
  static constexpr std::size_t kEnds = 11;
  static constexpr std::size_t kPlaces = 6;

  Named& At(std::size_t op) { return ahead_[op % kNodes]; }

  std::span<const Op> ops_;
  const Fetch& fetch_;
  std::array<Named, kNodes> ahead_;
};

}  // namespace copse::crdt
