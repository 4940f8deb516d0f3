#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tree_ops.h"

namespace copse::crdt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TreeTest, ANewTreeHasTheWellKnownNodesOnly) {
  const Tree tree;
  EXPECT_THAT(tree.Nodes(), ElementsAre(kForest, kRoot, kFileInodes, kTrash));
  EXPECT_THAT(tree.ChildrenOf(kForest), ElementsAre(kRoot, kFileInodes, kTrash));
  EXPECT_FALSE(tree.PlacementOf(kForest));
  EXPECT_EQ(*tree.PlacementOf(kRoot), (Placement{kForest, "root", Timestamp{}}));
  EXPECT_EQ(*tree.PlacementOf(kFileInodes), (Placement{kForest, "fileinodes", Timestamp{}}));
  EXPECT_EQ(*tree.PlacementOf(kTrash), (Placement{kForest, "trash", Timestamp{}}));
  EXPECT_EQ(tree.LogSize(), 0u);
}

TEST(TreeTest, OfTwoMovesThatWouldCloseACycleTheLaterIsIgnored) {
  const std::vector<Op> directories = {Move(At(1), kA, kRoot), Move(At(2), kB, kRoot)};
  const Op a_into_b = Move(At(3, 1), kA, kB);
  const Op b_into_a = Move(At(3, 2), kB, kA);  // Concurrent; actor 2 sorts after 1.
  InEveryOrder(directories, {a_into_b, b_into_a}, [](const Tree& tree) {
    EXPECT_EQ(ParentOf(tree, kA), kB);
    EXPECT_EQ(ParentOf(tree, kB), kRoot);
    EXPECT_EQ(tree.PlacementOf(kB)->claim, At(2));
  });
}

TEST(TreeTest, AMoveBelowItselfIsIgnoredAndKeepsTheName) {
  Tree tree;
  Apply(tree, Move(At(1), kA, kRoot, "before"));
  EXPECT_THAT(Apply(tree, Move(At(2), kA, kA, "after")), IsEmpty());
  EXPECT_EQ(*tree.PlacementOf(kA), (Placement{kRoot, "before", At(1)}));
}

TEST(TreeTest, AnIgnoredMoveComesToEffectWhenAnEarlierOneMakesRoom) {
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kA, kRoot), Move(At(2), kB, kA), Move(At(5), kA, kB, "inside")});
  EXPECT_EQ(ParentOf(tree, kA), kRoot);
  const auto events = Apply(tree, Move(At(3), kB, kRoot));
  EXPECT_EQ(*tree.PlacementOf(kA), (Placement{kB, "inside", At(5)}));
  EXPECT_EQ(events.size(), 2u);
}

TEST(TreeTest, ALateDeletionOfADirectoryRevivesALaterMove) {
  Tree tree;  // B is in A, so A cannot go into B, until B turns out to have been deleted first.
  tree.Apply(std::vector{Move(At(1), kA, kRoot), Move(At(2), kB, kA), Move(At(9), kA, kB)});
  EXPECT_EQ(ParentOf(tree, kA), kRoot);
  Apply(tree, Delete(At(4), kB, At(2)));
  EXPECT_EQ(ParentOf(tree, kA), kB);
  EXPECT_EQ(ParentOf(tree, kB), kTrash);
}

TEST(TreeTest, ARefusedRenameOfADirectoryDoesNotLeakItsName) {
  const std::vector<Op> history = {Move(At(1), kA, kRoot), Move(At(2), kB, kA, "old"), Move(At(3), kA, kB, "refused"),
                                   Move(At(4), kB, kA, "new")};
  InEveryOrder({}, history, [](const Tree& tree) {
    EXPECT_EQ(*tree.PlacementOf(kA), (Placement{kRoot, "n", At(1)}));
    EXPECT_EQ(*tree.PlacementOf(kB), (Placement{kA, "new", At(4)}));
  });
}

// A leaf is who was never named as a parent *before*: C has no children at the end, yet blocked a move in between.
TEST(TreeTest, ANodeThatHasLostItsChildrenStillBlocksTheMovesOfThatTime) {
  const std::vector<Op> history = {Move(At(1), kC, kRoot), Move(At(2), kA, kC), Move(At(3), kC, kA),
                                   Move(At(4), kA, kRoot)};
  InEveryOrder({}, history, [](const Tree& tree) {
    EXPECT_THAT(tree.ChildrenOf(kC), IsEmpty());
    EXPECT_EQ(tree.PlacementOf(kC)->claim, At(1));
  });
}

TEST(TreeTest, ANodeBelowOneThatWasNeverPlacedKeepsItsPlace) {
  Tree tree;
  Apply(tree, Move(At(1), kA, kB));
  EXPECT_FALSE(tree.PlacementOf(kB));
  EXPECT_THAT(tree.ChildrenOf(kB), ElementsAre(kA));
  EXPECT_TRUE(tree.IsAncestor(kB, kA));
  EXPECT_FALSE(tree.IsAncestor(kRoot, kA));
  EXPECT_THAT(Apply(tree, Move(At(2), kB, kA)), IsEmpty()) << "this would close a cycle above the never placed node";
  Apply(tree, Move(At(3), kB, kRoot));
  EXPECT_TRUE(tree.IsAncestor(kRoot, kA));
}

TEST(TreeTest, ADeletionWhoseAuthorSawThePresentClaimTakesEffect) {
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kA, kRoot), Delete(At(2), kA, At(1))});
  EXPECT_EQ(ParentOf(tree, kA), kTrash);
}

TEST(TreeTest, ARenameSurvivesADeletionThatDidNotSeeIt) {
  const std::vector<Op> history = {Move(At(1), kA, kRoot, "created"), Move(At(5, 2), kA, kRoot, "renamed"),
                                   Delete(At(7, 3), kA, At(1))};
  InEveryOrder({}, history, [](const Tree& tree) {
    EXPECT_EQ(*tree.PlacementOf(kA), (Placement{kRoot, "renamed", At(5, 2)}));
    EXPECT_FALSE(tree.PlacementBeforeTrash(kA));
  });
}

TEST(TreeTest, ARenameBeforeItsGuardsClaimDoesNotHoldUpADeletion) {
  const std::vector<Op> history = {Move(At(1), kA, kRoot, "created"), Move(At(4, 2), kA, kRoot, "elsewhere"),
                                   Move(At(5), kA, kRoot, "renamed"), Delete(At(7), kA, At(5))};
  InEveryOrder({}, history, [](const Tree& tree) {
    EXPECT_EQ(ParentOf(tree, kA), kTrash);
    EXPECT_EQ(*tree.PlacementBeforeTrash(kA), (Placement{kRoot, "renamed", At(5)}));
  });
}

TEST(TreeTest, ARefusedMoveDoesNotChangeTheClaimThatAGuardNames) {
  const std::vector<Op> history = {Move(At(1), kA, kRoot), Move(At(2), kB, kA), Move(At(3), kA, kB),
                                   Delete(At(4), kA, At(1))};
  InEveryOrder({}, history, [](const Tree& tree) { EXPECT_EQ(ParentOf(tree, kA), kTrash); });
}

TEST(TreeTest, OfTwoDeletionsOfOneClaimTheEarlierCounts) {
  InEveryOrder({Move(At(1), kA, kRoot)}, {Delete(At(2, 1), kA, At(1)), Delete(At(2, 2), kA, At(1))},
               [](const Tree& tree) { EXPECT_EQ(tree.PlacementOf(kA)->claim, At(2, 1)); });
}

TEST(TreeTest, TheClaimOfANodeWithoutAPlaceIsZero) {
  Tree tree;
  Apply(tree, Delete(At(3), kA, At(1)));
  EXPECT_FALSE(tree.PlacementOf(kA));
  Apply(tree, Delete(At(4), kA, Timestamp{}));
  EXPECT_EQ(ParentOf(tree, kA), kTrash);
  EXPECT_FALSE(tree.PlacementBeforeTrash(kA)) << "it never was anywhere else";
}

TEST(TreeTest, ThePlaceBeforeTrashOutlivesMovesWithinTrashAndEndsWithIt) {
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kA, kRoot, "kept"), Move(At(2), kA, kTrash), Move(At(3), kA, kTrash, "again")});
  EXPECT_EQ(*tree.PlacementBeforeTrash(kA), (Placement{kRoot, "kept", At(1)}));
  Apply(tree, Move(At(4), kA, kRoot, "restored"));
  EXPECT_FALSE(tree.PlacementBeforeTrash(kA));
  tree.UndoAfter(At(3));
  EXPECT_EQ(*tree.PlacementBeforeTrash(kA), (Placement{kRoot, "kept", At(1)}));
  tree.Redo();
  EXPECT_FALSE(tree.PlacementBeforeTrash(kA));
}

TEST(TreeTest, ALateRenameChangesThePlaceBeforeTrash) {
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kA, kRoot, "old"), Move(At(5), kA, kTrash)});
  const auto events = Apply(tree, Move(At(3), kA, kRoot, "new"));
  const Placement trashed{kTrash, "n", At(5)};
  EXPECT_THAT(events, ElementsAre(NetEvent{kA, trashed, trashed, {}, true})) << "it did not move";
  EXPECT_EQ(*tree.PlacementBeforeTrash(kA), (Placement{kRoot, "new", At(3)}));
}

TEST(TreeTest, FieldsTakeEffectWhenTheMoveIsRefused) {
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kA, kRoot), Move(At(2), kB, kA)});
  Op refused = Write(At(3), kA, "written");
  refused.place = Place{kB, "refused"};
  const auto events = Apply(tree, refused);
  EXPECT_EQ(ParentOf(tree, kA), kRoot);
  EXPECT_EQ(tree.Value(kA, kNumber)->value, "written");
  const Placement place{kRoot, "n", At(1)};
  EXPECT_THAT(events, ElementsAre(NetEvent{kA, place, place, {FieldId{kNumber, ""}}}));
}

TEST(TreeTest, AnOpWithoutAPlaceMayAddressTheRootAndMakesNoClaim) {
  Tree tree;
  Apply(tree, Write(At(5), kRoot, "mode"));
  EXPECT_EQ(tree.Value(kRoot, kNumber)->value, "mode");
  EXPECT_EQ(tree.PlacementOf(kRoot)->claim, Timestamp{});
  EXPECT_EQ(tree.LogSize(), 0u);
}

TEST(TreeTest, FieldsOfANodeNotYetPlacedAreKept) {
  Tree tree;
  const auto events = Apply(tree, Write(At(2), kA, "early"));
  EXPECT_THAT(events, ElementsAre(NetEvent{kA, std::nullopt, std::nullopt, {FieldId{kNumber, ""}}}));
  EXPECT_FALSE(tree.PlacementOf(kA));
  EXPECT_THAT(tree.Nodes(), ElementsAre(kForest, kRoot, kFileInodes, kTrash, kA));
  Apply(tree, Move(At(1), kA, kRoot));
  EXPECT_EQ(tree.Value(kA, kNumber)->value, "early");
}

TEST(TreeTest, OfTwoWritesTheLaterIsTheValueAlsoWhenItArrivesFirst) {
  InEveryOrder({}, {Write(At(2, 1), kA, "earlier"), Write(At(2, 2), kA, "later")}, [](const Tree& tree) {
    EXPECT_EQ(*tree.Value(kA, kNumber), (RegisterVersion{At(2, 2), "later"}));
  });
}

TEST(TreeTest, AClearedValueGoesOnOutrankingOlderWrites) {
  InEveryOrder({}, {Write(At(2), kA, "older"), Write(At(3), kA, std::nullopt)}, [](const Tree& tree) {
    EXPECT_EQ(*tree.Value(kA, kNumber), (RegisterVersion{At(3), std::nullopt}));
    EXPECT_THAT(tree.FieldsOf(kA, kNumber), IsEmpty());
  });
}

TEST(TreeTest, ConcurrentVersionsStayUntilSomeoneWhoSawThemReplacesThem) {
  Tree tree;
  tree.Apply(std::vector{WriteVersion(At(2, 1), kA, "mine", {}), WriteVersion(At(2, 2), kA, "theirs", {})});
  EXPECT_THAT(VersionsOf(tree, kA), ElementsAre("mine", "theirs"));
  Apply(tree, WriteVersion(At(3), kA, "both", {At(2, 1), At(2, 2)}));
  EXPECT_THAT(VersionsOf(tree, kA), ElementsAre("both"));
  Apply(tree, WriteVersion(At(4), kA, std::nullopt, {At(3)}));
  EXPECT_THAT(VersionsOf(tree, kA), IsEmpty());
  EXPECT_THAT(tree.FieldsOf(kA, kNumber), IsEmpty());
}

TEST(TreeTest, AHeadReplacedBeforeItArrivesStaysReplaced) {
  const std::vector<Op> history = {WriteVersion(At(2), kA, "head", {}), WriteVersion(At(3), kA, "next", {At(2)}),
                                   WriteVersion(At(4, 2), kA, "other", {At(2)})};
  InEveryOrder({}, history, [](const Tree& tree) { EXPECT_THAT(VersionsOf(tree, kA), ElementsAre("next", "other")); });
}

TEST(TreeTest, AReplacedHeadArrivingLateMakesNoEvent) {
  Tree tree;
  Apply(tree, WriteVersion(At(3), kA, "next", {At(2)}));
  EXPECT_THAT(Apply(tree, WriteVersion(At(2), kA, "head", {})), IsEmpty());
}

TEST(TreeTest, WritesOfTheTwoKindsToOneIdDoNotMeet) {
  InEveryOrder({}, {Write(At(2), kA, "value"), WriteVersion(At(3), kA, "version", {At(2)})}, [](const Tree& tree) {
    EXPECT_EQ(tree.Value(kA, kNumber)->value, "value");
    EXPECT_THAT(VersionsOf(tree, kA), ElementsAre("version"));
    EXPECT_THAT(tree.FieldsOf(kA, kNumber), ElementsAre(FieldId{kNumber, ""}));
  });
}

TEST(TreeTest, RegistersOfOneNumberAreToldApartByKey) {
  Tree tree;
  Op op = Write(At(1), kA, "plain");
  op.fields.push_back(Field{FieldId{kNumber, "user.a"}, "a", std::nullopt});
  op.fields.push_back(Field{FieldId{kNumber, "user.b"}, "b", std::nullopt});
  op.fields.push_back(Field{FieldId{kNumber + 1, "user.a"}, "other number", std::nullopt});
  Apply(tree, op);
  EXPECT_EQ(tree.Value(kA, kNumber, "user.b")->value, "b");
  EXPECT_FALSE(tree.Value(kA, kNumber, "user.c"));
  EXPECT_THAT(tree.FieldsOf(kA, kNumber),
              ElementsAre(FieldId{kNumber, ""}, FieldId{kNumber, "user.a"}, FieldId{kNumber, "user.b"}));
}

TEST(TreeTest, MovesThatCameAndWentWithinABatchDoNotShow) {
  Tree tree;
  Apply(tree, Move(At(1), kA, kRoot, "first"));
  const auto events = tree.Apply(std::vector{Move(At(2), kA, kRoot, "second"), Move(At(3), kA, kFileInodes, "third"),
                                             WriteVersion(At(4), kA, "short-lived", {}),
                                             WriteVersion(At(5), kA, std::nullopt, {At(4)})});
  EXPECT_THAT(events, ElementsAre(NetEvent{kA, Placement{kRoot, "first", At(1)}, Placement{kFileInodes, "third", At(3)},
                                           std::vector<FieldId>{}}));
}

TEST(TreeTest, ALateMoveThatALaterOneOutranksMakesNoEvent) {
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kA, kRoot), Move(At(5), kA, kFileInodes), Move(At(6), kB, kRoot)});
  EXPECT_THAT(Apply(tree, Move(At(3), kA, kTrash)), IsEmpty());
}

TEST(TreeTest, AMoveThatComesTwiceInOneBatchCountsOnce) {
  Tree tree;
  Op op = WriteVersion(At(1), kA, "version", {});
  op.place = Place{kRoot, "n"};
  EXPECT_EQ(tree.Apply(std::vector{op, op}).size(), 1u);
  EXPECT_THAT(Apply(tree, op), IsEmpty());
  EXPECT_EQ(tree.LogSize(), 1u);
  EXPECT_THAT(VersionsOf(tree, kA), ElementsAre("version"));
}

TEST(TreeTest, UndoOfALogOfHundredThousandsIsALoop) {
  constexpr std::uint64_t kCount = 200'000;
  std::vector<Op> chain;  // Each node below the one before: as deep as it is long.
  for (std::uint64_t i = 1; i <= kCount; ++i) {
    chain.push_back(Move(At(i + 1), NodeId::Of(1, i + 1), i == 1 ? kRoot : NodeId::Of(1, i)));
  }
  Tree tree;
  tree.Apply(chain);
  tree.UndoAfter(Timestamp{});
  EXPECT_THAT(tree.ChildrenOf(kRoot), IsEmpty());
  tree.Redo();
  EXPECT_EQ(tree.PlacementOf(NodeId::Of(1, kCount + 1))->claim, At(kCount + 1));
  EXPECT_EQ(Apply(tree, Move(At(1), kB, kRoot)).size(), 1u) << "one op older than all others";
  EXPECT_TRUE(tree.IsAncestor(kRoot, NodeId::Of(1, kCount + 1)));
}

TEST(TreeTest, TheTreeIsFoundAsItWasAtATime) {
  Tree tree;
  tree.Apply(std::vector{Move(At(1), kA, kRoot, "first"), Move(At(2), kA, kRoot, "second"), Move(At(3), kB, kA)});
  tree.UndoAfter(At(1));
  EXPECT_EQ(tree.PlacementOf(kA)->name, "first");
  EXPECT_FALSE(tree.PlacementOf(kB));
  EXPECT_EQ(tree.LogSize(), 3u);
  tree.Redo();
  EXPECT_EQ(tree.PlacementOf(kA)->name, "second");
  EXPECT_EQ(ParentOf(tree, kB), kA);
}

TEST(TreeDeathTest, ShowingATimeBeforeTheHorizonStopsTheProgram) {
  Tree tree;
  Apply(tree, Move(At(1), kA, kRoot));
  tree.Truncate(At(2));
  EXPECT_DEATH(tree.UndoAfter(At(1)), "broken promise");
}

TEST(TreeDeathTest, ApplyingBetweenUndoAndRedoStopsTheProgram) {
  Tree tree;
  Apply(tree, Move(At(1), kA, kRoot));
  tree.UndoAfter(Timestamp{});
  EXPECT_DEATH(Apply(tree, Move(At(2), kB, kRoot)), "broken promise");
}

TEST(TreeDeathTest, ApplyingAnOpThatIsNotValidStopsTheProgram) {
  Tree tree;
  EXPECT_DEATH(Apply(tree, Move(At(2), kRoot, kTrash)), "broken promise");
}

}  // namespace
}  // namespace copse::crdt
