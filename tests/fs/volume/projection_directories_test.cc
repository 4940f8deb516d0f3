// What docs/semantics.md says of directories, row by row: united, moved, deleted and brought back.
#include <algorithm>

#include "projection_fixture.h"

namespace copse::fs_test {
namespace {

using crdt::kRoot;
using crdt::NodeId;
using fs::Invalidations;
using fs::Projection;
using Entries = std::map<std::string, NodeId>;  // Name to target.

TEST(ProjectionOfDirectoriesTest, DirectoriesMadeUnderOneNameAreOneWithTheChildrenOfBoth) {
  Forest forest;
  const NodeId a = At(1, 1).node();
  const NodeId b = At(1, 2).node();
  forest.Apply({Directory(At(1, 1), kRoot, "d"), Inode(At(2, 1)), Dentry(At(3, 1), a, "of a", At(2, 1).node()),
                Directory(At(4, 1), a, "deep"), Inode(At(5, 1)),
                Dentry(At(6, 1), At(4, 1).node(), "x", At(5, 1).node())});
  const Invalidations changed = forest.Apply(
      {Directory(At(1, 2), kRoot, "d"), Inode(At(2, 2)), Dentry(At(3, 2), b, "of b", At(2, 2).node()),
       Directory(At(4, 2), b, "deep"), Inode(At(5, 2)), Dentry(At(6, 2), At(4, 2).node(), "x", At(5, 2).node())});
  const Projection& projection = forest.projection();
  EXPECT_EQ(Shown(projection, kRoot), (Entries{{"d", a}})) << "the member with the lowest claim";
  const Entries united = {{"of a", At(2, 1).node()}, {"of b", At(2, 2).node()}, {"deep", At(4, 1).node()}};
  EXPECT_EQ(Shown(projection, a), united);
  EXPECT_EQ(Shown(projection, b), united) << "every member's number goes on leading there";
  const Entries deep = {{"x", At(5, 2).node()}, {"x-0001", At(5, 1).node()}};
  EXPECT_EQ(Shown(projection, At(4, 2).node()), deep) << "what is in them is projected together";
  EXPECT_EQ(projection.MembersOf(b), (std::vector{a, b}));
  EXPECT_EQ(projection.RepresentativeOf(b), a);
  EXPECT_EQ(projection.PartsOf(kRoot, "d")->nodes, (std::vector{a, b}));
  EXPECT_EQ(projection.ParentOf(At(4, 2).node()), a);
  EXPECT_EQ(projection.LinksOf(b), 3u);
  EXPECT_EQ(projection.LinksOf(kRoot), 3u);
  EXPECT_EQ(projection.EntryCount(), 6u);
  for (const Invalidations::Name& name : {Invalidations::Name{a, "of b"}, {b, "of a"}, {b, "deep"}}) {
    EXPECT_TRUE(std::binary_search(changed.names.begin(), changed.names.end(), name)) << name.name;
  }
  EXPECT_TRUE(projection.Conflicts().size() == 1 && projection.Conflicts().front().stored_name == "x")
      << "a union is no conflict";
}

TEST(ProjectionOfDirectoriesTest, DirectoriesMovedToOneNameByOneCallAreOneAndThoseOfTwoCallsAreNot) {
  Forest forest;
  const NodeId a = At(1, 1).node();
  const NodeId b = At(1, 2).node();
  forest.Apply({Directory(At(1, 1), kRoot, "d"), Directory(At(1, 2), kRoot, "d"), Rename(At(5, 3), a, kRoot, "e"),
                Rename(At(6, 3), b, kRoot, "e")});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"e", a}}));
  forest.Apply({Rename(At(9, 2), b, kRoot, "e")});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"e", b}, {"e-0003", a}}));
}

TEST(ProjectionOfDirectoriesTest, ADirectoryThatWasMovedToANameIsNeverMixedWithThoseMadeThere) {
  Forest forest;
  forest.Apply({Directory(At(1, 1), kRoot, "d"), Directory(At(1, 2), kRoot, "d"), Directory(At(1, 3), kRoot, "m"),
                Rename(At(2, 3), At(1, 3).node(), kRoot, "d")});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"d", At(1, 3).node()}, {"d-0002", At(1, 1).node()}}))
      << "the union is one claimant with its highest claim";
  EXPECT_EQ(forest.projection().MembersOf(At(1, 2).node()).size(), 2u);
}

TEST(ProjectionOfDirectoriesTest, WhatIsMadeInADeletedDirectoryBringsTheDirectoryBackWithThatAlone) {
  for (const bool deletion_comes_first : {true, false}) {
    Forest forest;
    const NodeId d = At(1, 1).node();
    forest.Apply({Directory(At(1, 1), kRoot, "d"), Inode(At(2, 1)), Dentry(At(3, 1), d, "old", At(2, 1).node())});
    const std::vector<crdt::Op> deletion = {Delete(At(5, 1), At(3, 1).node(), "old", At(3, 1)),
                                            Delete(At(6, 1), d, "d", At(1, 1))};
    const std::vector<crdt::Op> creation = {Inode(At(5, 2)), Dentry(At(6, 2), d, "new", At(5, 2).node())};
    forest.Apply(deletion_comes_first ? deletion : creation);
    forest.Apply(deletion_comes_first ? creation : deletion);
    const Projection& projection = forest.projection();
    EXPECT_EQ(Shown(projection, kRoot), (Entries{{"d", d}}));
    EXPECT_EQ(Shown(projection, d), (Entries{{"new", At(5, 2).node()}}));
    EXPECT_TRUE(projection.Lookup(kRoot, "d")->is_ghost);
    EXPECT_EQ(projection.ParentOf(d), kRoot);
    EXPECT_EQ(projection.GhostPlaceOf(d), (crdt::Placement{kRoot, "d", At(1, 1)}));
    EXPECT_EQ(projection.EntryCount(), 2u);
    const Invalidations changed = forest.Apply({Delete(At(9, 2), At(6, 2).node(), "new", At(6, 2))});
    EXPECT_TRUE(Shown(projection, kRoot).empty()) << "empty again, it is gone";
    EXPECT_TRUE(std::binary_search(changed.names.begin(), changed.names.end(), Invalidations::Name{kRoot, "d"}));
  }
}

TEST(ProjectionOfDirectoriesTest, WhatIsMovedIntoADeletedDirectoryBringsItBackAndSoDoesAnEmptyDirectory) {
  Forest forest;
  const NodeId d = At(1, 1).node();
  forest.Apply({Directory(At(1, 1), kRoot, "d"), Directory(At(2, 1), kRoot, "e"), Delete(At(5, 1), d, "d", At(1, 1)),
                Rename(At(5, 2), At(2, 1).node(), d, "moved")});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"d", d}}));
  EXPECT_EQ(Shown(forest.projection(), d), (Entries{{"moved", At(2, 1).node()}}));
}

TEST(ProjectionOfDirectoriesTest, AFileThatComesBackBringsTheDeletedDirectoriesAboveIt) {
  Forest forest;
  const NodeId outer = At(1, 2).node();
  const NodeId inner = At(2, 2).node();
  forest.Apply({Directory(At(1, 2), kRoot, "outer"), Directory(At(2, 2), outer, "inner"), Inode(At(3, 2)),
                Dentry(At(4, 2), inner, "f", At(3, 2).node()), Edit(At(5, 2), At(3, 2).node(), "one")});
  forest.Apply({Delete(At(6, 1), At(4, 2).node(), "f", At(4, 2)), Unlinked(At(7, 1), At(3, 2).node(), {At(5, 2)}),
                Delete(At(8, 1), inner, "inner", At(2, 2)), Delete(At(9, 1), outer, "outer", At(1, 2))});
  EXPECT_EQ(forest.projection().EntryCount(), 0u);
  forest.Apply({Edit(At(7, 2), At(3, 2).node(), "two", {At(5, 2)})});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"outer", outer}}));
  EXPECT_EQ(Shown(forest.projection(), outer), (Entries{{"inner", inner}}));
  EXPECT_EQ(Shown(forest.projection(), inner), (Entries{{"f", At(3, 2).node()}}));
  EXPECT_EQ(forest.projection().EntryCount(), 3u);
}

TEST(ProjectionOfDirectoriesTest, ADeletedDirectoryUnitesWithOneThatWasMadeInItsPlaceAndTakesNothingFromIt) {
  Forest forest;
  const NodeId old = At(1, 1).node();
  forest.Apply({Directory(At(1, 1), kRoot, "d"), Delete(At(2, 1), old, "d", At(1, 1)), Directory(At(3, 1), kRoot, "d"),
                Inode(At(4, 1)), Dentry(At(5, 1), At(3, 1).node(), "in the new", At(4, 1).node()), Inode(At(2, 2)),
                Dentry(At(3, 2), old, "in the old", At(2, 2).node())});
  const Projection& projection = forest.projection();
  EXPECT_EQ(Shown(projection, kRoot), (Entries{{"d", At(3, 1).node()}})) << "the live one, though its claim is higher";
  EXPECT_FALSE(projection.Lookup(kRoot, "d")->is_ghost);
  EXPECT_EQ(Shown(projection, old), (Entries{{"in the new", At(4, 1).node()}, {"in the old", At(2, 2).node()}}));
}

TEST(ProjectionOfDirectoriesTest, ADirectoryWhoseOldPlaceIsGoneToItsLoopIsShownInTheRoot) {
  Forest forest;
  const NodeId a = At(1, 1).node();
  const NodeId b = At(2, 1).node();
  // b was in a when it was deleted; then a was moved into b, which brings b back: in a, which is in b.
  forest.Apply({Directory(At(1, 1), kRoot, "a"), Directory(At(2, 1), a, "b"), Delete(At(5, 1), b, "b", At(2, 1)),
                Rename(At(6, 2), a, b, "a")});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"b", b}}));
  EXPECT_EQ(Shown(forest.projection(), b), (Entries{{"a", a}}));
  EXPECT_TRUE(Shown(forest.projection(), a).empty());
}

TEST(ProjectionOfDirectoriesTest, OfTwoDeletedDirectoriesInALoopTheOneWithTheLowestIdIsShownInTheRoot) {
  Forest forest;
  const NodeId a = At(1, 1).node();
  const NodeId b = At(2, 1).node();
  forest.Apply({Directory(At(1, 1), kRoot, "a"), Directory(At(2, 1), a, "b"), Delete(At(3, 1), b, "b", At(2, 1)),
                Rename(At(4, 2), a, b, "a"), Delete(At(5, 1), a, "a", At(4, 2))});
  EXPECT_EQ(forest.projection().EntryCount(), 0u) << "nobody uses them";
  forest.Apply({Inode(At(6, 3)), Dentry(At(7, 3), b, "f", At(6, 3).node())});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"a", a}}));
  EXPECT_EQ(Shown(forest.projection(), a), (Entries{{"b", b}}));
  EXPECT_EQ(Shown(forest.projection(), b), (Entries{{"f", At(6, 3).node()}}));
}

TEST(ProjectionOfDirectoriesTest, AMovedDirectoryStaysMovedWhereAnotherWasMadeOverIt) {
  Forest forest;
  const NodeId d = At(1, 1).node();
  forest.Apply(
      {Directory(At(1, 1), kRoot, "d"), Rename(At(4, 1), d, kRoot, "here"), Rename(At(5, 2), d, kRoot, "there")});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"there", d}})) << "the later place wins";
}

}  // namespace
}  // namespace copse::fs_test
