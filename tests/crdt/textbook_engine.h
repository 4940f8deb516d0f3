#pragma once

#include <copse/crdt/net_event.h>
#include <copse/crdt/op.h>

#include <cstddef>
#include <memory>
#include <set>
#include <span>
#include <vector>

namespace copse::crdt_test {

/// The engine of the paper, to measure against, and to compare with where histories are too long for the oracle: every
/// move in one log sorted by time, each with what it displaced. What arrives late undoes all that is later, is done,
/// and all of it is redone; once for a batch. Moves only: fields are ignored.
///
/// Source: Kleppmann et al., doi:10.1109/TPDS.2021.3118603, section 3.
class TextbookEngine {
 public:
  TextbookEngine();
  ~TextbookEngine();
  TextbookEngine(const TextbookEngine&) = delete;
  TextbookEngine& operator=(const TextbookEngine&) = delete;

  /// As crdt::Tree does. Cost: O(ops + moves in the log later than the earliest of them).
  std::vector<crdt::NetEvent> Apply(std::span<const crdt::Op> ops);
  const crdt::Placement* PlacementOf(crdt::NodeId node) const;
  const std::set<crdt::NodeId>& ChildrenOf(crdt::NodeId parent) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace copse::crdt_test
