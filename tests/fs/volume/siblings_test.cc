// When edits of one file meet: each version is there, the latest as the file and the others beside it, until somebody
// who saw them drops them.
#include "fs/volume/replicas_fixture.h"

namespace copse::fs {
namespace {

using Strings = std::vector<std::string>;

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
  /// Writes more than an fsync publishes at once to the sibling, and syncs it.
  std::pair<NodeId, Volume::Handle*> OpenAndSync(const std::string& contents) {
    const NodeId number = desk().Hold(kRoot, "f-desk.txt");
    Volume::Handle* const handle = desk().volume().Open(number, {.write = true}).value();
    EXPECT_TRUE(desk().volume().Write(number, handle, 0, contents).ok());
    EXPECT_TRUE(desk().volume().Fsync(number, handle).ok());
    return {number, handle};
  }
  NodeId file_;
  NodeId sibling_;
};

/// The same, but the laptop has yet to see what the desk has.
class UnseenSiblingTest : public ReplicasTest {
 protected:
  UnseenSiblingTest() {
    file_ = desk().MakeFile(kRoot, "f.txt", "base");
    Exchange();
    desk().Write(file_, "of desk");
    laptop().Write(file_, "of laptop");
    EXPECT_TRUE(desk().volume().Flush().ok());
    Send(laptop(), desk());
  }
  NodeId file_;
};

/// The desk's version, open there, becomes the file through a deletion by the laptop. The phone has seen neither.
class SiblingAgainTest : public UnseenSiblingTest {
 protected:
  SiblingAgainTest() {
    Send(laptop(), phone());
    number_ = desk().Hold(kRoot, "f-desk.txt");
    handle_ = desk().volume().Open(number_, {.write = true}).value();
    EXPECT_EQ(laptop().Unlink(kRoot, "f.txt"), std::errc{});
    Send(laptop(), desk());
    EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "of desk");
  }
  NodeId number_;
  Volume::Handle* handle_ = nullptr;
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
  EXPECT_EQ(laptop().AllContents(kRoot), (Strings{"of desk, again", "of laptop"}));
}

TEST_F(SiblingTest, WhatIsWrittenToItIsReadThroughItAtOnce) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(handle.ok());
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF").ok());
  EXPECT_EQ(desk().Contents(number), "OF desk");
  EXPECT_EQ(desk().Contents(file_), "of laptop");
  ASSERT_TRUE(desk().volume().Flush().ok());
  // The latest version is the file now; the number goes on leading to it.
  EXPECT_EQ(desk().Contents(number), "OF desk");
  EXPECT_EQ(desk().Stat(number).node, number);
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "OF desk");
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "XX").ok());
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "XX desk") << "one inode shows one version on a mount";
  desk().volume().Release(*handle);
  Exchange();
  EXPECT_EQ(laptop().AllContents(kRoot), (Strings{"XX desk", "of laptop"}));
}

TEST_F(SiblingTest, ANameThatIsLinkedToItHasWhatWasWrittenUntilThen) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(handle.ok());
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF").ok());
  ASSERT_TRUE(desk().volume().Link(kAlice, number, kRoot, "saved").ok());
  EXPECT_EQ(desk().ContentsAt(kRoot, "saved"), "OF desk");
  desk().volume().Release(*handle);
  EXPECT_EQ(desk().Unlink(kRoot, "f-desk.txt"), std::errc{});
  Exchange();
  EXPECT_EQ(phone().ContentsAt(kRoot, "saved"), "OF desk");
}

TEST_F(SiblingTest, ANameCanBeLinkedToItWhileItIsWrittenAllTheTime) {
  const auto [number, handle] = OpenAndSync(std::string(70'000, 'x'));
  int writes = 0;
  desk().world.journal.before_sync = [&, number = number, handle = handle] {
    if (++writes > 1) return;
    EXPECT_TRUE(desk().volume().Write(number, handle, 0, "later").ok());
  };
  const auto linked = desk().volume().Link(kAlice, number, kRoot, "saved");
  desk().world.journal.before_sync = nullptr;
  ASSERT_TRUE(linked.ok()) << linked.status();
  EXPECT_GE(writes, 1);
  EXPECT_EQ(desk().Stat(linked->node).size, 70'000u);
  desk().volume().Release(handle);
  Exchange();
}

TEST_F(SiblingTest, WhatWasSyncedToItOutlivesACrashThoughTheFileBesideItWasRemovedHere) {
  OpenAndSync(std::string(70'000, 'x'));
  ASSERT_EQ(desk().Unlink(kRoot, "f.txt"), std::errc{});
  ASSERT_TRUE(desk().volume().FsyncDirectory(kRoot).ok());
  desk().CrashAndReopen();
  EXPECT_TRUE(desk().AllContents(kRoot) == Strings{std::string(70'000, 'x')});
}

TEST_F(SiblingTest, WhatIsWrittenToAFileJustAsAVersionOfItTakesItsPlaceIsPublished) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto version = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(desk().volume().Write(number, *version, 0, "OF").ok());
  ASSERT_EQ(desk().Hold(kRoot, "f.txt"), file_);
  const auto handle = desk().volume().Open(file_, {.write = true});
  ASSERT_EQ(laptop().Rename(kRoot, "f-desk.txt", kRoot, "f.txt"), std::errc{});
  desk().world.clock.before_next_now = [this] { Send(laptop(), desk()); };
  ASSERT_TRUE(desk().volume().Write(file_, *handle, 0, "written just then").ok());
  desk().volume().Release(*handle);
  desk().volume().Release(*version);
  Exchange();
  EXPECT_EQ(laptop().AllContents(kRoot), (Strings{"OF desk", "written just then"}));
  EXPECT_EQ(desk().volume().GetUsage().dirty_files, 0u);
}

TEST_F(SiblingTest, WhatIsCutWithoutAHandleJustAsAVersionTakesTheFilesPlaceIsPublishedInTime) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto version = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(desk().volume().Write(number, *version, 0, "OF").ok());
  ASSERT_EQ(desk().Hold(kRoot, "f.txt"), file_);
  ASSERT_EQ(laptop().Rename(kRoot, "f-desk.txt", kRoot, "f.txt"), std::errc{});
  desk().world.clock.before_next_now = [this] { Send(laptop(), desk()); };
  ASSERT_TRUE(desk().volume().Write(file_, nullptr, 0, "ON").ok());
  desk().volume().Release(*version);
  desk().world.Advance(std::chrono::seconds(5));
  DeliverAll();
  EXPECT_EQ(laptop().AllContents(kRoot), (Strings{"OF desk", "ON laptop"}));
}

TEST_F(SiblingTest, WhatWasSyncedIsUnderItsNewNameAfterACrash) {
  OpenAndSync(std::string(70'000, 'x'));
  ASSERT_EQ(desk().Rename(kRoot, "f-desk.txt", kRoot, "g"), std::errc{});
  ASSERT_TRUE(desk().volume().FsyncDirectory(kRoot).ok());
  desk().CrashAndReopen();
  EXPECT_TRUE(desk().ContentsAt(kRoot, "g") == std::string(70'000, 'x'));
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "of laptop");
  EXPECT_EQ(desk().Names(kRoot), (Strings{"f.txt", "g"}));
}

TEST_F(SiblingTest, RemovedWhileItIsOpenItDoesNotComeBackAfterACrash) {
  const auto [number, handle] = OpenAndSync(std::string(70'000, 'x'));
  ASSERT_EQ(desk().Unlink(kRoot, "f-desk.txt"), std::errc{});
  EXPECT_TRUE(desk().ContentsOf(handle, number) == std::string(70'000, 'x').substr(0, 1 << 16));
  ASSERT_TRUE(desk().volume().FsyncDirectory(kRoot).ok());
  desk().CrashAndReopen();
  EXPECT_EQ(desk().AllContents(kRoot), Strings{"of laptop"});
}

TEST_F(SiblingTest, ItsNumberLeadsToTheFileThatItHasBecomeThroughAllLaterVersions) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(handle.ok());
  for (const char* const bytes : {"1", "22", "333", "4444"}) {
    ASSERT_TRUE(desk().volume().Write(number, *handle, 0, bytes).ok());
    ASSERT_TRUE(desk().volume().Flush().ok());
    EXPECT_EQ(desk().Contents(number), desk().ContentsAt(kRoot, "f.txt"));
  }
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "synced").ok());
  EXPECT_EQ(desk().Contents(number), "syncedk");
  ASSERT_TRUE(desk().volume().Fsync(number).ok());
  desk().CrashAndReopen();
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "syncedk");
}

TEST_F(SiblingTest, ItsNumberLeadsToTheFileThatItHasBecomeThoughOthersWriteThat) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  ASSERT_EQ(desk().Hold(kRoot, "f.txt"), file_);
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(handle.ok());
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF").ok());
  ASSERT_TRUE(desk().volume().Flush().ok());
  for (const char* const bytes : {"1", "22", "333"}) {
    desk().Write(file_, bytes);
    ASSERT_TRUE(desk().volume().Flush().ok());
    EXPECT_EQ(desk().Contents(number), bytes);
  }
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "synced").ok());
  ASSERT_TRUE(desk().volume().Fsync(number, *handle).ok());
  desk().CrashAndReopen();
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "synced");
}

TEST_F(SiblingTest, ItsNumberLeadsToWhatAPeerHasMadeOfIt) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(handle.ok());
  laptop().Write(laptop().Find(kRoot, "f-desk.txt"), "of both");  // The latest version is the file.
  for (const char* const bytes : {"1", "22", "333"}) {
    Exchange();
    laptop().Write(file_, bytes);
    Exchange();
    EXPECT_EQ(desk().Contents(number), bytes);
    EXPECT_EQ(desk().ContentsOf(*handle, number), bytes);
  }
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "desk").ok());
  ASSERT_TRUE(desk().volume().Fsync(number).ok());
  desk().CrashAndReopen();
  Exchange();
  EXPECT_EQ(laptop().AllContents(kRoot), (Strings{"desk", "of laptop"}));
}

TEST_F(SiblingTest, ItsNumberLeadsToWhatIsWrittenUponAVersionThatAPeerReplaces) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(handle.ok());
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF").ok());
  Exchange();
  ASSERT_EQ(desk().ContentsAt(kRoot, "f.txt"), "OF desk");
  ASSERT_TRUE(desk().volume().Write(number, *handle, 7, ", more").ok());
  laptop().Write(file_, "of laptop, too");
  Send(laptop(), desk());
  EXPECT_EQ(desk().Contents(number), "OF desk, more");
  EXPECT_EQ(desk().Stat(number).size, 13u);
  ASSERT_TRUE(desk().volume().Flush().ok());
  EXPECT_EQ(desk().ContentsOf(*handle, number), "OF desk, more");
  EXPECT_EQ(desk().Contents(number), "OF desk, more");
  EXPECT_EQ(desk().Stat(number).size, 13u);
  EXPECT_EQ(desk().AllContents(kRoot), (Strings{"OF desk, more", "of laptop", "of laptop, too"}));
}

TEST_F(SiblingTest, ItsNumberLeadsToTheVersionThatIsPutInPlaceOfTheFileThatItHasBecome) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(handle.ok());
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF").ok());
  ASSERT_TRUE(desk().volume().Flush().ok());
  ASSERT_EQ(desk().ContentsAt(kRoot, "f.txt"), "OF desk");
  ASSERT_EQ(desk().ContentsOf(*handle, number), "OF desk");
  ASSERT_EQ(desk().Rename(kRoot, "f-laptop.txt", kRoot, "f.txt"), std::errc{});
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "of laptop");
  EXPECT_EQ(desk().ContentsOf(*handle, number), "of laptop") << "one inode shows one version on a mount";
  EXPECT_EQ(desk().Contents(number), "of laptop");
  EXPECT_EQ(desk().Stat(number).size, 9u);
}

TEST_F(SiblingTest, RemovedItIsNotMistakenForTheFileBesideIt) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");  // As a descriptor of O_PATH does.
  const auto of_file = desk().volume().Open(file_, {.write = true});
  ASSERT_EQ(desk().Unlink(kRoot, "f-desk.txt"), std::errc{});
  EXPECT_EQ(desk().ErrorOf(desk().volume().Open(number, {.write = true})), std::errc::no_such_file_or_directory);
  desk().volume().Release(*of_file);
}

TEST_F(SiblingAgainTest, ItShowsTheSameToItsNumberAndItsHandles) {
  EXPECT_EQ(desk().ContentsOf(handle_, number_), "of desk");
  phone().Write(file_, "of phone");
  Send(phone(), desk());
  ASSERT_EQ(desk().ContentsAt(kRoot, "f.txt"), "of phone");
  EXPECT_EQ(desk().ContentsOf(handle_, number_), "of desk");
  EXPECT_EQ(desk().Contents(number_), "of desk");
}

TEST_F(SiblingAgainTest, WhatIsBeingWrittenToItIsShownToItsNumberAndItsHandles) {
  ASSERT_TRUE(desk().volume().Write(number_, handle_, 7, ", more").ok());
  phone().Write(file_, "of phone");
  Send(phone(), desk());
  EXPECT_EQ(desk().ContentsOf(handle_, number_), "of desk, more");
  EXPECT_EQ(desk().Contents(number_), "of desk, more");
  EXPECT_EQ(desk().Stat(number_).size, 13u);
  ASSERT_TRUE(desk().volume().Fsync(number_).ok());
  desk().CrashAndReopen();
  EXPECT_EQ(desk().AllContents(kRoot), (Strings{"of desk, more", "of phone"}));
}

TEST_F(SiblingTest, SavingTheFileAgainLeavesIt) {
  laptop().Write(file_, "saved");
  Exchange();
  EXPECT_EQ(desk().AllContents(kRoot), (Strings{"of desk", "saved"}));
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

TEST_F(SiblingTest, WhatIsBeingWrittenToItAndToTheFileThatItIsRenamedOverIsKept) {
  phone().Write(file_, "of phone");
  laptop().Write(file_, "of laptop, again");
  Exchange();
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  ASSERT_EQ(desk().Hold(kRoot, "f.txt"), file_);
  const auto handle = desk().volume().Open(number, {.write = true});
  const auto other = desk().volume().Open(file_, {.write = true});
  ASSERT_TRUE(desk().volume().Write(number, *handle, 7, ", more").ok());
  ASSERT_TRUE(desk().volume().Write(file_, *other, 0, "OF").ok());
  ASSERT_EQ(desk().Rename(kRoot, "f-desk.txt", kRoot, "f.txt"), std::errc{});
  EXPECT_EQ(desk().ContentsOf(*handle, number), "of desk, more");
  EXPECT_EQ(desk().Contents(number), "of desk, more");
  EXPECT_EQ(desk().Stat(number).size, 13u);
  ASSERT_TRUE(desk().volume().Fsync(number, *handle).ok());
  ASSERT_TRUE(desk().volume().Fsync(file_, *other).ok());
  desk().CrashAndReopen();
  Exchange();
  const Strings kept = laptop().AllContents(kRoot);
  EXPECT_TRUE(std::find(kept.begin(), kept.end(), "of desk, more") != kept.end());
  EXPECT_TRUE(std::any_of(kept.begin(), kept.end(), [](const std::string& one) { return one.starts_with("OF "); }));
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
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF").ok());
  ASSERT_EQ(desk().Rename(kRoot, "f-desk.txt", kRoot, "g"), std::errc{});
  EXPECT_EQ(desk().ContentsAt(kRoot, "g"), "OF desk");
  EXPECT_EQ(desk().ContentsOf(*handle, number), "OF desk");
  ASSERT_TRUE(desk().volume().Write(number, *handle, 7, "!").ok());
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
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF").ok());
  EXPECT_EQ(desk().ContentsOf(*handle, number), "OF desk");
  EXPECT_EQ(desk().Stat(number).links, 0u);
  desk().volume().Release(*handle);
  Exchange();
  EXPECT_EQ(desk().Names(kRoot), Strings{"f.txt"});
}

TEST_F(UnseenSiblingTest, WhatIsBeingWrittenToASiblingGoesOnAsTheFileThatAPeersDeletionLeaves) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  const auto handle = desk().volume().Open(number, {.write = true});
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF").ok());
  ASSERT_EQ(laptop().Unlink(kRoot, "f.txt"), std::errc{});  // It has not seen what the desk has.
  ASSERT_TRUE(laptop().volume().Flush().ok());
  Deliver(laptop(), desk());
  EXPECT_EQ(desk().Names(kRoot), Strings{"f.txt"});
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "OF desk");
  ASSERT_TRUE(desk().volume().Write(number, *handle, 7, ", more").ok());
  EXPECT_EQ(desk().Stat(number).size, 13u);
  EXPECT_EQ(desk().Stat(number).links, 1u);
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "OF desk, more");
  ASSERT_TRUE(desk().volume().Fsync(number).ok());
  desk().CrashAndReopen();
  EXPECT_EQ(desk().ContentsAt(kRoot, "f.txt"), "OF desk, more");
  Exchange();
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f.txt"), "OF desk, more");
}

TEST_F(UnseenSiblingTest, WhatIsBeingWrittenToBothVersionsOfAFileThatAPeerDeletesIsKept) {
  const NodeId number = desk().Hold(kRoot, "f-desk.txt");
  ASSERT_EQ(desk().Hold(kRoot, "f.txt"), file_);
  const auto handle = desk().volume().Open(number, {.write = true});
  const auto other = desk().volume().Open(file_, {.write = true});
  ASSERT_TRUE(desk().volume().Write(number, *handle, 0, "OF").ok());
  ASSERT_TRUE(desk().volume().Write(file_, *other, 0, "OF").ok());
  ASSERT_EQ(laptop().Unlink(kRoot, "f.txt"), std::errc{});
  ASSERT_TRUE(laptop().volume().Flush().ok());
  Deliver(laptop(), desk());
  ASSERT_TRUE(desk().volume().Write(number, *handle, 7, ", more").ok());
  EXPECT_EQ(desk().Stat(number).size, 13u);
  EXPECT_EQ(desk().ContentsOf(*handle, number), "OF desk, more");
  EXPECT_EQ(desk().ContentsOf(*other, file_), "OF laptop");
  ASSERT_TRUE(desk().volume().Fsync(number).ok());
  ASSERT_TRUE(desk().volume().Fsync(file_).ok());
  desk().CrashAndReopen();
  Exchange();
  EXPECT_EQ(laptop().AllContents(kRoot), (Strings{"OF desk, more", "OF laptop"}));
}

TEST_F(SiblingTest, RemovedThoughItIsPublishedFirstItTakesNothingAlongThatIsWrittenToItsFile) {
  ASSERT_EQ(phone().Hold(kRoot, "f.txt"), file_);
  phone().Write(file_, "of phone");
  ASSERT_EQ(desk().Unlink(kRoot, "f.txt"), std::errc{});  // It has not seen what the phone has.
  Send(desk(), phone());
  ASSERT_EQ(phone().Names(kRoot), Strings{"f-desk.txt"});
  phone().Write(phone().Hold(kRoot, "f-desk.txt"), "of desk, on the phone");
  ASSERT_EQ(phone().Unlink(kRoot, "f-desk.txt"), std::errc{});
  Exchange();
  EXPECT_EQ(laptop().AllContents(kRoot), Strings{"of phone"});
}

TEST_F(SiblingTest, RemovedItTakesNothingAlongThatWasSyncedOfItsFileBeforeACrash) {
  ASSERT_EQ(phone().Hold(kRoot, "f.txt"), file_);
  const auto handle = phone().volume().Open(file_, {.write = true});
  ASSERT_TRUE(phone().volume().Write(file_, *handle, 0, "OF").ok());
  ASSERT_TRUE(phone().volume().Fsync(file_, *handle).ok());
  Exchange();
  ASSERT_TRUE(phone().volume().Write(file_, *handle, 9, ", synced").ok());
  ASSERT_TRUE(phone().volume().Fsync(file_, *handle).ok());  // Too soon for a version more.
  ASSERT_EQ(desk().Unlink(kRoot, "f.txt"), std::errc{});
  Send(desk(), phone());
  ASSERT_EQ(phone().Names(kRoot), Strings{"f-desk.txt"});
  phone().Write(phone().Hold(kRoot, "f-desk.txt"), "of desk, on the phone");
  ASSERT_EQ(phone().Unlink(kRoot, "f-desk.txt"), std::errc{});
  ASSERT_TRUE(phone().volume().FsyncDirectory(kRoot).ok());
  phone().CrashAndReopen();
  Exchange();
  EXPECT_EQ(laptop().AllContents(kRoot), Strings{"OF laptop, synced"});
}

TEST_F(SiblingTest, ReplacedThoughItIsPublishedFirstItTakesNothingAlongThatIsWrittenToItsFile) {
  ASSERT_EQ(phone().Hold(kRoot, "f.txt"), file_);
  phone().MakeFile(kRoot, "g", "another");
  phone().Write(file_, "of phone");
  ASSERT_EQ(desk().Unlink(kRoot, "f.txt"), std::errc{});
  Send(desk(), phone());
  phone().Write(phone().Hold(kRoot, "f-desk.txt"), "of desk, on the phone");
  ASSERT_EQ(phone().Rename(kRoot, "g", kRoot, "f-desk.txt"), std::errc{});
  Exchange();
  EXPECT_EQ(laptop().AllContents(kRoot), (Strings{"another", "of phone"}));
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
  EXPECT_EQ(conflicts[0].entries[0].label, "laptop") << "who wrote it, not who named the file, which is desk";
  EXPECT_EQ(conflicts[0].entries[0].author, laptop().world.actor);
  EXPECT_EQ(conflicts[0].entries[0].claim.actor(), laptop().world.actor);
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

TEST_F(ReplicasTest, EqualEditsAreOneVersion) {
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

}  // namespace
}  // namespace copse::fs
