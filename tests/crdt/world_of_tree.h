#pragma once

#include <copse/crdt/net_event.h>
#include <copse/crdt/tree.h>

#include <map>
#include <set>
#include <span>

#include "oracle.h"

namespace copse::crdt_test {

/// What may be asked about: the nodes and registers that some ops name. Beyond Tree::Nodes, so that the tree is also
/// asked about what it should not know.
struct Names {
  std::set<crdt::NodeId> nodes;
  std::set<World::RegisterOfNode> registers;

  explicit Names(std::span<const crdt::Op> ops);
};

/// All that the public interface of `tree` tells.
World WorldOf(const crdt::Tree& tree, const Names& names);

/// A second tree, fed with nothing but net events, and reading registers only where an event says that they changed.
class ShadowTree {
 public:
  /// Fails the property if the events are not one for each node, ascending, each with a change, and starting from here.
  void Follow(std::span<const crdt::NetEvent> events, const crdt::Tree& tree);
  /// Fails the property unless `world` is what the events have told.
  void ExpectEquals(const World& world) const;

 private:
  void FollowPlaceBeforeTrash(const crdt::NetEvent& event, const crdt::Tree& tree);
  void FollowFields(const crdt::NetEvent& event, const crdt::Tree& tree);

  World world_ = Oracle().Fold();
};

}  // namespace copse::crdt_test
