// What somebody who presses "undo" expects, alone and with others.

#include <copse/crdt/document.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace copse::crdt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Text = Document<std::string>;

void Exchange(Text& one, Text& two) {
  ASSERT_TRUE(one.Merge(two.OpsSince(one.version())).ok());
  ASSERT_TRUE(two.Merge(one.OpsSince(two.version())).ok());
}

TEST(DocumentUndoTest, ADeletionUndoneBringsTheSameNodeBackWithAllBelowIt) {
  Text document(1);
  const NodeId folder = *document.Create(kRoot, "folder");
  const NodeId leaf = *document.Create(folder, "leaf");
  ASSERT_TRUE(document.Delete(folder).ok());
  const auto events = document.Undo();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].node, folder);
  EXPECT_EQ(events[0].after->parent, kRoot);
  EXPECT_EQ(document.MetaOf(folder), "folder");
  EXPECT_TRUE(document.IsLive(leaf));
}

TEST(DocumentUndoTest, EachStepIsUndoneAndRedoneInTurn) {
  Text document(1);
  const NodeId a = *document.Create(kRoot, "a");
  const NodeId b = *document.Create(kRoot, "b");
  ASSERT_TRUE(document.SetMeta(a, "a2").ok());
  ASSERT_TRUE(document.Move(a, b).ok());
  ASSERT_TRUE(document.Delete(b).ok());

  document.Undo();
  EXPECT_TRUE(document.IsLive(b));
  document.Undo();
  EXPECT_EQ(document.ParentOf(a), kRoot);
  document.Undo();
  EXPECT_EQ(document.MetaOf(a), "a");
  document.Undo();
  EXPECT_FALSE(document.IsLive(b));
  document.Undo();
  EXPECT_THAT(document.Children(kRoot), IsEmpty());
  EXPECT_FALSE(document.CanUndo());
  EXPECT_THAT(document.Undo(), IsEmpty());

  document.Redo();
  EXPECT_THAT(document.Children(kRoot), ElementsAre(a)) << "the same node";
  for (int i = 0; i < 3; ++i) document.Redo();
  EXPECT_EQ(document.ParentOf(a), b);
  EXPECT_EQ(document.MetaOf(a), "a2");
  document.Redo();
  EXPECT_FALSE(document.IsLive(b));
  EXPECT_FALSE(document.CanRedo());
  EXPECT_THAT(document.Redo(), IsEmpty());
}

TEST(DocumentUndoTest, ANewEditEndsWhatCanBeRedoneAndAMergeDoesNot) {
  Text here(1), there(2);
  ASSERT_TRUE(here.Create(kRoot, "a").ok());
  here.Undo();
  ASSERT_TRUE(there.Create(kRoot, "theirs").ok());
  Exchange(here, there);
  EXPECT_TRUE(here.CanRedo());
  ASSERT_TRUE(here.Create(kRoot, "b").ok());
  EXPECT_FALSE(here.CanRedo());
}

TEST(DocumentUndoTest, ABatchIsUndoneWholeThroughTheStatesItCameThrough) {
  Text document(1);
  const NodeId a = *document.Create(kRoot, "a");
  const NodeId b = *document.Create(a, "b");
  Text::Batch batch = document.NewBatch();  // Turns a/b into b/a.
  ASSERT_TRUE(batch.Move(b, kRoot).ok());
  ASSERT_TRUE(batch.Move(a, b).ok());
  ASSERT_TRUE(batch.SetMeta(a, "a2").ok());
  ASSERT_TRUE(batch.Set(a, 1, "value").ok());
  const NodeId c = *batch.Create(a, "c");
  ASSERT_TRUE(batch.Commit().ok());
  document.Undo();
  EXPECT_EQ(document.ParentOf(a), kRoot);
  EXPECT_EQ(document.MetaOf(a), "a");
  EXPECT_EQ(document.ParentOf(b), a);
  EXPECT_EQ(document.Get(a, 1), std::nullopt);
  EXPECT_FALSE(document.IsLive(c));
  document.Redo();
  EXPECT_EQ(document.ParentOf(a), b);
  EXPECT_EQ(document.MetaOf(a), "a2");
  EXPECT_EQ(document.Get(a, 1), "value");
  EXPECT_TRUE(document.IsLive(c));
}

TEST(DocumentUndoTest, WhatOthersHaveChangedSinceStays) {
  Text here(1), there(2);
  const NodeId a = *here.Create(kRoot, "a");
  Exchange(here, there);
  ASSERT_TRUE(here.SetMeta(a, "mine").ok());
  Exchange(here, there);
  ASSERT_TRUE(there.SetMeta(a, "theirs").ok());
  ASSERT_TRUE(there.Set(a, 1, "theirs").ok());
  Exchange(here, there);
  EXPECT_FALSE(here.CanUndo()) << "neither the change nor the creation is ours alone any more";
  EXPECT_THAT(here.Undo(), IsEmpty());
  EXPECT_EQ(here.MetaOf(a), "theirs");
}

TEST(DocumentUndoTest, AStepOfWhichNothingIsLeftIsPassedOver) {
  Text here(1), there(2);
  const NodeId a = *here.Create(kRoot, "a");
  const NodeId b = *here.Create(kRoot, "b");
  Exchange(here, there);
  ASSERT_TRUE(there.SetMeta(b, "theirs").ok());
  Exchange(here, there);
  EXPECT_TRUE(here.CanUndo());
  here.Undo();
  EXPECT_FALSE(here.IsLive(a));
  EXPECT_EQ(here.MetaOf(b), "theirs");
}

TEST(DocumentUndoTest, NobodyUndoesTheEditsOfOthers) {
  Text here(1), there(2);
  ASSERT_TRUE(there.Create(kRoot, "theirs").ok());
  Exchange(here, there);
  EXPECT_FALSE(here.CanUndo());
  EXPECT_THAT(here.Undo(), IsEmpty());
}

// Of the two deletions the one with the lower time is in effect, so both directions are tried.
TEST(DocumentUndoTest, ADeletionIsUndoneAlsoWhereAnotherDeletedTheSameConcurrently) {
  for (const bool here_is_later : {false, true}) {
    Text here(1), there(2);
    const NodeId a = *here.Create(kRoot, "a");
    const NodeId b = *here.Create(kRoot, "b");
    Exchange(here, there);
    if (here_is_later) {
      ASSERT_TRUE(here.SetMeta(b, "b2").ok());
    }
    ASSERT_TRUE(here.Delete(a).ok());
    ASSERT_TRUE(there.Delete(a).ok());
    Exchange(here, there);
    EXPECT_FALSE(here.IsLive(a));
    here.Undo();
    Exchange(here, there);
    EXPECT_TRUE(here.IsLive(a)) << here_is_later;
    EXPECT_TRUE(there.IsLive(a)) << here_is_later;
    EXPECT_FALSE(there.CanUndo()) << "it is back already";
    here.Redo();
    EXPECT_FALSE(here.IsLive(a));
  }
}

TEST(DocumentUndoTest, ADeletionIsNotUndoneWhereOthersBroughtTheNodeBackAndDeletedItAgain) {
  Text here(1), there(2);
  const NodeId a = *here.Create(kRoot, "a");
  Exchange(here, there);
  ASSERT_TRUE(here.Delete(a).ok());
  Exchange(here, there);
  ASSERT_TRUE(there.Move(a, kRoot).ok());
  ASSERT_TRUE(there.Delete(a).ok());
  Exchange(here, there);
  here.Undo();
  EXPECT_FALSE(here.IsLive(a));
}

TEST(DocumentUndoTest, AnUndoneDeletionSurvivesADeletionThatHadNotSeenTheUndo) {
  Text here(1), there(2);
  const NodeId a = *here.Create(kRoot, "a");
  ASSERT_TRUE(here.Delete(a).ok());
  here.Undo();
  Exchange(here, there);
  here.Redo();
  here.Undo();
  ASSERT_TRUE(there.Delete(a).ok());
  Exchange(here, there);
  EXPECT_TRUE(here.IsLive(a));
  EXPECT_TRUE(there.IsLive(a));
}

TEST(DocumentUndoTest, AMoveIsNotUndoneIntoAParentThatOthersDeleted) {
  Text here(1), there(2);
  const NodeId folder = *here.Create(kRoot, "folder");
  const NodeId leaf = *here.Create(folder, "leaf");
  Exchange(here, there);
  ASSERT_TRUE(here.Move(leaf, kRoot).ok());
  ASSERT_TRUE(there.Delete(folder).ok());
  Exchange(here, there);
  here.Undo();
  EXPECT_TRUE(here.IsLive(leaf)) << "nothing vanishes by undoing a move";
}

TEST(DocumentUndoTest, AMoveOutOfADeletedFolderIsUndone) {
  Text document(1);
  const NodeId folder = *document.Create(kRoot, "folder");
  const NodeId leaf = *document.Create(folder, "leaf");
  ASSERT_TRUE(document.Delete(folder).ok());
  ASSERT_TRUE(document.Move(leaf, kRoot).ok());
  document.Undo();
  EXPECT_EQ(document.ParentOf(leaf), folder);
  EXPECT_FALSE(document.IsLive(leaf));
}

TEST(DocumentUndoTest, ANodeIsNotPutBelowItselfByUndoing) {
  Text here(1), there(2);
  const NodeId a = *here.Create(kRoot, "a");
  const NodeId b = *here.Create(a, "b");
  Exchange(here, there);
  ASSERT_TRUE(here.Move(b, kRoot).ok());
  Exchange(here, there);
  ASSERT_TRUE(there.Move(a, b).ok());
  Exchange(here, there);
  here.Undo();
  Exchange(here, there);
  EXPECT_EQ(there.ParentOf(b), kRoot);
  EXPECT_EQ(there.ParentOf(a), b);
}

TEST(DocumentUndoTest, ARegisterGetsItsFormerValueBackUnlessOthersWroteSince) {
  Text here(1), there(2);
  ASSERT_TRUE(here.Set(kRoot, 1, "one").ok());
  ASSERT_TRUE(here.Set(kRoot, 1, "two").ok());
  ASSERT_TRUE(here.Set(kRoot, 2, "mine").ok());
  Exchange(here, there);
  ASSERT_TRUE(there.Set(kRoot, 2, "theirs").ok());
  Exchange(here, there);
  here.Undo();  // Passes over register 2.
  EXPECT_EQ(here.Get(kRoot, 1), "one");
  EXPECT_EQ(here.Get(kRoot, 2), "theirs");
  here.Undo();
  EXPECT_EQ(here.Get(kRoot, 1), std::nullopt);
  here.Redo();
  here.Redo();
  EXPECT_EQ(here.Get(kRoot, 1), "two");
}

}  // namespace
}  // namespace copse::crdt
