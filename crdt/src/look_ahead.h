#pragma once

#include <copse/crdt/op.h>

#include <array>
#include <cstddef>
#include <span>

#include "move.h"
#include "node_table.h"

namespace copse::crdt {

/// Has what the ops of a batch will need brought near before it is their turn. In a large tree nearly all of it is far
/// away; asked for some ops ahead, it comes side by side instead of one after another.
class LookAhead {
 public:
  LookAhead(std::span<const Op> ops, const NodeTable& nodes, const MoveTable& moves)
      : ops_(ops), nodes_(nodes), moves_(moves) {
    for (std::size_t i = 0; i < kPages && i < ops_.size(); ++i) FindPages(i);
  }

  /// To be called before each op in turn.
  void Pass(std::size_t op) {
    if (op + kPages < ops_.size()) FindPages(op + kPages);
    if (op + kNodes < ops_.size()) {
      const Ahead& ahead = ahead_[(op + kNodes) % kPages];
      nodes_.PrefetchNode(*ahead.child);
      nodes_.PrefetchNode(*ahead.parent);
    }
    if (op + kEnds < ops_.size()) {
      const Ahead& ahead = ahead_[(op + kEnds) % kPages];
      nodes_.PrefetchDirectory(*ahead.parent);
      if (*ahead.child != kNoSlot) __builtin_prefetch(&moves_[nodes_.Last(*ahead.child)]);
    }
  }

 private:
  // How far ahead. Each needs what the one before it has brought.
  static constexpr std::size_t kPages = 24;
  static constexpr std::size_t kNodes = 16;
  static constexpr std::size_t kEnds = 8;

  struct Ahead {
    const Slot* child;
    const Slot* parent;
  };

  void FindPages(std::size_t op) {
    const NodeId child = ops_[op].child;
    ahead_[op % kPages] = {nodes_.PrefetchPage(child),
                           nodes_.PrefetchPage(ops_[op].place ? ops_[op].place->parent : child)};
  }

  std::span<const Op> ops_;
  const NodeTable& nodes_;
  const MoveTable& moves_;
  std::array<Ahead, kPages> ahead_;
};

}  // namespace copse::crdt
