#pragma once

#include <copse/crdt/op.h>

#include <cstdint>
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

/// A number below `end`, the same on every platform.
inline std::size_t Below(std::mt19937_64& random, std::size_t end) { return static_cast<std::size_t>(random() % end); }

}  // namespace copse::crdt_test
