#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace copse::benchmarks {

/// One thing to measure: of crdt::Tree, and of the textbook engine where it has the same.
struct TreeCase {
  std::string name;
  const char* unit;
  std::function<double()> ours;
  std::function<double()> textbook;  ///< Null: it has no such thing.
  bool is_exact = false;             ///< Counts bytes: once is enough.
};

/// What is measured for trees of `size` ops. All times are processor time of one thread.
std::vector<TreeCase> TreeCases(std::size_t size);

}  // namespace copse::benchmarks
