#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "seeded_histories.h"
#include "textbook_engine.h"
#include "tree_ops.h"

namespace copse::crdt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What the engine must not overlook: each of these goes wrong if one of the steps in docs/crdt.md, "The engine", is
// left out.

TEST(TreeEngine, ALateFirstChildMakesLaterMovesOfItsParentRefusable) {
  // Until A turns out to be a parent from 3 on, its move at 5 cannot close a cycle.
  const std::vector<Op> history = {Move(At(1), kA, kRoot), Move(At(2), kB, kRoot), Move(At(3), kB, kA),
                                   Move(At(5), kA, kB)};
  InEveryOrder({}, history, [](const Tree& tree) {
    EXPECT_EQ(tree.PlacementOf(kA)->claim, At(1));
    EXPECT_EQ(tree.PlacementOf(kB)->claim, At(3));
  });
}

TEST(TreeEngine, ALateBaseMoveOfADirectoryIsSeenByWalksAfterItsFirstChild) {
  // C is in B. Where B is was decided before B had children, and decides whether A may go into C. A has a child from
  // the beginning, so its move into C has been judged by a walk before.
  const std::vector<Op> history = {Move(At(1), kA, kRoot), Move(At(2), NodeId::Of(4, 1), kA),
                                   Move(At(3), kB, kRoot), Move(At(4), kB, kA),
                                   Move(At(5), kC, kB),    Move(At(6), kA, kC)};
  InEveryOrder({}, history, [](const Tree& tree) {
    EXPECT_EQ(tree.PlacementOf(kA)->claim, At(1)) << "A holds B, which holds C";
    EXPECT_EQ(tree.PlacementOf(kB)->claim, At(4));
  });
}

TEST(TreeEngine, AMoveThatNobodyCouldRefuseIsRefusedByALateOneAboveItsParent) {
  // C is empty when it moves into D at 6, so nothing has to be looked at; until D turns out to have been in C.
  const NodeId d = NodeId::Of(4, 1);
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kC, kRoot), Move(At(2), kA, kC), Move(At(3), kA, kRoot), Move(At(4), d, kRoot),
                         Move(At(6), kC, d)});
  EXPECT_EQ(ParentOf(tree, kC), d);
  EXPECT_EQ(Apply(tree, Move(At(5), d, kC)).size(), 2u);
  EXPECT_EQ(tree.PlacementOf(kC)->claim, At(1));
  EXPECT_EQ(ParentOf(tree, d), kC);
}

TEST(TreeEngine, ADirectoryThatGoesAwayAndBackInTheBatchChangesNoLaterVerdict) {
  Tree tree;
  tree.Apply(
      std::vector{Move(At(1), kA, kRoot), Move(At(2), kB, kA), Move(At(8), kB, kA, "later"), Move(At(9), kA, kB)});
  EXPECT_THAT(tree.Apply(std::vector{Move(At(4), kB, kRoot), Move(At(5), kB, kA)}), IsEmpty());
  EXPECT_EQ(ParentOf(tree, kA), kRoot);
}

TEST(TreeEngine, ALateMoveOfADirectoryBeforeADeletionOfItVoidsTheDeletion) {
  // B has a child, so its moves are structural; the guard asks for its claim, and the parent is the same.
  const std::vector<Op> history = {Move(At(1), kB, kRoot, "made"), Move(At(2), kA, kB),
                                   Move(At(5), kB, kRoot, "renamed"), Delete(At(7), kB, At(1))};
  InEveryOrder({}, history, [](const Tree& tree) { EXPECT_EQ(tree.PlacementOf(kB)->claim, At(5)); });
}

TEST(TreeEngine, ALateBaseMoveFlipsAGuardBehindTheFirstChild) {
  const std::vector<Op> history = {Move(At(1), kB, kRoot, "made"), Move(At(2), kB, kRoot, "renamed"),
                                   Move(At(3), kA, kB), Delete(At(7), kB, At(1))};
  InEveryOrder({}, history, [](const Tree& tree) { EXPECT_EQ(tree.PlacementOf(kB)->claim, At(2)); });
}

TEST(TreeEngine, AnOpBeforeAThousandGuardedDeletionsOfOneChildVoidsThemAll) {
  constexpr std::uint64_t kDeletions = 1'000;
  for (const bool is_directory : {false, true}) {
    std::vector<Op> ops = {Move(At(1), kA, kRoot)};
    if (is_directory) ops.push_back(Move(At(2), kB, kA));
    for (std::uint64_t i = 0; i < kDeletions; ++i) {
      ops.push_back(Delete(At(10 + i), kA, i == 0 ? At(1) : At(9 + i)));  // Each sees the one before.
    }
    Tree tree;
    tree.Apply(ops);
    EXPECT_EQ(tree.PlacementOf(kA)->claim, At(9 + kDeletions));
    EXPECT_EQ(*tree.PlacementBeforeTrash(kA), (Placement{kRoot, "n", At(1)}));
    const auto events = Apply(tree, Move(At(5), kA, kRoot, "late"));
    const Placement late{kRoot, "late", At(5)};
    EXPECT_THAT(events, ElementsAre(NetEvent{kA, Placement{kTrash, "n", At(9 + kDeletions)}, late, {}, true}));
    EXPECT_EQ(Apply(tree, Delete(At(6), kA, At(5))).size(), 1u);
    EXPECT_EQ(tree.PlacementOf(kA)->claim, At(6)) << "and none of the thousand saw this one";
  }
}

TEST(TreeEngine, ManyDirectoriesMovedAtRandomComeOutAsInTheTextbookInAnyOrderAndPieces) {
  // Enough of them that a late move makes most of the others be judged again.
  std::mt19937_64 random(3);
  for (int round = 0; round < 20; ++round) {
    const std::uint64_t nodes = 20 + random() % 60;
    std::vector<Op> ops;
    for (std::uint64_t i = 1; i <= 1'000; ++i) {
      const NodeId child = NodeId::Of(1, 1 + random() % nodes);
      const NodeId parent = random() % 32 == 0 ? NodeId{1 + random() % 3} : NodeId::Of(1, 1 + random() % nodes);
      ops.push_back(Move(At(i), child, parent, std::to_string(i)));
      if (parent == kTrash && random() % 2 == 0) ops.back().guard = At(i - random() % i);
      if (ops.back().guard == At(i)) ops.back().guard.reset();
    }
    std::shuffle(ops.begin(), ops.end(), random);
    // The last is what a program has: by count, which these are enough of to be decided in all ways.
    Tree tree(round < 16 ? crdt_test::WayOf(static_cast<std::uint64_t>(round)) : Tree::LateMoves());
    crdt_test::TextbookEngine textbook;
    for (std::size_t at = 0; at < ops.size();) {
      const std::size_t size = std::min<std::size_t>(ops.size() - at, 1 + random() % 100);
      const auto piece = std::span(ops).subspan(at, size);
      tree.Apply(piece);
      textbook.Apply(piece);
      at += size;
      for (std::uint64_t node = 1; node <= nodes; ++node) {
        const NodeId id = NodeId::Of(1, node);
        ASSERT_EQ(tree.PlacementOf(id), textbook.PlacementOf(id)) << "round " << round << ", " << at << " ops";
      }
    }
  }
}

TEST(TreeEngine, IdsThatAPeerScattersAreNodesLikeOthers) {
  constexpr std::uint64_t kCount = 1'000;
  std::vector<Op> ops;
  const auto scattered = [](std::uint64_t i) {
    return NodeId::Of(static_cast<ActorId>(1 + i % 5), kCounterMax / kCount * i);
  };
  for (std::uint64_t i = 1; i <= kCount; ++i) ops.push_back(Move(At(i), scattered(i), kRoot));
  Tree tree;
  EXPECT_EQ(tree.Apply(ops).size(), kCount);
  EXPECT_EQ(tree.PlacementOf(scattered(kCount))->claim, At(kCount));
  EXPECT_EQ(tree.Nodes().size(), kCount + 4);
}

TEST(TreeEngine, AWalkWithinABatchIsTakenAgainWhenAnEarlierOpOfTheBatchComesAfterIt) {
  // In the order of arrival A is in B when B is to go into A; in the order of time it has left.
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kA, kB), Move(At(3), kB, kA), Move(At(2), kA, kRoot)});
  EXPECT_EQ(ParentOf(tree, kA), kRoot);
  EXPECT_EQ(ParentOf(tree, kB), kA);
}

TEST(TreeEngine, ChildrenThatComeAndGoAmongLargeDirectoriesAreListedInOrderAndInPieces) {
  constexpr std::uint64_t kNodes = 3'000;
  const std::vector<NodeId> directories = {kRoot, kA, kB, kTrash};
  std::map<NodeId, std::set<NodeId>> expected;
  std::map<NodeId, NodeId> parents;
  std::mt19937_64 random(1);
  Tree tree;
  for (std::uint64_t i = 1; i <= 30'000; ++i) {
    const NodeId child = NodeId::Of(5, 1 + (i <= kNodes ? i : random() % kNodes));
    const NodeId parent = directories[random() % 16 == 0 ? random() % directories.size() : (i / kNodes) % 4];
    Apply(tree, Move(At(i), child, parent));
    if (const auto old = parents.find(child); old != parents.end()) expected[old->second].erase(child);
    parents[child] = parent;
    expected[parent].insert(child);
    if (i % 500 != 0) continue;
    for (const NodeId directory : directories) {
      const std::vector<NodeId> all(expected[directory].begin(), expected[directory].end());
      EXPECT_EQ(tree.ChildrenOf(directory), all);
      const NodeId after = NodeId::Of(5, random() % kNodes);
      const auto first = std::upper_bound(all.begin(), all.end(), after);
      const std::vector<NodeId> piece(first, first + std::min<std::ptrdiff_t>(all.end() - first, 10));
      EXPECT_EQ(tree.ChildrenOf(directory, after, 10), piece);
    }
  }
}

TEST(TreeTruncation, AnEmptyLogAndAHorizonBeforeEveryOpAreLegal) {
  Tree tree;
  tree.Truncate(At(1));
  tree.Truncate(Timestamp{});
  EXPECT_EQ(tree.Horizon(), At(1));
  Apply(tree, Move(At(5), kA, kRoot));
  tree.Truncate(At(3));
  EXPECT_EQ(tree.LogSize(), 1u);
  EXPECT_EQ(ParentOf(tree, kA), kRoot);
}

TEST(TreeTruncation, AnOpNotLaterThanTheHorizonIsNeverMerged) {
  Tree tree;
  Apply(tree, Move(At(1), kA, kRoot));
  tree.Truncate(At(4));
  EXPECT_THAT(Apply(tree, Move(At(4), kB, kRoot)), IsEmpty());
  EXPECT_FALSE(tree.PlacementOf(kB));
  EXPECT_EQ(Apply(tree, Move(At(4, 2), kB, kRoot)).size(), 1u) << "this is later than the horizon";
}

TEST(TreeTruncation, TheClaimAndThePlaceBeforeTrashAreKept) {
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kA, kRoot, "kept"), Delete(At(2), kA, At(1)), Move(At(3), kA, kTrash, "again"),
                         Move(At(1, 2), kB, kRoot)});
  tree.Truncate(At(4));
  EXPECT_EQ(tree.LogSize(), 0u);
  EXPECT_EQ(*tree.PlacementBeforeTrash(kA), (Placement{kRoot, "kept", At(1)}));
  Apply(tree, Delete(At(6), kB, At(1, 2)));
  EXPECT_EQ(ParentOf(tree, kB), kTrash) << "a guard can name a claim from before the horizon";
}

TEST(TreeTruncation, WhatItCanGiveBackIsWhatTheNodesHaveBesideOneMoveEach) {
  Tree tree;
  EXPECT_EQ(tree.HistorySize(), 0u);
  const std::size_t well_known = tree.NodeCount();
  tree.Apply(std::vector{Move(At(1), kA, kRoot), Move(At(2), kB, kRoot), Move(At(3), kA, kRoot, "a"),
                         Move(At(4), kA, kRoot, "b")});
  EXPECT_EQ(tree.NodeCount(), well_known + 2);
  EXPECT_EQ(tree.HistorySize(), 2u);
  tree.Truncate(At(3));
  EXPECT_EQ(tree.HistorySize(), 1u);
  tree.Truncate(At(4));
  EXPECT_EQ(tree.HistorySize(), 0u);
  EXPECT_EQ(tree.NodeCount(), well_known + 2);
}

TEST(TreeTruncation, AMoveAfterTheHorizonIsStillRefusedForWhatWasMovedBefore) {
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kA, kRoot), Move(At(2), kB, kA), Move(At(3), kC, kB)});
  tree.Truncate(At(3));
  EXPECT_THAT(Apply(tree, Move(At(4), kA, kC)), IsEmpty());
}

}  // namespace
}  // namespace copse::crdt
