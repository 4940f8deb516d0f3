// Files that are open while other replicas change them.
#include "fs/volume/replicas_fixture.h"
#include "volume/schema.h"

namespace copse::fs {
namespace {

using Strings = std::vector<std::string>;

class HandlesTest : public ReplicasTest {
 protected:
  HandlesTest() {
    file_ = desk().MakeFile(kRoot, "f", "base");
    Exchange();
    desk().Hold(kRoot, "f");
    handle_ = *desk().volume().Open(file_, {.write = true});
    desk().TakeAnnounced();
  }
  ~HandlesTest() override { Close(); }
  void Close() {
    if (handle_ != nullptr) desk().volume().Release(std::exchange(handle_, nullptr));
  }
  void Write(std::uint64_t offset, std::string_view bytes) {
    EXPECT_TRUE(desk().volume().Write(file_, handle_, offset, bytes).ok());
  }
  std::string Read() { return desk().ContentsOf(handle_, file_); }

  NodeId file_;
  Volume::Handle* handle_ = nullptr;
};

TEST_F(HandlesTest, ACleanHandleFollowsANewVersionAndItsPagesAreAnnounced) {
  EXPECT_EQ(Read(), "base");
  laptop().Write(file_, "a longer version");
  Send(laptop(), desk());
  EXPECT_TRUE(desk().Announced(file_));
  EXPECT_EQ(Read(), "a longer version");
  EXPECT_EQ(desk().Stat(file_).size, 16u);
  // What is written now is based on it.
  Write(0, "A");
  Close();
  Exchange();
  EXPECT_EQ(laptop().Names(kRoot), Strings{"f"});
  EXPECT_EQ(laptop().Contents(file_), "A longer version");
}

TEST_F(HandlesTest, ADirtyHandleKeepsItsVersionForAllOnTheMountAndPublishesOneOfItsOwn) {
  Write(0, "B");
  laptop().Write(file_, "of laptop");
  Send(laptop(), desk());
  EXPECT_EQ(Read(), "Base");
  EXPECT_EQ(desk().Contents(file_), "Base") << "all local opens share the version";
  EXPECT_EQ(desk().Stat(file_).size, 4u);
  EXPECT_EQ(desk().Stat(file_).mtime, desk().world.clock.Now());
  desk().TakeAnnounced();
  Close();
  Exchange();
  EXPECT_TRUE(desk().Announced(kRoot, "f-laptop")) << "its name was free before";
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f"), "Base");
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f-laptop"), "of laptop");
}

TEST_F(HandlesTest, AFileRemovedElsewhereKeepsItsCleanHandleAndIsGone) {
  ASSERT_EQ(laptop().Unlink(kRoot, "f"), std::errc{});
  Send(laptop(), desk());
  EXPECT_EQ(Read(), "base");
  EXPECT_EQ(desk().Stat(file_).links, 0u);
  EXPECT_EQ(desk().Find(kRoot, "f"), NodeId{});
  Close();
  Exchange();
  EXPECT_TRUE(laptop().Names(kRoot).empty());
}

TEST_F(HandlesTest, AFileRemovedElsewhereComesBackWithWhatAHandleHasWritten) {
  Write(0, "B");
  ASSERT_EQ(laptop().Unlink(kRoot, "f"), std::errc{});
  Send(laptop(), desk());
  EXPECT_EQ(Read(), "Base");
  Write(4, "!");
  Close();
  Exchange();
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f"), "Base!");
}

TEST_F(HandlesTest, AFileRemovedHereDoesNotComeBack) {
  Write(0, "B");
  ASSERT_EQ(desk().Unlink(kRoot, "f"), std::errc{});
  Write(4, "!");
  EXPECT_EQ(Read(), "Base!");
  ASSERT_TRUE(desk().volume().Fsync(file_).ok());
  Close();
  Exchange();
  EXPECT_TRUE(laptop().Names(kRoot).empty());
}

TEST_F(HandlesTest, AFileRemovedHereWhileNobodyHadItOpenDoesNotComeBackThoughItIsWritten) {
  Close();
  ASSERT_EQ(desk().Unlink(kRoot, "f"), std::errc{});
  // As a descriptor opened with O_PATH before, or a file handle, allows.
  handle_ = *desk().volume().Open(file_, {.write = true});
  Write(0, "B");
  EXPECT_EQ(Read(), "Base");
  ASSERT_TRUE(desk().volume().Fsync(file_).ok());
  Close();
  Exchange();
  EXPECT_TRUE(desk().Names(kRoot).empty());
  EXPECT_TRUE(laptop().Names(kRoot).empty());
}

TEST_F(HandlesTest, AFileRemovedElsewhereWhileNobodyHadItOpenComesBackWithWhatIsWritten) {
  Close();
  ASSERT_EQ(laptop().Unlink(kRoot, "f"), std::errc{});
  Send(laptop(), desk());
  handle_ = *desk().volume().Open(file_, {.write = true});
  Write(0, "B");
  Close();
  Exchange();
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f"), "Base");
}

TEST_F(HandlesTest, AFileRemovedHereAndElsewhereDoesNotComeBack) {
  Write(0, "B");
  ASSERT_EQ(laptop().Unlink(kRoot, "f"), std::errc{});
  ASSERT_EQ(desk().Unlink(kRoot, "f"), std::errc{});
  DeliverAll();
  Close();
  Exchange();
  EXPECT_TRUE(laptop().Names(kRoot).empty());
}

TEST_F(HandlesTest, AFileRemovedHereThenRestoredAndRemovedElsewhereComesBackWithWhatAHandleHasWritten) {
  ASSERT_EQ(desk().Unlink(kRoot, "f"), std::errc{});
  Send(desk(), laptop());
  ASSERT_EQ(laptop().volume().ListTrash().size(), 1u);
  ASSERT_TRUE(laptop().volume().RestoreFromTrash(laptop().volume().ListTrash().front().node).ok());
  Send(laptop(), desk());
  Write(0, "B");
  ASSERT_EQ(laptop().Unlink(kRoot, "f"), std::errc{});
  Send(laptop(), desk());
  Close();
  Exchange();
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f"), "Base");
}

TEST_F(HandlesTest, ACleanHandleOfAFileThatWasGoneForAWhileFollowsItsVersion) {
  laptop().Write(file_, "a longer version");
  ASSERT_EQ(laptop().Unlink(kRoot, "f"), std::errc{});
  Send(laptop(), desk());
  EXPECT_EQ(Read(), "base");
  laptop().MakeFile(kRoot, "other", "of no concern");
  Send(laptop(), desk());
  ASSERT_EQ(laptop().volume().ListTrash().size(), 1u);
  ASSERT_TRUE(laptop().volume().RestoreFromTrash(laptop().volume().ListTrash().front().node).ok());
  Send(laptop(), desk());
  EXPECT_EQ(Read(), "a longer version");
}

TEST_F(HandlesTest, ACleanHandleFollowsAVersionThatComesBackWithAName) {
  phone().Write(file_, "of phone");
  laptop().MakeFile(kRoot, "other", "so that what follows is later");
  laptop().Write(file_, "of laptop");
  ASSERT_EQ(laptop().Unlink(kRoot, "f"), std::errc{});
  Send(laptop(), desk());
  Send(phone(), desk());
  EXPECT_EQ(Read(), "of phone") << "the deletion had not seen it";
  ASSERT_EQ(phone().Rename(kRoot, "f", kRoot, "g"), std::errc{});
  Send(phone(), desk());
  EXPECT_EQ(Read(), "of laptop") << "it went with a name, and the file has one";
}

TEST_F(HandlesTest, AFileReplacedElsewhereKeepsItsHandle) {
  laptop().MakeFile(kRoot, "new", "replacement");
  ASSERT_EQ(laptop().Rename(kRoot, "new", kRoot, "f"), std::errc{});
  Send(laptop(), desk());
  EXPECT_EQ(Read(), "base");
  EXPECT_EQ(desk().ContentsAt(kRoot, "f"), "replacement");
  Write(0, "B");
  Close();
  Exchange();
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f"), "replacement");
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f-desk"), "Base");
}

TEST_F(HandlesTest, AFileRenamedElsewhereIsWrittenUnderItsNewName) {
  Write(0, "B");
  ASSERT_EQ(laptop().Rename(kRoot, "f", kRoot, "g"), std::errc{});
  Send(laptop(), desk());
  Write(4, "!");
  Close();
  Exchange();
  EXPECT_EQ(laptop().Names(kRoot), Strings{"g"});
  EXPECT_EQ(laptop().ContentsAt(kRoot, "g"), "Base!");
}

TEST_F(HandlesTest, ContentThatIsNotHereFailsTheReadAndNothingElse) {
  const std::string large(100'000, 'x');
  laptop().Write(file_, large);
  ASSERT_TRUE(laptop().volume().Flush().ok());
  const auto head = schema::ShownHead(laptop().world.replica->tree(), file_);
  ASSERT_TRUE(head.has_value());
  for (const ManifestEntry& entry : head->second.entries) content_->Forget(entry.chunk);
  Deliver(laptop(), desk());
  std::string bytes(10, '?');
  EXPECT_EQ(desk().ErrorOf(desk().volume().Read(file_, handle_, 0, bytes)), std::errc::io_error);
  EXPECT_EQ(desk().Stat(file_).size, large.size());
  desk().MakeFile(kRoot, "other", "works");
  EXPECT_EQ(desk().ContentsAt(kRoot, "other"), "works");
}

TEST_F(HandlesTest, ReopenedForTruncationItReplacesWhatItSaw) {
  laptop().Write(file_, "of laptop");
  Send(laptop(), desk());
  desk().Write(file_, "short");
  Exchange();
  EXPECT_EQ(laptop().Names(kRoot), Strings{"f"});
  EXPECT_EQ(laptop().Contents(file_), "short");
}

TEST_F(HandlesTest, WhatIsStagedOutlivesACrashThoughItsBaseWasReplacedMeanwhile) {
  Write(0, "B");
  ASSERT_TRUE(desk().volume().Fsync(file_).ok());  // Published; what comes within a second is staged only.
  DeliverAll();
  Write(4, "!");
  ASSERT_TRUE(desk().volume().Fsync(file_).ok());
  laptop().Write(file_, "of laptop");
  Send(laptop(), desk());
  handle_ = nullptr;
  desk().CrashAndReopen();
  EXPECT_TRUE(desk().world.notes.empty());
  Exchange();
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f"), "Base!");
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f-laptop"), "of laptop");
  EXPECT_EQ(laptop().Names(kRoot).size(), 2u);
}

TEST_F(HandlesTest, WhatIsStagedOutlivesACrashThoughTheFileWasRemovedElsewhere) {
  Write(0, "B");
  ASSERT_TRUE(desk().volume().Fsync(file_).ok());
  DeliverAll();
  Write(4, "!");
  ASSERT_TRUE(desk().volume().Fsync(file_).ok());
  ASSERT_EQ(laptop().Unlink(kRoot, "f"), std::errc{});
  Send(laptop(), desk());
  handle_ = nullptr;
  desk().CrashAndReopen();
  Exchange();
  EXPECT_EQ(laptop().ContentsAt(kRoot, "f"), "Base!");
}

TEST_F(HandlesTest, WhatIsStagedOfAFileRemovedHereDiesWithACrash) {
  Write(0, "B");
  ASSERT_TRUE(desk().volume().Fsync(file_).ok());
  Write(4, "!");
  ASSERT_TRUE(desk().volume().Fsync(file_).ok());
  ASSERT_EQ(desk().Unlink(kRoot, "f"), std::errc{});
  ASSERT_TRUE(desk().world.journal.Sync().ok());
  handle_ = nullptr;
  desk().CrashAndReopen();
  Exchange();
  EXPECT_TRUE(laptop().Names(kRoot).empty());
}

}  // namespace
}  // namespace copse::fs
