// What docs/semantics.md says of names, as the projection shows it.
#include "projection_fixture.h"

namespace copse::fs_test {
namespace {

using crdt::kRoot;
using crdt::kTrash;
using crdt::NodeId;
using fs::Invalidations;
using fs::Projection;
using fs::ShownEntry;
using Entries = std::map<std::string, NodeId>;  // Name to target.

std::map<std::string, NodeId> Nodes(const Projection& projection, NodeId directory) {
  std::map<std::string, NodeId> nodes;
  projection.List(directory, 0, [&](std::uint64_t, const ShownEntry& entry) {
    EXPECT_TRUE(nodes.emplace(entry.name, entry.node).second) << entry.name << " twice";
    return true;
  });
  return nodes;
}

TEST(ProjectionTest, OfTwoFilesWithOneNameTheHighestClaimHasItAndBothAreShown) {
  Forest forest;
  const NodeId a = At(1, 1).node();
  const NodeId b = At(1, 2).node();
  forest.Apply({Inode(At(1, 1)), Dentry(At(2, 1), kRoot, "x.txt", a)});
  const Invalidations changed = forest.Apply({Inode(At(1, 2)), Dentry(At(2, 2), kRoot, "x.txt", b)});
  EXPECT_EQ(Nodes(forest.projection(), kRoot),
            (std::map<std::string, NodeId>{{"x.txt", At(2, 2).node()}, {"x-0001.txt", At(2, 1).node()}}));
  const Invalidations::Name plain{kRoot, "x.txt"};
  const Invalidations::Name generated{kRoot, "x-0001.txt"};
  EXPECT_EQ(changed.names, (std::vector{generated, plain}));
  EXPECT_EQ(forest.projection().LinksOf(a), 1u);
}

TEST(ProjectionTest, ADirectoryHasTheNameBeforeAFileWithAHigherClaim) {
  Forest forest;
  forest.Apply({Directory(At(1, 1), kRoot, "x"), Inode(At(5, 2)), Dentry(At(6, 2), kRoot, "x", At(5, 2).node())});
  EXPECT_EQ(forest.projection().Lookup(kRoot, "x")->node, At(1, 1).node());
  EXPECT_EQ(forest.projection().Lookup(kRoot, "x-0002")->node, At(6, 2).node());
}

TEST(ProjectionTest, AChosenNameBeatsAGeneratedOne) {
  Forest forest;
  forest.Apply({Directory(At(1, 1), kRoot, "d"), Directory(At(2, 2), kRoot, "x"), Directory(At(3, 2), kRoot, "x-0001"),
                MakeOp(At(4, 1), At(1, 1).node(), crdt::Place{kRoot, "x"})});
  const auto shown = Nodes(forest.projection(), kRoot);
  EXPECT_EQ(shown.at("x"), At(1, 1).node());
  EXPECT_EQ(shown.at("x-0001"), At(3, 2).node());
  EXPECT_EQ(shown.at("x-0002"), At(2, 2).node());
  forest.Apply({Directory(At(5, 3), kRoot, "x-0002")});
  EXPECT_EQ(Nodes(forest.projection(), kRoot).at("x-0002_00022"), At(2, 2).node());
}

TEST(ProjectionTest, ASuffixGoesWithItsRival) {
  Forest forest;
  forest.Apply({Directory(At(1, 1), kRoot, "x"), Directory(At(1, 2), kRoot, "x")});
  forest.Apply({MakeOp(At(3, 2), At(1, 2).node(), crdt::Place{kRoot, "y"})});
  EXPECT_EQ(Nodes(forest.projection(), kRoot),
            (std::map<std::string, NodeId>{{"x", At(1, 1).node()}, {"y", At(1, 2).node()}}));
}

TEST(ProjectionTest, TwoNamesOfOneInodeThatAreStoredAlikeShowOnceAndCountOnce) {
  Forest forest;
  const NodeId inode = At(1, 1).node();
  forest.Apply({Inode(At(1, 1)), Dentry(At(2, 1), kRoot, "x", inode), Dentry(At(2, 2), kRoot, "x", inode)});
  EXPECT_EQ(Nodes(forest.projection(), kRoot).size(), 1u);
  EXPECT_EQ(forest.projection().LinksOf(inode), 1u);
  EXPECT_EQ(forest.projection().EntryCount(), 1u);
}

TEST(ProjectionTest, EntriesThatBreakTheTypesOfNodesAreNotShown) {
  Forest forest;
  const NodeId inode = At(1, 1).node();
  const NodeId dentry = At(2, 1).node();
  forest.Apply({Inode(At(1, 1)), Dentry(At(2, 1), kRoot, "x", inode), Directory(At(3, 1), dentry, "below a file"),
                Dentry(At(4, 1), kRoot, "of nothing", NodeId::Of(9, 99))});
  EXPECT_EQ(Nodes(forest.projection(), kRoot).size(), 1u);
  EXPECT_FALSE(forest.projection().Lookup(dentry, "below a file").has_value());
  EXPECT_EQ(forest.projection().LinksOf(At(3, 1).node()), 0u);
}

TEST(ProjectionTest, ANameAppearsWhenItsInodeArrivesAfterIt) {
  Forest forest;
  const NodeId inode = At(1, 1).node();
  forest.Apply({Dentry(At(2, 2), kRoot, "x", inode)});
  EXPECT_TRUE(Nodes(forest.projection(), kRoot).empty());
  forest.Apply({Inode(At(1, 1))});
  EXPECT_EQ(forest.projection().Lookup(kRoot, "x")->target, inode);
}

TEST(ProjectionTest, OfThreeFilesWithOneNameEachOtherOneBearsTheLabelOfItsAuthor) {
  Forest forest;
  std::vector<crdt::Op> ops = {Label(At(1, 1), "laptop"), Label(At(1, 2), "desk")};
  for (crdt::ActorId actor = 1; actor <= 3; ++actor) {
    ops.push_back(Inode(At(2, actor)));
    ops.push_back(Dentry(At(3, actor), kRoot, "x.tar.gz", At(2, actor).node()));
  }
  forest.Apply(ops);
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"x.tar.gz", At(2, 3).node()},
                                                        {"x-laptop.tar.gz", At(2, 1).node()},
                                                        {"x-desk.tar.gz", At(2, 2).node()}}));
}

TEST(ProjectionTest, WhoHasOneLabelWithAnotherIsToldApartByTheClaim) {
  Forest forest;
  std::vector<crdt::Op> ops = {Label(At(1, 1), "same"), Label(At(1, 2), "same")};
  for (crdt::ActorId actor = 1; actor <= 3; ++actor) {
    ops.push_back(Inode(At(2, actor)));
    ops.push_back(Dentry(At(3, actor), kRoot, "x", At(2, actor).node()));
  }
  forest.Apply(ops);
  EXPECT_EQ(Shown(forest.projection(), kRoot),
            (Entries{{"x", At(2, 3).node()}, {"x-same", At(2, 1).node()}, {"x-same_00023", At(2, 2).node()}}));
}

TEST(ProjectionTest, ALabelThatArrivesRenamesWhatIsShownAndInvalidatesBothNames) {
  Forest forest;
  forest.Apply({Inode(At(1, 1)), Dentry(At(2, 1), kRoot, "x", At(1, 1).node()), Inode(At(1, 2)),
                Dentry(At(2, 2), kRoot, "x", At(1, 2).node())});
  const Invalidations changed = forest.Apply({Label(At(9, 1), "late"), Label(At(10, 1), "later")});
  EXPECT_EQ(Shown(forest.projection(), kRoot), (Entries{{"x", At(1, 2).node()}, {"x-late", At(1, 1).node()}}));
  EXPECT_EQ(changed.names, (std::vector<Invalidations::Name>{{kRoot, "x-0001"}, {kRoot, "x-late"}}));
}

TEST(ProjectionTest, AFileAndASymbolicLinkBehindADirectoryGetItsNameSuffixed) {
  Forest forest;
  forest.Apply({Directory(At(1, 1), kRoot, "x"), Inode(At(5, 2), fs::Kind::kSymlink),
                Dentry(At(6, 2), kRoot, "x", At(5, 2).node()), Inode(At(7, 3)),
                Dentry(At(8, 3), kRoot, "x", At(7, 3).node())});
  EXPECT_EQ(Shown(forest.projection(), kRoot),
            (Entries{{"x", At(1, 1).node()}, {"x-0002", At(5, 2).node()}, {"x-0003", At(7, 3).node()}}));
}

TEST(ProjectionTest, WhatHasNoNewsChangesNothing) {
  Forest forest;
  forest.Apply({Directory(At(1, 1), kRoot, "d")});
  const Invalidations none = forest.Apply({});
  EXPECT_TRUE(none.names.empty());
  EXPECT_TRUE(none.targets.empty());
}

TEST(ProjectionTest, APositionGoesOnWhereItsListingStopped) {
  Forest forest;
  for (std::uint64_t i = 1; i <= 5; ++i) forest.Apply({Directory(At(i, 1), kRoot, std::to_string(i))});
  std::uint64_t stop = 0;
  forest.projection().List(kRoot, 0, [&](std::uint64_t position, const ShownEntry& entry) {
    stop = position;
    return entry.name != "2";
  });
  EXPECT_GT(stop, 15u);
  EXPECT_LT(stop, std::uint64_t{1} << 63);
  forest.Apply({MakeOp(At(9, 1), At(2, 1).node(), crdt::Place{kTrash, "2"}), Directory(At(10, 1), kRoot, "new")});
  std::vector<std::string> rest;
  forest.projection().List(kRoot, stop, [&](std::uint64_t, const ShownEntry& entry) {
    rest.push_back(entry.name);
    return true;
  });
  EXPECT_EQ(rest, (std::vector<std::string>{"3", "4", "5", "new"}));
}

}  // namespace
}  // namespace copse::fs_test
