#include <copse/crdt/journal.h>
#include <copse/fs/projection.h>
#include <copse/fs/volume.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "volume/schema.h"

namespace copse::fs {
namespace {

using crdt::Field;
using crdt::kFileInodes;
using crdt::kRoot;
using crdt::kTrash;
using crdt::Op;
using crdt::Timestamp;

/// A tree that takes ops as they come, with the projection kept beside it.
class Forest {
 public:
  Invalidations Apply(const std::vector<Op>& ops) {
    for (const Op& op : ops) EXPECT_TRUE(ValidateFileSystemOp(op).ok()) << ValidateFileSystemOp(op);
    return projection_->Update(tree_.Apply(ops));
  }
  const crdt::Tree& tree() const { return tree_; }
  const Projection& projection() const { return *projection_; }

 private:
  crdt::Tree tree_;
  std::unique_ptr<Projection> projection_ = MakeProjection(tree_);
};

Op MakeOp(Timestamp time, NodeId child, std::optional<crdt::Place> place, std::vector<Field> fields = {}) {
  Op op;
  op.time = time;
  op.child = child;
  op.place = std::move(place);
  op.fields = std::move(fields);
  return op;
}
Op Directory(Timestamp time, NodeId parent, const std::string& name) {
  return MakeOp(time, time.node(), crdt::Place{parent, name},
                {schema::Set(schema::kKind, schema::EncodeKind(Kind::kDirectory))});
}
Op Inode(Timestamp time) {
  return MakeOp(time, time.node(), crdt::Place{kFileInodes, ""},
                {schema::Set(schema::kKind, schema::EncodeKind(Kind::kRegular))});
}
Op Dentry(Timestamp time, NodeId parent, const std::string& name, NodeId inode) {
  return MakeOp(time, time.node(), crdt::Place{parent, name}, {schema::Set(schema::kInode, schema::EncodeNode(inode))});
}
Timestamp At(std::uint64_t counter, crdt::ActorId actor) { return Timestamp::Of(counter, actor); }

std::map<std::string, NodeId> Shown(const Projection& projection, NodeId directory) {
  std::map<std::string, NodeId> shown;
  projection.List(directory, 0, [&](std::uint64_t, const ShownEntry& entry) {
    EXPECT_TRUE(shown.emplace(entry.name, entry.node).second) << entry.name << " twice";
    return true;
  });
  return shown;
}

TEST(ProjectionTest, OfTwoFilesWithOneNameTheHighestClaimHasItAndBothAreShown) {
  Forest forest;
  const NodeId a = At(1, 1).node();
  const NodeId b = At(1, 2).node();
  forest.Apply({Inode(At(1, 1)), Dentry(At(2, 1), kRoot, "x.txt", a)});
  const Invalidations changed = forest.Apply({Inode(At(1, 2)), Dentry(At(2, 2), kRoot, "x.txt", b)});
  EXPECT_EQ(Shown(forest.projection(), kRoot),
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
  const auto shown = Shown(forest.projection(), kRoot);
  EXPECT_EQ(shown.at("x"), At(1, 1).node());
  EXPECT_EQ(shown.at("x-0001"), At(3, 2).node());
  EXPECT_EQ(shown.at("x-0002"), At(2, 2).node());
  forest.Apply({Directory(At(5, 3), kRoot, "x-0002")});
  EXPECT_EQ(Shown(forest.projection(), kRoot).at("x-0002_00022"), At(2, 2).node());
}

TEST(ProjectionTest, ASuffixGoesWithItsRival) {
  Forest forest;
  forest.Apply({Directory(At(1, 1), kRoot, "x"), Directory(At(1, 2), kRoot, "x")});
  forest.Apply({MakeOp(At(3, 2), At(1, 2).node(), crdt::Place{kRoot, "y"})});
  EXPECT_EQ(Shown(forest.projection(), kRoot),
            (std::map<std::string, NodeId>{{"x", At(1, 1).node()}, {"y", At(1, 2).node()}}));
}

TEST(ProjectionTest, TwoNamesOfOneInodeThatAreStoredAlikeShowOnceAndCountOnce) {
  Forest forest;
  const NodeId inode = At(1, 1).node();
  forest.Apply({Inode(At(1, 1)), Dentry(At(2, 1), kRoot, "x", inode), Dentry(At(2, 2), kRoot, "x", inode)});
  EXPECT_EQ(Shown(forest.projection(), kRoot).size(), 1u);
  EXPECT_EQ(forest.projection().LinksOf(inode), 1u);
  EXPECT_EQ(forest.projection().EntryCount(), 1u);
}

TEST(ProjectionTest, EntriesThatBreakTheTypesOfNodesAreNotShown) {
  Forest forest;
  const NodeId inode = At(1, 1).node();
  const NodeId dentry = At(2, 1).node();
  forest.Apply({Inode(At(1, 1)), Dentry(At(2, 1), kRoot, "x", inode), Directory(At(3, 1), dentry, "below a file"),
                Dentry(At(4, 1), kRoot, "of nothing", NodeId::Of(9, 99))});
  EXPECT_EQ(Shown(forest.projection(), kRoot).size(), 1u);
  EXPECT_FALSE(forest.projection().Lookup(dentry, "below a file").has_value());
  EXPECT_EQ(forest.projection().LinksOf(At(3, 1).node()), 0u);
}

TEST(ProjectionTest, ANameAppearsWhenItsInodeArrivesAfterIt) {
  Forest forest;
  const NodeId inode = At(1, 1).node();
  forest.Apply({Dentry(At(2, 2), kRoot, "x", inode)});
  EXPECT_TRUE(Shown(forest.projection(), kRoot).empty());
  forest.Apply({Inode(At(1, 1))});
  EXPECT_EQ(forest.projection().Lookup(kRoot, "x")->target, inode);
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

TEST(ValidationTest, RefusesWhatWouldBreakNamesOrTypes) {
  const auto refused = [](const Op& op) { return !ValidateFileSystemOp(op).ok(); };
  for (const std::string name : {"", ".", "..", "a/b"}) EXPECT_TRUE(refused(Directory(At(1, 1), kRoot, name))) << name;
  EXPECT_TRUE(refused(Directory(At(1, 1), kRoot, std::string("a\0b", 3))));
  EXPECT_TRUE(refused(Directory(At(1, 1), kRoot, std::string(256, 'x'))));
  EXPECT_TRUE(refused(Directory(At(1, 1), kFileInodes, "")));
  EXPECT_TRUE(refused(Dentry(At(1, 1), kRoot, "x", kTrash)));
  Op retyped = Inode(At(1, 1));
  retyped.time = At(2, 1);
  EXPECT_TRUE(refused(retyped));
  const auto field = [](Field written) {
    return MakeOp(At(9, 1), NodeId::Of(1, 1), std::nullopt, {std::move(written)});
  };
  EXPECT_TRUE(refused(field(schema::Set(schema::kMode, schema::EncodeUnsigned(010000)))));
  EXPECT_TRUE(refused(field(schema::Set(schema::kUid, schema::EncodeUnsigned(std::uint64_t{1} << 32)))));
  EXPECT_TRUE(refused(field(schema::Set(schema::kMtime, ""))));
  EXPECT_TRUE(refused(field(schema::Set(schema::kContent, EncodeManifest({})))));
  EXPECT_TRUE(refused(field(schema::Replace(schema::kContent, "rubbish", {}))));
  EXPECT_TRUE(refused(field(schema::Replace(schema::kUnlinked, "\x02\x05\x05", {})))) << "not ascending";
  EXPECT_TRUE(refused(field(schema::SetXattr("other.x", "v"))));
  EXPECT_TRUE(refused(MakeOp(At(9, 1), NodeId::Of(1, 1), crdt::Place{kFileInodes, ""},
                             {schema::Replace(schema::kContent, EncodeManifest({}), {})})))
      << "a version has a number that a node has";
  EXPECT_FALSE(refused(field(schema::SetXattr("user.x", std::nullopt))));
  EXPECT_FALSE(refused(field(schema::Set(schema::kMode, schema::EncodeUnsigned(07777)))));
}

TEST(ValidationTest, ALabelIsWrittenByItsOwnerAloneAndNeverTakenBack) {
  const auto refused = [](NodeId node, Field field) {
    return !ValidateFileSystemOp(MakeOp(At(9, 1), node, std::nullopt, {std::move(field)})).ok();
  };
  EXPECT_FALSE(refused(crdt::kForest, schema::SetLabel(1, "laptop2")));
  EXPECT_TRUE(refused(crdt::kForest, schema::SetLabel(2, "laptop2"))) << "of another actor";
  EXPECT_TRUE(refused(kRoot, schema::SetLabel(1, "laptop2")));
  for (const std::string label : {"", "Laptop", "lap-top", "l\xc3\xa4ptop", "seventeenletters1"}) {
    EXPECT_TRUE(refused(crdt::kForest, schema::SetLabel(1, label))) << label;
  }
  Field replacing = schema::SetLabel(1, "laptop2");
  replacing.replaces = {At(8, 1)};
  EXPECT_TRUE(refused(crdt::kForest, replacing));
  Field cleared = schema::SetLabel(1, "laptop2");
  cleared.value.reset();
  EXPECT_TRUE(refused(crdt::kForest, cleared));
  Field last_writer = schema::SetLabel(1, "laptop2");
  last_writer.replaces.reset();
  EXPECT_TRUE(refused(crdt::kForest, last_writer));
}

// Ops of three actors over few nodes: makes, moves into anything, deletions.
std::vector<Op> RandomOps() {
  std::vector<Op> ops;
  std::vector<NodeId> inodes;
  std::vector<NodeId> others = {kRoot};
  const int count = *rc::gen::inRange(1, 40);
  for (int i = 1; i <= count; ++i) {
    const Timestamp time = At(static_cast<std::uint64_t>(i), *rc::gen::inRange<crdt::ActorId>(1, 4));
    const std::string name(1, static_cast<char>('a' + *rc::gen::inRange(0, 3)));
    const NodeId parent = *rc::gen::elementOf(others);
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
        ops.push_back(Inode(time)), inodes.push_back(time.node());
        break;
      case 1:
        ops.push_back(Directory(time, parent, name)), others.push_back(time.node());
        break;
      case 2:
        if (inodes.empty()) break;
        ops.push_back(Dentry(time, parent, name, *rc::gen::elementOf(inodes)));
        others.push_back(time.node());
        break;
      default: {
        const NodeId child = *rc::gen::elementOf(others);
        if (child == kRoot) break;
        const bool deletes = *rc::gen::inRange(0, 3) == 0;
        ops.push_back(MakeOp(time, child, crdt::Place{deletes ? kTrash : parent, name}));
      }
    }
  }
  return ops;
}

struct Summary {
  std::map<NodeId, std::map<std::string, NodeId>> entries;
  std::map<NodeId, std::uint32_t> links;
  std::uint64_t count = 0;
  friend bool operator==(const Summary&, const Summary&) = default;
};

Summary Summarize(const crdt::Tree& tree, const Projection& projection) {
  Summary summary;
  for (const NodeId node : tree.Nodes()) {
    if (auto shown = Shown(projection, node); !shown.empty()) summary.entries[node] = std::move(shown);
    if (node != crdt::kForest) summary.links[node] = projection.LinksOf(node);
  }
  summary.count = projection.EntryCount();
  return summary;
}

RC_GTEST_PROP(ProjectionProperty, KeptByEventsInAnyOrderItEqualsOneBuiltAnew, ()) {
  std::vector<Op> ops = RandomOps();
  for (std::size_t i = ops.size(); i > 1; --i) std::swap(ops[i - 1], ops[*rc::gen::inRange<std::size_t>(0, i)]);
  Forest forest;
  for (std::size_t at = 0; at < ops.size();) {
    const std::size_t count = std::min<std::size_t>(*rc::gen::inRange<std::size_t>(1, 6), ops.size() - at);
    forest.Apply(std::vector<Op>(ops.begin() + static_cast<std::ptrdiff_t>(at),
                                 ops.begin() + static_cast<std::ptrdiff_t>(at + count)));
    at += count;
    RC_ASSERT(Summarize(forest.tree(), forest.projection()) ==
              Summarize(forest.tree(), *MakeProjection(forest.tree())));
  }
}

RC_GTEST_PROP(ProjectionProperty, NoNameIsThereTwiceEachLooksUpToWhatIsListedAndLinksEqualNames, ()) {
  Forest forest;
  forest.Apply(RandomOps());
  const Projection& projection = forest.projection();
  std::map<NodeId, std::uint32_t> names;
  std::uint64_t entries = 0;
  std::vector<NodeId> directories = {kRoot};
  for (std::size_t i = 0; i < directories.size(); ++i) {
    std::set<std::string> seen;
    projection.List(directories[i], 0, [&](std::uint64_t, const ShownEntry& entry) {
      RC_ASSERT(seen.insert(entry.name).second);
      RC_ASSERT(entry.name.size() <= 255u);
      const auto found = projection.Lookup(directories[i], entry.name);
      RC_ASSERT(found.has_value());
      RC_ASSERT(found->node == entry.node);
      RC_ASSERT(found->target == entry.target);
      ++entries;
      if (entry.node == entry.target) {
        RC_ASSERT(projection.ParentOf(entry.node) == directories[i]);
        directories.push_back(entry.node);
      } else {
        ++names[entry.target];
      }
      return true;
    });
    RC_ASSERT(projection.IsEmpty(directories[i]) == seen.empty());
  }
  RC_ASSERT(projection.EntryCount() == entries);
  for (const auto& [inode, count] : names) {
    RC_ASSERT(projection.LinksOf(inode) == count);
    RC_ASSERT(projection.NamesOf(inode).size() == count);
  }
}

}  // namespace
}  // namespace copse::fs
