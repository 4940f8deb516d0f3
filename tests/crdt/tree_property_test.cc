// Whatever the history and however it arrives, the engine shows what the oracle shows, after every batch.

#include <copse/crdt/tree.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <support/histories.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "oracle.h"
#include "seeded_histories.h"
#include "world_of_tree.h"

namespace copse::crdt_test {
namespace {

using crdt::NodeId;
using crdt::Op;
using crdt::Place;
using crdt::Timestamp;
using crdt::Tree;
using test_support::CutAtRandom;
using test_support::Ops;
using test_support::Shuffled;

void ExpectIsTree(const World& world) {
  for (const auto& [node, place] : world.places) {
    // Each step goes to the one parent; the way ends at the forest, or at a node that was never placed.
    NodeId at = node;
    for (std::size_t steps = 0; world.places.contains(at); ++steps) {
      RC_ASSERT(steps <= world.places.size());
      at = world.places.at(at).parent;
    }
    const auto parents = std::count_if(world.children.begin(), world.children.end(),
                                       [child = node](const auto& entry) { return entry.second.contains(child); });
    RC_ASSERT(parents == 1);
  }
}

RC_GTEST_PROP(TreeProperty, AfterEveryBatchTheTreeIsTheOraclesAndItsEventsTellIt, ()) {
  const std::vector<Op> history = *Ops();
  const auto order = *rc::gen::arbitrary<std::uint32_t>();
  const auto piece_max = *rc::gen::inRange<std::size_t>(1, 12);
  const Names names(history);
  Tree tree(WayOf(order));
  Oracle oracle;
  ShadowTree shadow;
  for (const std::vector<Op>& batch : CutAtRandom(Shuffled(history, order), piece_max, order)) {
    const auto events = tree.Apply(batch);
    oracle.Learn(batch);
    const World world = WorldOf(tree, names);
    RC_ASSERT(Describe(world) == Describe(oracle.Fold()));
    ExpectIsTree(world);
    shadow.Follow(events, tree);
    shadow.ExpectEquals(world);
  }
}

RC_GTEST_PROP(TreeProperty, MovesThatComeAgainChangeNothing, ()) {
  const std::vector<Op> history = *Ops();
  const auto order = *rc::gen::arbitrary<std::uint32_t>();
  std::vector<Op> moves;
  std::copy_if(history.begin(), history.end(), std::back_inserter(moves), [](const Op& op) { return !!op.place; });
  std::vector<Op> twice = moves;
  twice.insert(twice.end(), moves.begin(), moves.end());

  Tree tree(WayOf(order));
  for (const auto& batch : CutAtRandom(Shuffled(twice, order), 5, order)) tree.Apply(batch);
  Oracle oracle;
  oracle.Learn(moves);
  RC_ASSERT(Describe(WorldOf(tree, Names(history))) == Describe(oracle.Fold()));
  RC_ASSERT(tree.LogSize() == moves.size());
  RC_ASSERT(tree.Apply(moves).empty());
}

RC_GTEST_PROP(TreeProperty, UndoThenRedoIsTheIdentityAndShowsThePastBetween, ()) {
  const std::vector<Op> history = *Ops();
  const Names names(history);
  Tree tree;
  tree.Apply(history);
  const World now = WorldOf(tree, names);
  for (const Op& op : history) {
    tree.UndoAfter(op.time);
    Oracle past;
    for (const Op& other : history) {
      if (other.time <= op.time) past.Learn(std::span(&other, 1));
    }
    const World then = past.Fold();
    const World shown = WorldOf(tree, names);
    RC_ASSERT(shown.places == then.places);
    RC_ASSERT(shown.before_trash == then.before_trash);
    RC_ASSERT(shown.children == then.children);
    RC_ASSERT(shown.values == now.values);
    tree.Redo();
    RC_ASSERT(Describe(WorldOf(tree, names)) == Describe(now));
  }
}

RC_GTEST_PROP(TreeProperty, IsAncestorSaysWhatAWalkSays, ()) {
  const std::vector<Op> history = *Ops();
  Tree tree;
  tree.Apply(history);
  const Names names(history);
  for (const NodeId node : names.nodes) {
    std::set<NodeId> above;
    for (auto at = tree.PlacementOf(node); at; at = tree.PlacementOf(at->parent)) {
      above.insert(at->parent);
    }
    for (const NodeId other : names.nodes) RC_ASSERT(tree.IsAncestor(other, node) == above.contains(other));
  }
}

// Every history of three moves over three nodes, in every order of arrival.
TEST(TreeExhaustively, ThreeMovesOfThreeNodesConvergeInEveryOrder) {
  const std::array<NodeId, 3> nodes = {NodeId::Of(1, 10), NodeId::Of(1, 11), NodeId::Of(1, 12)};
  const std::array<NodeId, 5> parents = {crdt::kRoot, crdt::kTrash, nodes[0], nodes[1], nodes[2]};
  std::vector<Op> kinds;  // Without a time.
  for (const NodeId child : nodes) {
    for (const NodeId parent : parents) kinds.push_back(Op{{}, child, Place{parent, "n"}, {}, {}, true});
    for (const std::uint64_t claim : {0u, 1u, 2u}) {
      kinds.push_back(Op{{}, child, Place{crdt::kTrash, "n"}, Timestamp::Of(claim, claim == 0 ? 0 : 1), {}, true});
    }
  }
  const auto at = [](Op op, std::uint64_t counter) {
    op.time = Timestamp::Of(counter, 1);
    if (op.guard && *op.guard >= op.time) op.guard = Timestamp{};
    return op;
  };
  for (const Op& first : kinds) {
    for (const Op& second : kinds) {
      for (const Op& third : kinds) {
        const std::array<Op, 3> history = {at(first, 1), at(second, 2), at(third, 3)};
        const Names names(history);
        Oracle oracle;
        oracle.Learn(history);
        const World expected = oracle.Fold();
        std::array<std::size_t, 3> order = {0, 1, 2};
        do {
          Tree tree;
          for (const std::size_t index : order) tree.Apply(std::span(&history[index], 1));
          ASSERT_EQ(Describe(WorldOf(tree, names)), Describe(expected));
        } while (std::next_permutation(order.begin(), order.end()));
      }
    }
  }
}

}  // namespace
}  // namespace copse::crdt_test
