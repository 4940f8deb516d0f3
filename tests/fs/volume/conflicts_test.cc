// When changes meet: names that several claim, and moves. With siblings_test.cc and deletion_conflicts_test.cc each row
// of the table in docs/semantics.md, through the calls that programs make. After each exchange all replicas have the
// same tree and show the same (ReplicasTest::Exchange).
#include "fs/volume/replicas_fixture.h"

namespace copse::fs {
namespace {

using Strings = std::vector<std::string>;
using Replicas = ReplicasTest;

TEST_F(Replicas, FilesMadeUnderOneNameAreBothThere) {
  BothWays([&](Replica& a, Replica& b) {
    a.MakeFile(kRoot, "f.txt", "of a");
    b.MakeFile(kRoot, "f.txt", "of b");
    Exchange();
    EXPECT_EQ(desk().Names(kRoot), (Strings{"f-desk.txt", "f.txt"}));
    EXPECT_EQ(desk().AllContents(kRoot), (Strings{"of a", "of b"}));
    EXPECT_EQ(desk().Stat(desk().Find(kRoot, "f-desk.txt")).links, 1u);
  });
}

TEST_F(Replicas, TwoNamesOfOneFileAreOneWhereTheyAreTheSame) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId file = a.MakeFile(kRoot, "f", "x");
    Exchange();
    ASSERT_TRUE(a.volume().Link(kAlice, file, kRoot, "g").ok());
    ASSERT_TRUE(b.volume().Link(kAlice, file, kRoot, "g").ok());
    Exchange();
    EXPECT_EQ(a.Names(kRoot), (Strings{"f", "g"}));
    EXPECT_EQ(a.Stat(file).links, 2u);
    ASSERT_EQ(b.Rename(kRoot, "g", kRoot, "h"), std::errc{});
    Exchange();
    EXPECT_EQ(a.Names(kRoot), (Strings{"f", "h"})) << "rename acts on both";
    ASSERT_EQ(a.Unlink(kRoot, "h"), std::errc{});
    Exchange();
    EXPECT_EQ(b.Names(kRoot), Strings{"f"}) << "unlink acts on both";
    EXPECT_EQ(a.Stat(file).links, 1u);
  });
}

TEST_F(Replicas, DirectoriesMadeUnderOneNameAreOne) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId of_a = a.MakeDirectory(kRoot, "d");
    const NodeId of_b = b.MakeDirectory(kRoot, "d");
    a.MakeFile(of_a, "from a", "a");
    b.MakeFile(of_b, "from b", "b");
    a.MakeFile(of_a, "both", "1");
    b.MakeFile(of_b, "both", "2");
    Exchange();
    EXPECT_EQ(a.Names(kRoot), Strings{"d"});
    for (const NodeId member : {of_a, of_b}) {
      EXPECT_EQ(a.Names(member), (Strings{"both", "both-desk", "from a", "from b"}));
      EXPECT_EQ(a.Stat(member).node, member) << "every member's number stays valid";
    }
    // Through either number: making, finding, changing.
    a.MakeFile(of_b, "new", "n");
    AttributeChanges mode;
    mode.mode = 0700;
    ASSERT_TRUE(b.volume().SetAttributes(kAlice, of_b, mode).ok());
    ASSERT_TRUE(b.volume().SetXattr(kAlice, of_a, "user.x", "y", Volume::XattrMode::kSet).ok());
    Exchange();
    for (const NodeId member : {of_a, of_b}) {
      EXPECT_EQ(b.ContentsAt(member, "new"), "n");
      EXPECT_EQ(a.Stat(member).mode, 0700u);
      EXPECT_EQ(*a.volume().GetXattr(member, "user.x"), "y");
    }
    ASSERT_EQ(a.Rename(kRoot, "d", kRoot, "e"), std::errc{});
    Exchange();
    EXPECT_EQ(b.Names(kRoot), Strings{"e"}) << "it stays one when it is renamed";
    EXPECT_EQ(b.Names(of_a).size(), 5u);
    EXPECT_EQ(b.Rmdir(kRoot, "e"), std::errc::directory_not_empty);
    for (const std::string& name : b.Names(of_b)) EXPECT_EQ(b.Unlink(of_a, name), std::errc{});
    EXPECT_EQ(b.Rmdir(kRoot, "e"), std::errc{});
    Exchange();
    EXPECT_TRUE(a.Names(kRoot).empty());
  });
}

TEST_F(Replicas, AMountGoesOnServingTheMemberThatTheKernelHas) {
  const NodeId of_desk = desk().MakeDirectory(kRoot, "d");
  const NodeId of_laptop = laptop().MakeDirectory(kRoot, "d");
  desk().Hold(kRoot, "d");
  laptop().Hold(kRoot, "d");
  for (const auto& replica : replicas_) ASSERT_TRUE(replica->volume().Flush().ok());
  Deliver(laptop(), desk());
  Deliver(desk(), laptop());
  EXPECT_EQ(desk().Find(kRoot, "d"), of_desk);
  EXPECT_EQ(laptop().Find(kRoot, "d"), of_laptop);
}

TEST_F(Replicas, ADirectoryThatIsMovedToWhereThereIsAnotherIsNotMixedWithIt) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId old = a.MakeDirectory(kRoot, "old");
    Exchange();
    ASSERT_EQ(a.Rename(kRoot, "old", kRoot, "d"), std::errc{});
    const NodeId made = b.MakeDirectory(kRoot, "d");
    b.MakeFile(made, "f", "x");
    Exchange();
    EXPECT_EQ(a.Names(kRoot).size(), 2u);
    EXPECT_TRUE(a.Names(old).empty());
    EXPECT_EQ(a.Names(made), Strings{"f"});
  });
}

TEST_F(Replicas, ADirectoryTakesTheNameFromAFile) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId directory = a.MakeDirectory(kRoot, "x");
    b.MakeFile(kRoot, "x", "file");
    Exchange();
    EXPECT_EQ(a.Find(kRoot, "x"), directory);
    EXPECT_EQ(a.ContentsAt(kRoot, "x-" + b.world.options.label), "file");
  });
}

TEST_F(Replicas, OfTwoMovesOfOneFileTheLaterWins) {
  BothWays([&](Replica& a, Replica& b) {
    a.MakeFile(kRoot, "f", "x");
    Exchange();
    ASSERT_EQ(a.Rename(kRoot, "f", kRoot, "a"), std::errc{});
    ASSERT_EQ(b.Rename(kRoot, "f", kRoot, "b"), std::errc{});
    Exchange();
    EXPECT_EQ(a.Names(kRoot).size(), 1u);
  });
}

TEST_F(Replicas, MovesThatWouldCloseACycleLoseNothing) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId x = a.MakeDirectory(kRoot, "x");
    const NodeId y = a.MakeDirectory(kRoot, "y");
    a.MakeFile(x, "in x", "1");
    a.MakeFile(y, "in y", "2");
    Exchange();
    ASSERT_EQ(a.Rename(kRoot, "x", y, "x"), std::errc{});
    ASSERT_EQ(b.Rename(kRoot, "y", x, "y"), std::errc{});
    Exchange();
    EXPECT_EQ(a.Names(kRoot).size(), 1u);
    EXPECT_EQ(a.ContentsAt(x, "in x"), "1");
    EXPECT_EQ(a.ContentsAt(y, "in y"), "2");
  });
}

TEST_F(Replicas, WhatIsReplacedAndEditedAtOneTimeLivesOn) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId target = a.MakeFile(kRoot, "x", "base");
    a.MakeFile(kRoot, "source", "replacement");
    Exchange();
    ASSERT_EQ(a.Rename(kRoot, "source", kRoot, "x"), std::errc{});
    b.Write(target, "edited");
    Exchange();
    EXPECT_EQ(b.ContentsAt(kRoot, "x"), "replacement");
    EXPECT_EQ(b.AllContents(kRoot), (Strings{"edited", "replacement"}));
  });
}

TEST_F(Replicas, WhatIsReplacedAndRenamedAtOneTimeLivesOn) {
  BothWays([&](Replica& a, Replica& b) {
    a.MakeFile(kRoot, "x", "base");
    a.MakeFile(kRoot, "source", "replacement");
    Exchange();
    ASSERT_EQ(a.Rename(kRoot, "source", kRoot, "x"), std::errc{});
    ASSERT_EQ(b.Rename(kRoot, "x", kRoot, "y"), std::errc{});
    Exchange();
    EXPECT_EQ(b.ContentsAt(kRoot, "x"), "replacement");
    EXPECT_EQ(b.ContentsAt(kRoot, "y"), "base");
  });
}

TEST_F(Replicas, TwoAtomicSavesAreBothThere) {
  BothWays([&](Replica& a, Replica& b) {
    a.MakeFile(kRoot, "x", "base");
    Exchange();
    for (Replica* replica : {&a, &b}) {
      replica->MakeFile(kRoot, "x.tmp", "of " + replica->world.options.label);
      ASSERT_EQ(replica->Rename(kRoot, "x.tmp", kRoot, "x"), std::errc{});
    }
    Exchange();
    EXPECT_EQ(a.AllContents(kRoot), (Strings{"of desk", "of laptop"}));
    EXPECT_EQ(a.volume().ListTrash().size(), 1u) << "the old one is in trash once";
  });
}

TEST_F(Replicas, EachAttributeIsDecidedByItself) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId file = a.MakeFile(kRoot, "f", "x");
    Exchange();
    AttributeChanges mode;
    mode.mode = 0600;
    AttributeChanges owner;
    owner.uid = 7;
    ASSERT_TRUE(a.volume().SetAttributes(kAlice, file, mode).ok());
    ASSERT_TRUE(b.volume().SetAttributes(kAlice, file, owner).ok());
    ASSERT_TRUE(a.volume().SetXattr(kAlice, file, "user.a", "1", Volume::XattrMode::kSet).ok());
    ASSERT_TRUE(b.volume().SetXattr(kAlice, file, "user.b", "2", Volume::XattrMode::kSet).ok());
    Exchange();
    EXPECT_EQ(a.Stat(file).mode, 0600u);
    EXPECT_EQ(a.Stat(file).uid, 7u);
    EXPECT_EQ(*a.volume().GetXattr(file, "user.a"), "1");
    EXPECT_EQ(*a.volume().GetXattr(file, "user.b"), "2");
  });
}

TEST_F(Replicas, ANameOnceServedGoesOnResolving) {
  BothWays([&](Replica& a, Replica& b) {
    a.MakeFile(kRoot, "f", "of a");
    b.MakeFile(kRoot, "f", "of b");
    Exchange();
    const NodeId loser = a.Find(kRoot, "f-desk");
    ASSERT_NE(loser, NodeId{});
    ASSERT_EQ(a.Unlink(kRoot, "f"), std::errc{});
    EXPECT_EQ(a.Names(kRoot), Strings{"f"});
    EXPECT_EQ(a.Find(kRoot, "f-desk"), loser) << "unlisted";
    EXPECT_EQ(a.Rename(kRoot, "f-desk", kRoot, "f"), std::errc{});
    EXPECT_EQ(a.Find(kRoot, "f"), loser);
    const NodeId other = a.MakeFile(kRoot, "f-desk", "new");
    EXPECT_EQ(a.Find(kRoot, "f-desk"), other) << "a real entry takes it";
    Exchange();
  });
}

TEST_F(Replicas, RemovingWhatHasANameGivesItToTheNext) {
  BothWays([&](Replica& a, Replica& b) {
    a.MakeFile(kRoot, "f", "of a");
    b.MakeFile(kRoot, "f", "of b");
    Exchange();
    a.TakeAnnounced();
    ASSERT_EQ(a.Unlink(kRoot, "f"), std::errc{});
    EXPECT_TRUE(a.Announced(kRoot, "f")) << "the kernel believes that the name is free";
    EXPECT_TRUE(a.Announced(kRoot, "f-desk"));
  });
}

}  // namespace
}  // namespace copse::fs
