#pragma once

#include <copse/crdt/ids.h>

#include <cstdint>

namespace copse::fs {

/// Positions of a listing: node ids in 63 bits (telldir(3) is signed), in the same order. Up to 15 is for "." and "..".
inline constexpr unsigned kPositionCounterBits = 47;
inline constexpr std::uint64_t kPositionCounterMax = (std::uint64_t{1} << kPositionCounterBits) - 1;

/// Whether the counter of `node` fits. An honest one always does: it counts ops.
constexpr bool HasPosition(crdt::NodeId node) { return node.counter() <= kPositionCounterMax; }

constexpr std::uint64_t PositionOf(crdt::NodeId node) {
  return (std::uint64_t{node.actor()} << kPositionCounterBits) | (node.counter() & kPositionCounterMax);
}

constexpr crdt::NodeId NodeAtPosition(std::uint64_t position) {
  return crdt::NodeId::Of(static_cast<crdt::ActorId>(position >> kPositionCounterBits), position & kPositionCounterMax);
}

}  // namespace copse::fs
