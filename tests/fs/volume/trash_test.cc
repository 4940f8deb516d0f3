#include "fs/volume/volume_fixture.h"
#include "volume/schema.h"

namespace copse::fs {
namespace {

class TrashTest : public VolumeTest {
 protected:
  NodeId InTrash(const std::string& path) {
    for (const auto& entry : volume().ListTrash()) {
      if (entry.path == path) return entry.node;
    }
    ADD_FAILURE() << path << " is not in the trash";
    return {};
  }
};

TEST_F(TrashTest, ListsWhatWasDeletedWithItsPathKindSizeAndTime) {
  const NodeId directory = MakeDirectory(kRoot, "d");
  MakeFile(directory, "f", "bytes");
  world_.Advance(kSecond);
  ASSERT_TRUE(volume().Unlink(kAlice, directory, "f").ok());
  const base::UnixNanoseconds deleted = world_.clock.Now();
  world_.Advance(kSecond);
  ASSERT_TRUE(volume().RemoveDirectory(kAlice, kRoot, "d").ok());
  const auto trash = volume().ListTrash();
  ASSERT_EQ(trash.size(), 2u);
  EXPECT_EQ(trash[0].path, "d");
  EXPECT_EQ(trash[0].kind, Kind::kDirectory);
  EXPECT_EQ(trash[1].path, "d/f");
  EXPECT_EQ(trash[1].kind, Kind::kRegular);
  EXPECT_EQ(trash[1].size, 5u);
  EXPECT_EQ(trash[1].deleted_at, deleted);
  EXPECT_EQ(volume().GetUsage().trash_entries, 2u);
}

TEST_F(TrashTest, ADeletionIsGuardedByThePlaceThatItsAuthorSaw) {
  MakeFile(kRoot, "f");
  MakeDirectory(kRoot, "d");
  ASSERT_TRUE(volume().Rename(kAlice, kRoot, "f", kRoot, "g", Volume::kRenamePlain).ok());
  const auto claim_of = [&](const std::string& name) {
    for (const NodeId node : world_.replica->tree().ChildrenOf(kRoot)) {
      const auto place = world_.replica->tree().PlacementOf(node);
      if (place->name == name) return place->claim;
    }
    ADD_FAILURE() << name;
    return crdt::Timestamp{};
  };
  const std::vector<crdt::Timestamp> claims = {claim_of("g"), claim_of("d")};
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "g").ok());
  ASSERT_TRUE(volume().RemoveDirectory(kAlice, kRoot, "d").ok());
  std::vector<crdt::Timestamp> guards;
  for (const crdt::Op& op : world_.journal.ops()) {
    if (op.place && op.place->parent == crdt::kTrash) guards.push_back(op.guard.value_or(crdt::Timestamp{}));
  }
  EXPECT_EQ(guards, claims);
}

TEST_F(TrashTest, RestoringBringsTheInodeBackToItsOldPlace) {
  const NodeId file = MakeFile(kRoot, "f", "bytes");
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "f").ok());
  EXPECT_EQ(*volume().RestoreFromTrash(InTrash("f")), "f");
  EXPECT_EQ(Find(kRoot, "f"), file);
  EXPECT_EQ(Stat(file).links, 1u);
  EXPECT_EQ(Contents(file), "bytes");
  EXPECT_TRUE(volume().ListTrash().empty());
}

TEST_F(TrashTest, RestoringFindsAFreeName) {
  MakeFile(kRoot, "f", "1");
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "f").ok());
  MakeFile(kRoot, "f", "2");
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "f").ok());
  MakeFile(kRoot, "f", "3");
  const auto trash = volume().ListTrash();
  EXPECT_EQ(*volume().RestoreFromTrash(trash[0].node), "f-restored");
  EXPECT_EQ(*volume().RestoreFromTrash(trash[1].node), "f-restored_2");
  EXPECT_EQ(Contents(Find(kRoot, "f-restored")), "1");
  EXPECT_EQ(Contents(Find(kRoot, "f-restored_2")), "2");
}

TEST_F(TrashTest, RestoringAFileRestoresTheDirectoriesAboveIt) {
  const NodeId outer = MakeDirectory(kRoot, "outer");
  const NodeId inner = MakeDirectory(outer, "inner");
  MakeFile(inner, "f", "bytes");
  ASSERT_TRUE(volume().Unlink(kAlice, inner, "f").ok());
  ASSERT_TRUE(volume().RemoveDirectory(kAlice, outer, "inner").ok());
  ASSERT_TRUE(volume().RemoveDirectory(kAlice, kRoot, "outer").ok());
  MakeFile(kRoot, "outer");
  EXPECT_EQ(*volume().RestoreFromTrash(InTrash("outer/inner/f")), "outer-restored/inner/f");
  EXPECT_EQ(Find(kRoot, "outer-restored"), outer);
  EXPECT_EQ(Find(outer, "inner"), inner);
  EXPECT_TRUE(volume().ListTrash().empty());
}

TEST_F(TrashTest, RestoringTellsTheKernelWhichNamesChanged) {
  Invalidations announced;
  volume().set_invalidation_sink([&](const Invalidations& changed) { announced = changed; });
  MakeFile(kRoot, "f");
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "f").ok());
  EXPECT_TRUE(announced.names.empty()) << "the kernel asked for this itself";
  ASSERT_TRUE(volume().RestoreFromTrash(InTrash("f")).ok());
  ASSERT_EQ(announced.names.size(), 1u);
  EXPECT_EQ(announced.names[0].name, "f");
  EXPECT_EQ(announced.names[0].directory, kRoot);
}

TEST_F(TrashTest, WhatWasPurgedIsListedNoMore) {
  MakeFile(kRoot, "f");
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "f").ok());
  const NodeId node = InTrash("f");
  ASSERT_TRUE(volume().PurgeFromTrash(node).ok());
  EXPECT_TRUE(volume().ListTrash().empty());
  EXPECT_EQ(ErrorOf(volume().RestoreFromTrash(node)), std::errc::no_such_file_or_directory);
  EXPECT_EQ(ErrorOf(volume().PurgeFromTrash(node)), std::errc::no_such_file_or_directory);
}

TEST_F(TrashTest, APurgeThatDidNotSeeTheLatestVersionIsVoid) {
  const NodeId file = MakeFile(kRoot, "f", "bytes");
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "f").ok());
  const NodeId node = InTrash("f");
  ASSERT_TRUE(volume().PurgeFromTrash(node).ok());
  // A peer had written the file meanwhile.
  crdt::Op written;
  written.time = crdt::Timestamp::Of(3, 9);
  written.child = file;
  Manifest manifest;
  manifest.size = 1;
  manifest.inline_bytes = "x";
  written.fields = {schema::Replace(schema::kContent, EncodeManifest(manifest), {})};
  ASSERT_TRUE(world_.replica->Ingest(9, 0, std::vector{written}).ok());
  EXPECT_EQ(volume().ListTrash().size(), 1u);
}

TEST_F(TrashTest, DumpShowsEveryNodeInTheDocumentedForm) {
  const NodeId directory = MakeDirectory(kRoot, "d\xff");
  const NodeId file = MakeFile(directory, "f", "bytes");
  MakeFile(kRoot, "gone");
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "gone").ok());
  ASSERT_TRUE(volume().Flush().ok());
  const std::string dump = volume().Dump();
  const auto time = std::to_string(world_.clock.Now());
  EXPECT_EQ(dump.substr(0, dump.find('\n')), "- null => forest");
  EXPECT_NE(dump.find("    - " + std::to_string(directory.value) + R"( => {"name":"d\\xff","size":4096,"ctime":)" +
                      time + R"(,"mtime":)" + time + R"(,"kind":"directory"})"),
            std::string::npos)
      << dump;
  EXPECT_NE(dump.find(R"( => {"name":"f","inode_id":)" + std::to_string(file.value) + "}"), std::string::npos) << dump;
  EXPECT_NE(dump.find("    - " + std::to_string(file.value) + R"( => {"size":5,"ctime":)" + time + R"(,"mtime":)" +
                      time + R"(,"kind":"file","links":1,"content":")"),
            std::string::npos)
      << dump;
  EXPECT_NE(dump.find(R"({"name":"gone","inode_id":)"), std::string::npos) << "the trash is shown, too";
}

TEST_F(TrashTest, EqualOpsGiveEqualDumps) {
  MakeFile(MakeDirectory(kRoot, "d"), "f", "bytes");
  ASSERT_TRUE(volume().Flush().ok());
  const std::string before = volume().Dump();
  world_.Reopen();
  EXPECT_EQ(volume().Dump(), before);
}

}  // namespace
}  // namespace copse::fs
