#pragma once

#include <copse/crdt/op.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "move.h"
#include "node_table.h"

namespace copse::crdt {

/// Has what the ops of a batch will need brought near before it is their turn. In a large tree nearly all of it is far
/// away; asked for ahead, it comes side by side instead of one after another.
class LookAhead {
 public:
  LookAhead(std::span<const Op> ops, const NodeTable& nodes, const MoveTable& moves)
      : ops_(ops), nodes_(nodes), moves_(moves) {
    for (std::size_t op = 0; op < std::min(kNodes, ops_.size()); ++op) FetchNodes(op);
    for (std::size_t op = 0; op < std::min(kEnds, ops_.size()); ++op) FetchEnds(op);
    for (std::size_t op = 0; op < std::min(kPlaces, ops_.size()); ++op) FetchPlaces(op);
  }

  /// To be called before each op in turn.
  void Pass(std::size_t op) {
    if (op + kPlaces >= ops_.size()) return;
    FetchPlaces(op + kPlaces);
    if (op + kEnds < ops_.size()) FetchEnds(op + kEnds);
    if (op + kNodes < ops_.size()) FetchNodes(op + kNodes);
  }

 private:
  // How many ops ahead. Each step needs what the one before it has brought.
  static constexpr std::size_t kNodes = 16;
  static constexpr std::size_t kEnds = 10;
  static constexpr std::size_t kPlaces = 5;

  struct Ahead {
    Slot child;
    Slot parent;
    DirectoryNumber directory;
  };

  void FetchNodes(std::size_t op) {
    const NodeId child = ops_[op].child;
    const Slot slot = nodes_.Find(child);
    nodes_.PrefetchNode(slot);
    const Slot parent = ops_[op].place ? nodes_.Find(ops_[op].place->parent) : kNoSlot;
    nodes_.PrefetchNode(parent);
    ahead_[op % kNodes] = {slot, parent, kNoDirectory};
  }

  // The last move of the child, and the directory that the parent is.
  void FetchEnds(std::size_t op) {
    Ahead& ahead = ahead_[op % kNodes];
    if (ahead.parent != kNoSlot && nodes_[ahead.parent].has_directory()) {
      ahead.directory = nodes_.DirectoryNumberOf(ahead.parent);
      nodes_.PrefetchDirectory(ahead.directory);
    }
    if (ahead.child != kNoSlot) __builtin_prefetch(&moves_[nodes_.Last(ahead.child)]);
  }

  // Where the child is, and where it goes.
  void FetchPlaces(std::size_t op) {
    const Ahead& ahead = ahead_[op % kNodes];
    if (ahead.child != kNoSlot) {
      const MoveIndex now = moves_.After(nodes_.Last(ahead.child));
      nodes_.PrefetchDirectory(moves_[now].parent());
      moves_.PrefetchName(now);
    }
    if (ahead.directory != kNoDirectory) nodes_.directory(ahead.directory).children.PrefetchEnd();
  }

  std::span<const Op> ops_;
  const NodeTable& nodes_;
  const MoveTable& moves_;
  std::array<Ahead, kNodes> ahead_;
};

}  // namespace copse::crdt
