// When a deletion meets what its author had not seen: edits, renames, and what was put into a directory.
#include "fs/volume/replicas_fixture.h"

namespace copse::fs {
namespace {

using Strings = std::vector<std::string>;
using Replicas = ReplicasTest;

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

TEST_F(Replicas, WhoOnceRemovedAFileThatAnotherNameKeptHasNotRemovedItWhenThatNameGoes) {
  BothWays([this](Replica& a, Replica& b) {
    const NodeId file = a.MakeFile(kRoot, "f", "base");
    Exchange();
    a.Hold(kRoot, "f");
    EXPECT_EQ(a.Unlink(kRoot, "f"), std::errc{});
    ASSERT_TRUE(b.volume().Link(kAlice, file, kRoot, "g").ok());
    Exchange();
    EXPECT_EQ(b.Unlink(kRoot, "g"), std::errc{});
    Exchange();
    EXPECT_TRUE(a.Names(kRoot).empty());
    // By a descriptor of O_PATH.
    const auto handle = a.volume().Open(file, {.write = true, .truncate = true});
    ASSERT_TRUE(handle.ok()) << handle.status();
    ASSERT_TRUE(a.volume().Write(file, *handle, 0, "written since").ok());
    ASSERT_TRUE(a.volume().Fsync(file, *handle).ok());
    a.volume().Release(*handle);
    a.held.clear();
    a.CrashAndReopen();
    Exchange();
    EXPECT_EQ(b.AllContents(kRoot), Strings{"written since"});
  });
}

TEST_F(Replicas, WhatWasSyncedToAFileThatOutlivedItsRemovalHereOutlivesACrashWhenItIsRemovedElsewhere) {
  BothWays([this](Replica& a, Replica& b) {
    const NodeId file = a.MakeFile(kRoot, "f", "base");
    Exchange();
    ASSERT_EQ(a.Unlink(kRoot, "f"), std::errc{});
    ASSERT_EQ(b.Rename(kRoot, "f", kRoot, "g"), std::errc{});
    Send(b, a);
    ASSERT_EQ(a.Hold(kRoot, "g"), file);
    const auto handle = a.volume().Open(file, {.write = true});
    ASSERT_TRUE(a.volume().Write(file, *handle, 0, std::string(70'000, 'x')).ok());
    ASSERT_TRUE(a.volume().Fsync(file, *handle).ok());
    ASSERT_EQ(b.Unlink(kRoot, "g"), std::errc{});  // It has yet to hear of the first removal.
    Send(b, a);
    ASSERT_TRUE(a.Names(kRoot).empty());
    a.held.clear();
    a.CrashAndReopen();
    Exchange();
    EXPECT_TRUE(b.AllContents(kRoot) == Strings{std::string(70'000, 'x')});
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

/// A file that desk replaced comes back beside what replaced it, as laptop had written to it; now desk writes to it,
/// which is not published yet.
class UnpublishedGhostTest : public ReplicasTest {
 protected:
  UnpublishedGhostTest() {
    ghost_ = laptop().MakeFile(kRoot, "f", "base");
    Exchange();
    laptop().Write(ghost_, "of laptop");
    desk().MakeFile(kRoot, "g", "of desk");
    EXPECT_EQ(desk().Rename(kRoot, "g", kRoot, "f"), std::errc{});
    Exchange();
    EXPECT_EQ(desk().Names(kRoot), (std::vector<std::string>{"f", "f-laptop"}));
    EXPECT_EQ(desk().Hold(kRoot, "f-laptop"), ghost_);
    EXPECT_TRUE(desk().volume().SetAttributes(kAlice, ghost_, {.size = 2}).ok());
    EXPECT_EQ(desk().volume().GetUsage().dirty_files, 1u);
  }

  NodeId ghost_;
};

TEST_F(UnpublishedGhostTest, IsWhatGoesWhenItsNameIsRemoved) {
  ASSERT_EQ(desk().Unlink(kRoot, "f-laptop"), std::errc{});
  Exchange();
  EXPECT_EQ(laptop().Names(kRoot), std::vector<std::string>{"f"});
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f"), "of desk");
}

TEST_F(UnpublishedGhostTest, IsWhatAnotherReplaces) {
  desk().MakeFile(kRoot, "new", "new");
  ASSERT_EQ(desk().Rename(kRoot, "new", kRoot, "f-laptop"), std::errc{});
  Exchange();
  EXPECT_EQ(laptop().Names(kRoot), (std::vector<std::string>{"f", "f-laptop"}));
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f"), "of desk");
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f-laptop"), "new");
}

}  // namespace
}  // namespace copse::fs
