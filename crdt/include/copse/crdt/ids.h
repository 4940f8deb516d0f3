#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <utility>

namespace copse::crdt {

/// Who makes ops: one number for each author of a volume. 0 authors nothing and owns the well-known nodes.
using ActorId = std::uint16_t;

/// Counters have 48 bits.
inline constexpr std::uint64_t kCounterMax = (std::uint64_t{1} << 48) - 1;

/// Names a node for ever: the actor that made it (high 16 bits) over the counter of the op that did (low 48 bits).
/// Ids are never used again, and equal on every replica, so they serve as inode numbers.
struct NodeId {
  std::uint64_t value = 0;

  static constexpr NodeId Of(ActorId actor, std::uint64_t counter) {
    return NodeId{(std::uint64_t{actor} << 48) | (counter & kCounterMax)};
  }
  constexpr ActorId actor() const { return static_cast<ActorId>(value >> 48); }
  constexpr std::uint64_t counter() const { return value & kCounterMax; }

  friend constexpr auto operator<=>(const NodeId&, const NodeId&) = default;
  template <typename H>
  friend H AbslHashValue(H state, NodeId id) {
    return H::combine(std::move(state), id.value);
  }
};

/// The nodes that everyone has from the beginning. They are never the child of an op with a place.
inline constexpr NodeId kForest{0};      ///< Parent of the three roots.
inline constexpr NodeId kRoot{1};        ///< What is mounted; FUSE's root number too.
inline constexpr NodeId kFileInodes{2};  ///< Parent of the nodes that names refer to.
inline constexpr NodeId kTrash{3};       ///< Where deleting moves to.

/// Whether `id` is one of the well-known nodes.
constexpr bool IsPermanent(NodeId id) { return id.value <= kTrash.value; }

}  // namespace copse::crdt

template <>
struct std::hash<copse::crdt::NodeId> {
  std::size_t operator()(copse::crdt::NodeId id) const noexcept { return std::hash<std::uint64_t>()(id.value); }
};
