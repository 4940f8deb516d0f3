#pragma once

#include <copse/crdt/op.h>
#include <copse/crdt/tree.h>

#include <cstdint>
#include <iterator>
#include <random>
#include <vector>

namespace copse::crdt_test {

/// A random history and one way in which it arrives, both from one seed: quick to make, for runs of many thousands.
/// 2 to 14 nodes, 2 to 60 ops of 2 to 4 actors, in any permutation, in the order of each actor, nearly sorted, sorted
/// or newest first; with moves that come again; cut into batches.
struct SeededHistory {
  explicit SeededHistory(std::uint64_t seed);

  std::vector<crdt::Op> ops;                   ///< Ascending by time.
  std::vector<std::vector<crdt::Op>> arrival;  ///< Some moves more than once.
};

/// The ways in which a tree takes in late moves, the outcome being the same: nothing is ever done again, everything is,
/// and what is looked for first is done again soon.
inline constexpr crdt::Tree::LateMoves kWays[] = {{0, 0}, {1 << 20, 0}, {0, 1}, {1, 2}};
inline crdt::Tree::LateMoves WayOf(std::uint64_t seed) { return kWays[seed % std::size(kWays)]; }

/// A number below `end`, the same on every platform.
inline std::size_t Below(std::mt19937_64& random, std::size_t end) { return static_cast<std::size_t>(random() % end); }

}  // namespace copse::crdt_test
