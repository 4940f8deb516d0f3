// When changes meet: each row of the table in docs/semantics.md, through the calls that programs make. After each
// exchange all replicas have the same tree and show the same (ReplicasTest::Exchange).
#include "fs/volume/replicas_fixture.h"

namespace copse::fs {
namespace {

using Strings = std::vector<std::string>;
using Replicas = ReplicasTest;

/// Contents of what is in `directory`, ascending.
Strings AllContents(Replica& replica, NodeId directory) {
  Strings contents;
  for (const std::string& name : replica.Names(directory)) contents.push_back(replica.ContentsAt(directory, name));
  std::sort(contents.begin(), contents.end());
  return contents;
}

TEST_F(Replicas, FilesMadeUnderOneNameAreBothThere) {
  BothWays([&](Replica& a, Replica& b) {
    a.MakeFile(kRoot, "f.txt", "of a");
    b.MakeFile(kRoot, "f.txt", "of b");
    Exchange();
    EXPECT_EQ(desk().Names(kRoot), (Strings{"f-desk.txt", "f.txt"}));
    EXPECT_EQ(AllContents(desk(), kRoot), (Strings{"of a", "of b"}));
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

/// A file "f.txt" that both have edited: "of laptop" is the file, "of desk" its sibling.
NodeId EditedByBoth(Replica& desk, Replica& laptop, const std::function<void()>& exchange) {
  const NodeId file = desk.MakeFile(kRoot, "f.txt", "base");
  exchange();
  desk.Write(file, "of desk");
  laptop.Write(file, "of laptop");
  exchange();
  return file;
}

class SiblingTest : public ReplicasTest {
 protected:
  SiblingTest() {
    file_ = EditedByBoth(desk(), laptop(), [this] { Exchange(); });
    sibling_ = desk().Find(kRoot, "f-desk.txt");
  }
  NodeId file_;
  NodeId sibling_;
};

TEST_F(SiblingTest, BothVersionsAreThereAsInodesOfTheirOwn) {
  EXPECT_EQ(phone().Names(kRoot), (Strings{"f-desk.txt", "f.txt"}));
  EXPECT_EQ(phone().ContentsAt(kRoot, "f.txt"), "of laptop");
  EXPECT_EQ(phone().ContentsAt(kRoot, "f-desk.txt"), "of desk");
  EXPECT_NE(sibling_, file_);
  const Attributes shown = phone().Stat(sibling_);
  EXPECT_EQ(shown.node, sibling_);
  EXPECT_EQ(shown.links, 1u);
  EXPECT_EQ(shown.size, 7u);
  EXPECT_EQ(shown.mode, phone().Stat(file_).mode);
  EXPECT_EQ(phone().Stat(file_).links, 1u);
}

TEST_F(SiblingTest, AttributesAreThoseOfTheFile) {
  AttributeChanges changes;
  changes.mode = 0600;
  ASSERT_TRUE(desk().volume().SetAttributes(kAlice, sibling_, changes).ok());
  EXPECT_EQ(desk().Stat(file_).mode, 0600u);
  EXPECT_EQ(desk().Stat(sibling_).mode, 0600u);
}

TEST_F(SiblingTest, WritingItReplacesItsVersionAndNoOther) {
  desk().Write(sibling_, "of desk, again");
  Exchange();
  EXPECT_EQ(AllContents(laptop(), kRoot), (Strings{"of desk, again", "of laptop"}));
}

TEST_F(SiblingTest, WhatIsWrittenToItIsReadThroughItAtOnce) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(handle.ok());
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF", false).ok());
  EXPECT_EQ(desk().Contents(number), "OF desk");
  EXPECT_EQ(desk().Contents(file_), "of laptop");
  ASSERT_TRUE(desk().volume().Flush().ok());
  // The latest version is the file now; the number goes on leading to it.
  EXPECT_EQ(desk().Contents(number), "OF desk");
  EXPECT_EQ(desk().Stat(number).node, number);
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "OF desk");
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "XX", false).ok());
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "XX desk") << "one inode shows one version on a mount";
  desk().volume().Release(*handle);
  Exchange();
  EXPECT_EQ(AllContents(laptop(), kRoot), (Strings{"XX desk", "of laptop"}));
}

TEST_F(SiblingTest, SavingTheFileAgainLeavesIt) {
  laptop().Write(file_, "saved");
  Exchange();
  EXPECT_EQ(AllContents(desk(), kRoot), (Strings{"of desk", "saved"}));
}

TEST_F(SiblingTest, RemovingItDropsItsVersion) {
  ASSERT_EQ(laptop().Unlink(kRoot, "f-desk.txt"), std::errc{});
  Exchange();
  EXPECT_EQ(desk().Names(kRoot), Strings{"f.txt"});
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "of laptop");
}

TEST_F(SiblingTest, RenamedOverTheFileItIsTheFile) {
  ASSERT_EQ(laptop().Rename(kRoot, "f-desk.txt", kRoot, "f.txt"), std::errc{});
  Exchange();
  EXPECT_EQ(desk().Names(kRoot), Strings{"f.txt"});
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "of desk");
  EXPECT_EQ(desk().Find(kRoot, "f.txt"), file_);
}

TEST_F(SiblingTest, RenamedOverTheFileItIsTheFileBeforeAThirdVersion) {
  phone().Write(file_, "of phone");
  laptop().Write(file_, "of laptop, again");
  Exchange();
  ASSERT_EQ(desk().Names(kRoot).size(), 3u);
  ASSERT_EQ(desk().Rename(kRoot, "f-desk.txt", kRoot, "f.txt"), std::errc{});
  Exchange();
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f.txt"), "of desk");
  EXPECT_EQ(laptop().Names(kRoot).size(), 2u) << "what it was not put over stays";
}

TEST_F(SiblingTest, RenamedElsewhereItIsAFileOfItsOwn) {
  ASSERT_TRUE(desk().volume().SetXattr(kAlice, file_, "user.x", "y", Volume::XattrMode::kSet).ok());
  ASSERT_EQ(desk().Rename(kRoot, "f-desk.txt", kRoot, "g"), std::errc{});
  Exchange();
  EXPECT_EQ(laptop().Names(kRoot), (Strings{"f.txt", "g"}));
  const NodeId own = laptop().Find(kRoot, "g");
  EXPECT_EQ(laptop().Contents(own), "of desk");
  EXPECT_EQ(laptop().Stat(own).mode, laptop().Stat(file_).mode);
  EXPECT_EQ(*laptop().volume().GetXattr(own, "user.x"), "y");
  laptop().Write(own, "changed");
  Exchange();
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "of laptop");
  EXPECT_EQ(desk().ContentsAt(kRoot, "g"), "changed");
}

TEST_F(SiblingTest, WhatIsBeingWrittenGoesAlongWhenItIsRenamed) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF", false).ok());
  ASSERT_EQ(desk().Rename(kRoot, "f-desk.txt", kRoot, "g"), std::errc{});
  EXPECT_EQ(desk().ContentsAt(kRoot, "g"), "OF desk");
  EXPECT_EQ(desk().ContentsOf(*handle, number), "OF desk");
  ASSERT_TRUE(desk().volume().Write(number, *handle, 7, "!", false).ok());
  desk().volume().Release(*handle);
  Exchange();
  EXPECT_EQ(laptop().ContentsAt(kRoot, "g"), "OF desk!");
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f.txt"), "of laptop");
  EXPECT_EQ(laptop().Names(kRoot).size(), 2u);
}

TEST_F(SiblingTest, LinkedItIsAFileOfItsOwnAndStays) {
  ASSERT_TRUE(desk().volume().Link(kAlice, sibling_, kRoot, "g").ok());
  Exchange();
  EXPECT_EQ(laptop().Names(kRoot), (Strings{"f-desk.txt", "f.txt", "g"}));
  EXPECT_EQ(laptop().ContentsAt(kRoot, "g"), "of desk");
}

TEST_F(SiblingTest, ExchangedWithItsFileBothAreFiles) {
  ASSERT_EQ(desk().Rename(kRoot, "f-desk.txt", kRoot, "f.txt", Volume::kRenameExchange), std::errc{});
  Exchange();
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f.txt"), "of desk");
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f-desk.txt"), "of laptop");
}

TEST_F(SiblingTest, RemovedWhileItIsOpenItsHandleKeepsItsBytesAndTheyDieWithIt) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_EQ(desk().Unlink(kRoot, "f-desk.txt"), std::errc{});
  EXPECT_EQ(desk().ContentsOf(*handle, number), "of desk");
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF", false).ok());
  EXPECT_EQ(desk().ContentsOf(*handle, number), "OF desk");
  EXPECT_EQ(desk().Stat(number).links, 0u);
  desk().volume().Release(*handle);
  Exchange();
  EXPECT_EQ(desk().Names(kRoot), Strings{"f.txt"});
}

TEST_F(SiblingTest, ItSaysWhyItIsThere) {
  const auto why = desk().volume().GetXattr(sibling_, "user.copse.conflict");
  ASSERT_TRUE(why.ok()) << why.status();
  EXPECT_NE(why->find("'f.txt'"), std::string::npos) << *why;
  EXPECT_NE(why->find("desk"), std::string::npos) << *why;
  EXPECT_TRUE(desk().volume().GetXattr(file_, "user.copse.conflict").ok());
  EXPECT_EQ(*desk().volume().ListXattrs(sibling_), "");
  EXPECT_EQ(
      desk().ErrorOf(desk().volume().SetXattr(kAlice, sibling_, "user.copse.conflict", "x", Volume::XattrMode::kSet)),
      std::errc::operation_not_permitted);
}

TEST_F(SiblingTest, ItIsListedAsAConflict) {
  const auto conflicts = desk().volume().ListConflicts();
  ASSERT_EQ(conflicts.size(), 1u);
  EXPECT_EQ(conflicts[0].path, "f.txt");
  ASSERT_EQ(conflicts[0].entries.size(), 2u);
  EXPECT_EQ(conflicts[0].entries[0].path, "f.txt");
  EXPECT_EQ(conflicts[0].entries[0].reason, NameReason::kShownVersion);
  EXPECT_EQ(conflicts[0].entries[1].path, "f-desk.txt");
  EXPECT_EQ(conflicts[0].entries[1].number, sibling_);
  EXPECT_EQ(conflicts[0].entries[1].label, "desk");
  EXPECT_EQ(conflicts[0].entries[1].reason, NameReason::kOtherVersion);
  EXPECT_EQ(desk().volume().GetUsage().conflicts, 1u);
}

TEST_F(SiblingTest, TheFileRemovedItStays) {
  ASSERT_EQ(desk().Unlink(kRoot, "f.txt"), std::errc{});
  Exchange();
  EXPECT_EQ(laptop().Names(kRoot), Strings{"f-desk.txt"});
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f-desk.txt"), "of desk");
  ASSERT_EQ(laptop().Rename(kRoot, "f-desk.txt", kRoot, "f.txt"), std::errc{});
  Exchange();
  EXPECT_EQ(desk().Names(kRoot), Strings{"f.txt"});
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "of desk");
  EXPECT_EQ(desk().Find(kRoot, "f.txt"), file_) << "it is the file again";
}

TEST_F(Replicas, EqualEditsAreOneVersion) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId file = a.MakeFile(kRoot, "f", "base");
    Exchange();
    a.Write(file, "same");
    b.Write(file, "same");
    Exchange();
    EXPECT_EQ(a.Names(kRoot), Strings{"f"});
    b.Write(file, "next");  // Replaces both.
    Exchange();
    EXPECT_EQ(a.Names(kRoot), Strings{"f"});
    EXPECT_EQ(a.Contents(file), "next");
  });
}

TEST_F(Replicas, AnEditBeatsADeletion) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId file = a.MakeFile(kRoot, "f", "base");
    Exchange();
    a.Write(file, "edited");
    ASSERT_EQ(b.Unlink(kRoot, "f"), std::errc{});
    Exchange();
    EXPECT_EQ(b.Names(kRoot), Strings{"f"});
    EXPECT_EQ(b.Contents(file), "edited");
    EXPECT_EQ(b.Stat(file).links, 1u);
    EXPECT_TRUE(b.volume().ListTrash().empty()) << "what is shown is not in trash";
  });
}

TEST_F(Replicas, WhatCameBackIsOrdinaryOnceSomebodyActsOnIt) {
  for (const std::string act : {"edit", "chmod", "rename", "link", "unlink"}) {
    SCOPED_TRACE(act);
    BothWays([&](Replica& a, Replica& b) {
      const NodeId file = a.MakeFile(kRoot, "f", "base");
      Exchange();
      a.Write(file, "edited");
      ASSERT_EQ(b.Unlink(kRoot, "f"), std::errc{});
      Exchange();
      AttributeChanges mode;
      mode.mode = 0600;
      if (act == "edit") b.Write(file, "again");
      if (act == "chmod") {
        ASSERT_TRUE(b.volume().SetAttributes(kAlice, file, mode).ok());
      }
      if (act == "rename") {
        ASSERT_EQ(b.Rename(kRoot, "f", kRoot, "g"), std::errc{});
      }
      if (act == "link") {
        ASSERT_TRUE(b.volume().Link(kAlice, file, kRoot, "g").ok());
      }
      if (act == "unlink") {
        ASSERT_EQ(b.Unlink(kRoot, "f"), std::errc{});
      }
      Exchange();
      const Strings names = act == "rename"   ? Strings{"g"}
                            : act == "link"   ? Strings{"f", "g"}
                            : act == "unlink" ? Strings{}
                                              : Strings{"f"};
      EXPECT_EQ(a.Names(kRoot), names);
      if (act != "unlink") {
        EXPECT_EQ(a.Contents(file), act == "edit" ? "again" : "edited");
      }
      for (const std::string& name : names) ASSERT_EQ(a.Unlink(kRoot, name), std::errc{});
      Exchange();
      EXPECT_TRUE(b.Names(kRoot).empty()) << "deleted by who has seen all, it stays deleted";
    });
  }
}

TEST_F(Replicas, AnAttributeDoesNotBeatADeletion) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId file = a.MakeFile(kRoot, "f", "base");
    Exchange();
    AttributeChanges mode;
    mode.mode = 0600;
    ASSERT_TRUE(a.volume().SetAttributes(kAlice, file, mode).ok());
    ASSERT_EQ(b.Unlink(kRoot, "f"), std::errc{});
    Exchange();
    EXPECT_TRUE(a.Names(kRoot).empty());
    EXPECT_EQ(a.volume().ListTrash().size(), 1u);
  });
}

TEST_F(Replicas, ARenameSurvivesADeletion) {
  BothWays([&](Replica& a, Replica& b) {
    a.MakeFile(kRoot, "f", "x");
    Exchange();
    ASSERT_EQ(a.Rename(kRoot, "f", kRoot, "g"), std::errc{});
    ASSERT_EQ(b.Unlink(kRoot, "f"), std::errc{});
    Exchange();
    EXPECT_EQ(b.Names(kRoot), Strings{"g"});
    EXPECT_EQ(b.ContentsAt(kRoot, "g"), "x");
  });
}

TEST_F(Replicas, DeletedTwiceIsDeletedOnce) {
  BothWays([&](Replica& a, Replica& b) {
    a.MakeFile(kRoot, "f", "x");
    Exchange();
    ASSERT_EQ(a.Unlink(kRoot, "f"), std::errc{});
    ASSERT_EQ(b.Unlink(kRoot, "f"), std::errc{});
    Exchange();
    EXPECT_TRUE(a.Names(kRoot).empty());
    EXPECT_EQ(a.volume().ListTrash().size(), 1u);
  });
}

TEST_F(Replicas, ADirectoryInWhichSomebodyMadeSomethingComesBackWithThat) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId outer = a.MakeDirectory(kRoot, "outer");
    const NodeId inner = a.MakeDirectory(outer, "inner");
    a.MakeFile(inner, "old", "old");
    Exchange();
    a.MakeFile(inner, "new", "new");
    ASSERT_EQ(b.Unlink(inner, "old"), std::errc{});
    ASSERT_EQ(b.Rmdir(outer, "inner"), std::errc{});
    ASSERT_EQ(b.Rmdir(kRoot, "outer"), std::errc{});
    Exchange();
    EXPECT_EQ(b.Names(kRoot), Strings{"outer"});
    EXPECT_EQ(b.Names(outer), Strings{"inner"});
    EXPECT_EQ(b.Names(inner), Strings{"new"});
    // Emptied here, it resolves until rmdir, which then succeeds, as rm -r wants it.
    ASSERT_EQ(b.Unlink(inner, "new"), std::errc{});
    EXPECT_EQ(b.Find(outer, "inner"), inner);
    EXPECT_EQ(b.Find(kRoot, "outer"), outer);
    EXPECT_EQ(b.Rmdir(outer, "inner"), std::errc{});
    EXPECT_EQ(b.Rmdir(kRoot, "outer"), std::errc{});
    EXPECT_EQ(b.Find(kRoot, "outer"), NodeId{});
    Exchange();
    EXPECT_TRUE(a.Names(kRoot).empty());
  });
}

TEST_F(Replicas, WhatIsPlacedInADirectoryThatCameBackMovesItBack) {
  for (const std::string act : {"create", "mkdir", "move", "chmod"}) {
    SCOPED_TRACE(act);
    BothWays([&](Replica& a, Replica& b) {
      const NodeId outer = a.MakeDirectory(kRoot, "outer");
      const NodeId inner = a.MakeDirectory(outer, "inner");
      a.MakeFile(kRoot, "f", "f");
      Exchange();
      a.MakeFile(inner, "new", "new");
      ASSERT_EQ(b.Rmdir(outer, "inner"), std::errc{});
      ASSERT_EQ(b.Rmdir(kRoot, "outer"), std::errc{});
      Exchange();
      AttributeChanges mode;
      mode.mode = 0700;
      if (act == "create") b.MakeFile(inner, "more", "more");
      if (act == "mkdir") b.MakeDirectory(inner, "more");
      if (act == "move") {
        ASSERT_EQ(b.Rename(kRoot, "f", inner, "more"), std::errc{});
      }
      if (act == "chmod") {
        ASSERT_TRUE(b.volume().SetAttributes(kAlice, inner, mode).ok());
      }
      Exchange();
      ASSERT_EQ(a.Unlink(inner, "new"), std::errc{});
      if (act != "chmod") {
        EXPECT_EQ(a.Names(inner), Strings{"more"});
      }
      if (act == "mkdir") {
        ASSERT_EQ(a.Rmdir(inner, "more"), std::errc{});
      }
      if (act == "create" || act == "move") {
        ASSERT_EQ(a.Unlink(inner, "more"), std::errc{});
      }
      Exchange();
      EXPECT_EQ(b.Find(kRoot, "outer"), outer) << "it is an ordinary directory again";
      EXPECT_EQ(b.Find(outer, "inner"), inner);
    });
  }
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
    EXPECT_EQ(AllContents(b, kRoot), (Strings{"edited", "replacement"}));
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
    EXPECT_EQ(AllContents(a, kRoot), (Strings{"of desk", "of laptop"}));
    EXPECT_EQ(a.volume().ListTrash().size(), 1u) << "the old one is in trash once";
  });
}

TEST_F(Replicas, ALinkKeepsAFileWhoseLastNameIsRemoved) {
  BothWays([&](Replica& a, Replica& b) {
    const NodeId file = a.MakeFile(kRoot, "f", "x");
    Exchange();
    ASSERT_TRUE(a.volume().Link(kAlice, file, kRoot, "g").ok());
    ASSERT_EQ(b.Unlink(kRoot, "f"), std::errc{});
    Exchange();
    EXPECT_EQ(b.Names(kRoot), Strings{"g"});
    EXPECT_EQ(b.Stat(file).links, 1u);
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
