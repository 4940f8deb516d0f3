// What docs/semantics.md says of the versions and names of a file, row by row: edited, deleted, brought back.
#include <algorithm>

#include "projection_fixture.h"

namespace copse::fs_test {
namespace {

using crdt::kRoot;
using crdt::NodeId;
using fs::Invalidations;
using fs::Projection;
using Entries = std::map<std::string, NodeId>;  // Name to target.

/// A file "f.txt" of actor 1, its first version written at 3.
std::vector<crdt::Op> File() {
  return {Inode(At(1, 1)), Dentry(At(2, 1), kRoot, "f.txt", At(1, 1).node()), Edit(At(3, 1), At(1, 1).node(), "first")};
}
const NodeId kFile = At(1, 1).node();
const NodeId kName = At(2, 1).node();

TEST(ProjectionOfFilesTest, OfTwoEditsTheHigherIsTheFileAndTheOtherStandsBesideIt) {
  Forest forest;
  forest.Apply(File());
  const Invalidations changed = forest.Apply({Edit(At(4, 1), kFile, "mine", {At(3, 1)}),
                                              Edit(At(4, 2), kFile, "yours", {At(3, 1)}), Label(At(9, 1), "laptop")});
  const Projection& projection = forest.projection();
  const NodeId sibling = At(4, 1).node();
  EXPECT_EQ(Shown(projection, kRoot), (Entries{{"f.txt", kFile}, {"f-laptop.txt", sibling}}));
  EXPECT_EQ(projection.VersionsOf(kFile).file, (std::vector{At(4, 2)}));
  EXPECT_EQ(projection.SiblingOf(sibling), (fs::Sibling{sibling, kFile, kName, {At(4, 1)}}));
  const auto parts = projection.PartsOf(kRoot, "f-laptop.txt");
  EXPECT_EQ(parts->entry.type, fs::EntryType::kSibling);
  EXPECT_EQ(parts->inode, kFile);
  EXPECT_EQ(projection.LinksOf(kFile), 1u) << "a sibling is no name of the file";
  EXPECT_EQ(projection.LinksOf(sibling), 1u);
  EXPECT_EQ(projection.EntryCount(), 2u);
  EXPECT_TRUE(std::binary_search(changed.targets.begin(), changed.targets.end(), sibling));
  EXPECT_TRUE(std::binary_search(changed.targets.begin(), changed.targets.end(), kFile));
}

TEST(ProjectionOfFilesTest, VersionsWithEqualBytesAreOne) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Edit(At(4, 1), kFile, "same", {At(3, 1)}), Edit(At(4, 2), kFile, "same", {At(3, 1)})});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"f.txt", kFile}}));
  EXPECT_EQ(forest.projection().VersionsOf(kFile).file, (std::vector{At(4, 1), At(4, 2)}));
  forest.Apply({Edit(At(5, 3), kFile, "other", {At(3, 1)})});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"f.txt", kFile}, {"f-0002.txt", At(4, 2).node()}}));
  EXPECT_EQ(forest.projection().SiblingOf(At(4, 2).node())->heads, (std::vector{At(4, 1), At(4, 2)}));
}

TEST(ProjectionOfFilesTest, SiblingsStandBesideTheLowestLiveClaimOnly) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Directory(At(5, 1), kRoot, "d"), Dentry(At(6, 1), At(5, 1).node(), "link", kFile),
                Edit(At(7, 1), kFile, "mine"), Edit(At(7, 2), kFile, "yours", {At(3, 1)})});
  EXPECT_EQ(Shown(forest.projection(), At(5, 1).node()), (Entries{{"link", kFile}}));
  EXPECT_EQ(Shown(forest.projection(), kRoot).size(), 3u);
  forest.Apply({Delete(At(8, 1), kName, "f.txt", At(2, 1))});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"d", At(5, 1).node()}}));
  EXPECT_EQ(Shown(forest.projection(), At(5, 1).node()), (Entries{{"link", kFile}, {"link-0001", At(7, 1).node()}}));
}

TEST(ProjectionOfFilesTest, ASaveReplacesTheVersionThatItReadAndTheSiblingStays) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Edit(At(4, 1), kFile, "mine", {At(3, 1)}), Edit(At(4, 2), kFile, "yours", {At(3, 1)}),
                Edit(At(5, 3), kFile, "saved", {At(4, 2)})});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"f.txt", kFile}, {"f-0001.txt", At(4, 1).node()}}));
}

TEST(ProjectionOfFilesTest, DroppingASiblingsHeadRemovesTheSiblingAlone) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Edit(At(4, 1), kFile, "mine", {At(3, 1)}), Edit(At(4, 2), kFile, "yours", {At(3, 1)})});
  const Invalidations changed = forest.Apply(
      {MakeOp(At(5, 1), kFile, std::nullopt, {fs::schema::Replace(fs::schema::kContent, std::nullopt, {At(4, 1)})})});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"f.txt", kFile}}));
  EXPECT_EQ(changed.names, (std::vector<Invalidations::Name>{{kRoot, "f-0001.txt"}, {kRoot, "f.txt"}}));
  EXPECT_EQ(forest.projection().LinksOf(At(4, 1).node()), 0u);
}

TEST(ProjectionOfFilesTest, AnEditThatADeletionHadNotSeenBringsTheFileBackWithIt) {
  for (const bool edit_comes_first : {true, false}) {
    Forest forest;
    forest.Apply(File());
    const std::vector<crdt::Op> edit = {Edit(At(4, 2), kFile, "edited", {At(3, 1)})};
    const std::vector<crdt::Op> deletion = {Delete(At(5, 1), kName, "f.txt", At(2, 1)),
                                            Unlinked(At(6, 1), kFile, {At(3, 1)})};
    forest.Apply(edit_comes_first ? edit : deletion);
    forest.Apply(edit_comes_first ? deletion : edit);
    const Projection& projection = forest.projection();
    EXPECT_EQ(Shown(projection, kRoot), (Entries{{"f.txt", kFile}}));
    EXPECT_TRUE(projection.Lookup(kRoot, "f.txt")->is_ghost);
    EXPECT_EQ(projection.GhostPlaceOf(kName), (crdt::Placement{kRoot, "f.txt", At(2, 1)}));
    EXPECT_EQ(projection.LinksOf(kFile), 1u) << "names brought back count";
    EXPECT_EQ(projection.NamesOf(kFile), (std::vector{kName}));
    EXPECT_EQ(projection.VersionsOf(kFile).file, (std::vector{At(4, 2)}));
  }
}

TEST(ProjectionOfFilesTest, AFileBroughtBackThatGetsAFurtherNameAndLosesItIsBroughtBackByThat) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Delete(At(5, 1), kName, "f.txt", At(2, 1)), Unlinked(At(6, 1), kFile, {})});
  EXPECT_EQ(forest.projection().GhostNameOf(kFile), kName);
  EXPECT_EQ(forest.projection().DeletedAt(kFile), At(5, 1));
  const NodeId further = At(7, 2).node();
  forest.Apply({Dentry(At(7, 2), kRoot, "further", kFile)});
  EXPECT_EQ(forest.projection().NamesOf(kFile), (std::vector{further}));
  EXPECT_EQ(forest.projection().LinksOf(kFile), 1u);
  EXPECT_EQ(forest.projection().GhostNameOf(kFile), std::nullopt);
  forest.Apply({Delete(At(8, 2), further, "further", At(7, 2)), Unlinked(At(9, 2), kFile, {})});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"further", kFile}}));
  EXPECT_EQ(forest.projection().GhostNameOf(kFile), further);
  EXPECT_EQ(forest.projection().DeletedAt(kFile), At(8, 2));
  EXPECT_EQ(forest.projection().LinksOf(kFile), 1u);
  forest.Apply({Edit(At(10, 2), kFile, "edited", {At(3, 1)})});
  EXPECT_EQ(forest.projection().GhostNameOf(kFile), further);
  EXPECT_EQ(forest.projection().VersionsOf(kFile).file, (std::vector{At(10, 2)}));
}

TEST(ProjectionOfFilesTest, AFileComesBackWithTheUnseenVersionEvenIfAHigherOneWasDeleted) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Edit(At(4, 2), kFile, "unseen", {At(3, 1)}), Edit(At(5, 1), kFile, "seen", {At(3, 1)}),
                Delete(At(6, 1), kName, "f.txt", At(2, 1)), Unlinked(At(7, 1), kFile, {At(5, 1)})});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"f.txt", kFile}}));
  EXPECT_EQ(forest.projection().VersionsOf(kFile), (fs::FileVersions{{At(4, 2)}, {}, {At(5, 1)}}));
}

TEST(ProjectionOfFilesTest, AVersionThatTheDeletionKeptStaysUnderItsGeneratedName) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Edit(At(4, 1), kFile, "mine", {At(3, 1)}), Edit(At(4, 2), kFile, "yours", {At(3, 1)})});
  const Entries before = Shown(forest.projection(), kRoot);
  forest.Apply({Delete(At(5, 2), kName, "f.txt", At(2, 1)), Unlinked(At(6, 2), kFile, {At(4, 2)}, {At(4, 1)})});
  EXPECT_EQ(before.at("f-0001.txt"), At(4, 1).node());
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"f-0001.txt", At(4, 1).node()}}));
  EXPECT_EQ(forest.projection().LinksOf(kFile), 0u);
  EXPECT_EQ(forest.projection().ConflictOf(kRoot, "f-0001.txt")->rivals.front().reason, fs::NameReason::kKeptVersion);
}

TEST(ProjectionOfFilesTest, AttributesAndSymbolicLinksDoNotComeBack) {
  Forest forest;
  forest.Apply(File());
  forest.Apply(
      {Inode(At(4, 1), fs::Kind::kSymlink), Dentry(At(5, 1), kRoot, "s", At(4, 1).node()),
       Delete(At(6, 1), At(5, 1).node(), "s", At(5, 1)), Delete(At(7, 1), kName, "f.txt", At(2, 1)),
       Unlinked(At(8, 1), kFile, {At(3, 1)}),
       MakeOp(At(9, 2), kFile, std::nullopt, {fs::schema::Set(fs::schema::kMode, fs::schema::EncodeUnsigned(0600))})});
  EXPECT_TRUE(Shown(forest.projection(), kRoot).empty());
}

TEST(ProjectionOfFilesTest, ARenameSurvivesADeletionThatHadNotSeenItInEitherOrder) {
  for (const std::uint64_t rename : {5u, 9u}) {
    Forest forest;
    forest.Apply(File());
    forest.Apply({Delete(At(7, 1), kName, "f.txt", At(2, 1)), Unlinked(At(8, 1), kFile, {At(3, 1)}),
                  Rename(At(rename, 2), kName, kRoot, "renamed")});
    EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"renamed", kFile}}));
    EXPECT_FALSE(forest.projection().Lookup(kRoot, "renamed")->is_ghost);
  }
}

TEST(ProjectionOfFilesTest, HardLinksUnlinkedOneByEachReplicaComeBackOnceAtThePlaceOfTheLaterDeletion) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Dentry(At(4, 1), kRoot, "g", kFile), Delete(At(6, 1), kName, "f.txt", At(2, 1)),
                Delete(At(7, 2), At(4, 1).node(), "g", At(4, 1))});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"g", kFile}}));
  EXPECT_EQ(forest.projection().LinksOf(kFile), 1u);
}

TEST(ProjectionOfFilesTest, ARenameThatArrivesAfterTheDeletionChangesWhereTheFileComesBack) {
  Forest forest;
  forest.Apply(File());
  forest.Apply(
      {MakeOp(At(9, 1), kName, crdt::Place{crdt::kTrash, "f.txt"}), Edit(At(5, 2), kFile, "edited", {At(3, 1)})});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"f.txt", kFile}}));
  forest.Apply({Rename(At(7, 3), kName, kRoot, "renamed")});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"renamed", kFile}})) << "though the name stays in trash";
}

TEST(ProjectionOfFilesTest, TheListsOfADeletionCountOnlyWhileTheFileHasNoLiveName) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Unlinked(At(6, 1), kFile, {At(3, 1)})});
  EXPECT_EQ(forest.projection().VersionsOf(kFile), (fs::FileVersions{{At(3, 1)}, {}, {}}));
}

TEST(ProjectionOfFilesTest, AGhostTakesNoNameFromWhatIsLiveAndBearsTheLabelOfItsVersionsAuthor) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Label(At(1, 2), "editor"), Edit(At(4, 2), kFile, "edited", {At(3, 1)}),
                Delete(At(5, 1), kName, "f.txt", At(2, 1)), Unlinked(At(6, 1), kFile, {At(3, 1)}), Inode(At(1, 3)),
                Dentry(At(1, 4), kRoot, "f.txt", At(1, 3).node())});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"f.txt", At(1, 3).node()}, {"f-editor.txt", kFile}}))
      << "though its claim is higher";
}

TEST(ProjectionOfFilesTest, APurgedNameComesBackOnlyForAVersionThatThePurgeHadNotSeen) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Delete(At(5, 1), kName, "f.txt", At(2, 1)), Unlinked(At(6, 1), kFile, {At(3, 1)}),
                Edit(At(7, 2), kFile, "edited", {At(3, 1)}), Purge(At(8, 1), kName, At(5, 1), {At(3, 1), At(7, 2)})});
  EXPECT_TRUE(Shown(forest.projection(), kRoot).empty());
  forest.Apply({Edit(At(9, 3), kFile, "again", {At(3, 1)})});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"f.txt", kFile}, {"f-0002.txt", At(7, 2).node()}}));
}

TEST(ProjectionOfFilesTest, OfTwoSavesByRenameBothVersionsLiveAndTheOldFileIsGoneOnce) {
  Forest forest;
  forest.Apply(File());
  std::vector<crdt::Op> ops;
  for (crdt::ActorId actor = 1; actor <= 2; ++actor) {
    const NodeId saved = At(4, actor).node();
    const NodeId name = At(5, actor).node();
    ops.push_back(Inode(At(4, actor)));
    ops.push_back(Dentry(At(5, actor), kRoot, "tmp", saved));
    ops.push_back(Edit(At(6, actor), saved, "saved " + std::to_string(actor)));
    ops.push_back(Delete(At(7, actor), kName, "f.txt", At(2, 1)));
    ops.push_back(Unlinked(At(8, actor), kFile, {At(3, 1)}));
    ops.push_back(Rename(At(9, actor), name, kRoot, "f.txt"));
  }
  forest.Apply(ops);
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"f.txt", At(4, 2).node()}, {"f-0001.txt", At(4, 1).node()}}));
}

TEST(ProjectionOfFilesTest, ALinkKeepsTheInodeThatAnotherReplicaUnlinks) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Dentry(At(4, 2), kRoot, "g", kFile), Delete(At(5, 1), kName, "f.txt", At(2, 1)),
                Unlinked(At(6, 1), kFile, {At(3, 1)})});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"g", kFile}}));
  EXPECT_EQ(forest.projection().LinksOf(kFile), 1u);
}

TEST(ProjectionOfFilesTest, AConflictSaysWhoClaimsANameAndWhyEachIsCalledWhatItIsCalled) {
  Forest forest;
  forest.Apply(File());
  forest.Apply({Label(At(1, 2), "desk"), Edit(At(4, 2), kFile, "other", {}), Directory(At(5, 2), kRoot, "f.txt"),
                Inode(At(6, 2)), Dentry(At(7, 2), kRoot, "alone", At(6, 2).node())});
  const auto conflicts = forest.projection().Conflicts();
  ASSERT_EQ(conflicts.size(), 1u);
  const fs::Conflict& conflict = conflicts.front();
  EXPECT_EQ(conflict.directory, kRoot);
  EXPECT_EQ(conflict.stored_name, "f.txt");
  ASSERT_EQ(conflict.rivals.size(), 3u);
  const auto& [directory, file, sibling] = std::tie(conflict.rivals[0], conflict.rivals[1], conflict.rivals[2]);
  EXPECT_EQ(directory.parts.entry.name, "f.txt");
  EXPECT_EQ(directory.reason, fs::NameReason::kDirectory);
  EXPECT_EQ(file.parts.entry.name, "f-0001.txt");
  EXPECT_EQ(file.reason, fs::NameReason::kBehindDirectory);
  EXPECT_EQ(file.claim, At(2, 1));
  EXPECT_EQ(file.parts.heads, (std::vector{At(4, 2)}));
  EXPECT_EQ(sibling.parts.entry.name, "f-0001_00013.txt");
  EXPECT_EQ(sibling.reason, fs::NameReason::kOtherVersion);
  EXPECT_EQ(sibling.label, "0001");
  EXPECT_EQ(forest.projection().ConflictOf(kRoot, "f-0001.txt")->rivals.size(), 3u);
  EXPECT_EQ(forest.projection().ConflictOf(kRoot, "alone"), std::nullopt);
}

}  // namespace
}  // namespace copse::fs_test
