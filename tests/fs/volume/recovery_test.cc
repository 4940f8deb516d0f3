// What a new process makes of stagings that it cannot use, and how the attribute that says how to cut outlives it all.
#include <algorithm>
#include <random>

#include "fs/volume/volume_fixture.h"
#include "volume/schema.h"

namespace copse::fs {
namespace {

class RecoveryTest : public VolumeTest {
 protected:
  /// A file whose contents "staged" are synced in staging and published in no version.
  NodeId MakeStagedFile() {
    const NodeId file = MakeFile(kRoot, "a");
    const auto handle = volume().Open(file, {.write = true});  // Stays open: what was published when is known so long.
    EXPECT_TRUE(volume().Write(file, *handle, 0, "base").ok());
    EXPECT_TRUE(volume().Fsync(file).ok());  // Published: the next one within a second is staged only.
    EXPECT_TRUE(volume().Write(file, *handle, 0, "staged").ok());
    EXPECT_TRUE(volume().Fsync(file).ok());
    return file;
  }
  std::string LogOf(NodeId file) {
    char stem[17];
    std::snprintf(stem, sizeof stem, "%016llx", static_cast<unsigned long long>(file.value));
    return std::string("/staging/") + stem + ".extents";
  }
  bool Exists(const std::string& path) { return world_.storage.Stat(path).ok(); }
};

TEST_F(RecoveryTest, ADamagedStagingIsLeftWhereItIsAndSaid) {
  const NodeId file = MakeStagedFile();
  const std::string log = LogOf(file);
  ASSERT_TRUE(Exists(log));
  world_.storage.FlipBit(log, 12, 0);  // In the header, which a change follows.
  world_.CrashAndReopen();
  ASSERT_EQ(world_.notes.size(), 1u);
  EXPECT_EQ(world_.notes[0].substr(0, 5 + log.size()), "left " + log);
  EXPECT_TRUE(Exists(log));
  EXPECT_EQ(Contents(file), "base");
}

TEST_F(RecoveryTest, AStagingOfAFileThatIsNotThereIsLeftWhereItIsAndSaid) {
  const NodeId file = MakeStagedFile();
  const std::string log = LogOf(file);
  // The disk keeps the staging, and the feed is one of before the file: a store put together from two backups.
  world_.storage.Crash(base::MemoryStorage::Keep::kNothing);
  world_.volume.reset();
  world_.journal.Cut(0);
  world_.Open();
  EXPECT_EQ(world_.notes, std::vector<std::string>{"left " + log + ": its file is not known here"});
  EXPECT_TRUE(Exists(log));
}

TEST_F(RecoveryTest, WhatComesAfterASyncOfTheLogThatFailedIsPublishedAllTheSame) {
  const NodeId file = MakeStagedFile();
  const auto handle = volume().Open(file, {.write = true});
  ASSERT_TRUE(volume().Write(file, *handle, 6, " more").ok());
  world_.storage.FailSync(2);  // The first is that of the bytes.
  EXPECT_FALSE(volume().Fsync(file).ok());
  ASSERT_TRUE(volume().Write(file, *handle, 11, " and more").ok());
  EXPECT_TRUE(volume().Fsync(file).ok());
  ASSERT_TRUE(volume().Flush().ok());
  EXPECT_EQ(volume().GetUsage().dirty_files, 0u);
  world_.Reopen();
  EXPECT_EQ(Contents(file), "staged more and more");
}

TEST_F(RecoveryTest, ALogThatWasWrittenHalfWayGoesWithThePublication) {
  const NodeId file = MakeFile(kRoot, "a", "base");
  ASSERT_TRUE(volume().Flush().ok());
  const auto handle = volume().Open(file, {.write = true});
  ASSERT_TRUE(volume().Write(file, *handle, 0, std::string(70'000, 'x')).ok());
  world_.storage.FailSync(3);  // That of the directory, after the bytes and the log.
  EXPECT_FALSE(volume().Fsync(file).ok());
  EXPECT_TRUE(Exists(LogOf(file)));
  ASSERT_TRUE(volume().Flush().ok());
  EXPECT_FALSE(Exists(LogOf(file)));
}

TEST_F(RecoveryTest, ALogWhoseRemovalWasNotSyncedAtOnceDoesNotComeBackAfterALaterVersion) {
  const NodeId file = MakeStagedFile();
  world_.storage.SetHasDescriptors(false);
  EXPECT_FALSE(volume().Flush().ok());
  world_.storage.SetHasDescriptors(true);
  ASSERT_TRUE(volume().Flush().ok());
  const auto handle = volume().Open(file, {.write = true});
  ASSERT_TRUE(volume().Write(file, *handle, 0, "later!").ok());
  ASSERT_TRUE(volume().Flush().ok());
  world_.CrashAndReopen();
  EXPECT_EQ(Names(kRoot), std::vector<std::string>{"a"});
  EXPECT_EQ(Contents(file), "later!");
}

TEST_F(RecoveryTest, WhatCannotBecomeAVersionAtTheEndOutlivesTheProcess) {
  const std::string base(100'000, 'b');
  const NodeId file = MakeFile(kRoot, "a", base);
  ASSERT_TRUE(volume().Flush().ok());
  const auto head = schema::ShownHead(world_.replica->tree(), file);
  const base::ChunkRef last = head->second.entries.back().chunk;
  const std::string held = *world_.content.Get(last);
  world_.content.Forget(last);
  world_.Reopen();
  const auto handle = volume().Open(file, {.write = true});
  ASSERT_TRUE(volume().Append(file, *handle, "more").ok());
  volume().Release(*handle);
  EXPECT_FALSE(volume().Flush().ok());
  world_.Reopen();
  EXPECT_EQ(world_.notes.size(), 1u);
  ASSERT_TRUE(world_.content.Put(held).ok());
  world_.Reopen();
  EXPECT_TRUE(Contents(file) == base + "more");
  EXPECT_EQ(volume().GetUsage().dirty_files, 0u);
}

TEST_F(RecoveryTest, APublicationThatFailsAfterItsOpIsGoneOnWithAndNotRepeated) {
  const NodeId file = MakeStagedFile();
  world_.journal.sync_error = absl::ResourceExhaustedError("no space");
  EXPECT_FALSE(volume().Flush().ok());
  EXPECT_FALSE(volume().Flush().ok());
  const auto handle = volume().Open(file, {.write = true});
  ASSERT_TRUE(volume().Write(file, *handle, 6, " more").ok());
  world_.journal.sync_error = absl::OkStatus();
  EXPECT_TRUE(volume().Flush().ok());
  // One version, that has all.
  EXPECT_EQ(world_.replica->tree().Versions(file, schema::kContent).size(), 1u);
  EXPECT_EQ(Names(kRoot), std::vector<std::string>{"a"});
  EXPECT_EQ(Contents(file), "staged more");
}

TEST_F(RecoveryTest, AStagingIsPublishedThoughItsBaseIsKnownToNoJournal) {
  const NodeId file = MakeStagedFile();
  const std::vector<crdt::Op> ops = world_.journal.ops();
  const auto version = std::find_if(ops.begin(), ops.end(), [](const crdt::Op& op) {
    return std::any_of(op.fields.begin(), op.fields.end(),
                       [](const crdt::Field& field) { return field.id.number == schema::kContent; });
  });
  ASSERT_NE(version, ops.end());
  world_.storage.Crash(base::MemoryStorage::Keep::kNothing);
  world_.volume.reset();
  world_.journal.Cut(static_cast<std::size_t>(version - ops.begin()));
  world_.Open();
  EXPECT_TRUE(world_.notes.empty());
  EXPECT_EQ(Contents(file), "staged");
}

TEST_F(RecoveryTest, TheStagingOfAVersionGoesOnlyWhenTheOpOfTheVersionIsDurable) {
  const std::string log = LogOf(MakeStagedFile());
  bool was_asked = false;
  world_.journal.before_sync = [&] {
    if (world_.journal.durable() == world_.journal.op_count()) return;
    was_asked = true;
    EXPECT_TRUE(Exists(log));
  };
  world_.Advance(kSecond * 3);
  EXPECT_TRUE(was_asked);
  EXPECT_FALSE(Exists(log));
  world_.journal.before_sync = nullptr;
}

TEST_F(RecoveryTest, WhatWasSyncedWithoutANameLastsOnceItHasOne) {
  const auto created = volume().CreateUnnamed(kAlice, kRoot, 0600, {.write = true});
  ASSERT_TRUE(created.ok());
  ASSERT_TRUE(volume().Write(created->entry.node, created->handle, 0, "synced").ok());
  ASSERT_TRUE(volume().Fsync(created->entry.node).ok());
  ASSERT_TRUE(volume().Link(kAlice, created->entry.node, kRoot, "named").ok());
  ASSERT_TRUE(volume().FsyncDirectory(kRoot).ok());
  world_.CrashAndReopen();
  EXPECT_TRUE(world_.notes.empty());
  const auto found = volume().Lookup(kRoot, "named");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(Contents(found->node), "synced");
}

TEST_F(RecoveryTest, WhatNeverHadANameIsGoneAfterACrash) {
  const auto created = volume().CreateUnnamed(kAlice, kRoot, 0600, {.write = true});
  ASSERT_TRUE(created.ok());
  ASSERT_TRUE(volume().Write(created->entry.node, created->handle, 0, "synced").ok());
  ASSERT_TRUE(volume().Fsync(created->entry.node).ok());
  EXPECT_TRUE(Exists(LogOf(created->entry.node)));
  world_.CrashAndReopen();
  EXPECT_TRUE(world_.notes.empty());
  EXPECT_EQ(volume().GetUsage().entries, 0u);
  EXPECT_EQ(volume().GetUsage().dirty_files, 0u);
  EXPECT_FALSE(Exists(LogOf(created->entry.node)));
}

/// How the shown version of `node` is cut.
Manifest ShownVersion(const crdt::Tree& tree, NodeId node) {
  const auto head = schema::ShownHead(tree, node);
  EXPECT_TRUE(head.has_value());
  return head ? head->second : Manifest{};
}

class ChunkingTest : public VolumeTest {
 protected:
  Manifest PublishedWith(const std::optional<std::string>& chunking) {
    const NodeId file = MakeFile(kRoot, "f");
    if (chunking) {
      EXPECT_TRUE(volume().SetXattr(kAlice, file, "user.copse.chunking", *chunking, Volume::XattrMode::kSet).ok());
    }
    std::string bytes(200'000, '\0');
    std::mt19937 random(1);
    for (char& byte : bytes) byte = static_cast<char>(random());
    const auto handle = volume().Open(file, {.write = true});
    EXPECT_TRUE(volume().Write(file, *handle, 0, bytes).ok());
    volume().Release(*handle);
    EXPECT_TRUE(volume().Flush().ok());
    EXPECT_EQ(Contents(file), bytes);
    return ShownVersion(world_.replica->tree(), file);
  }
};

TEST_F(ChunkingTest, FixedCutsAFileEvery64KiB) {
  const Manifest manifest = PublishedWith("fixed");
  EXPECT_TRUE(manifest.fixed_chunks);
  std::vector<std::uint64_t> lengths;
  for (const ManifestEntry& entry : manifest.entries) lengths.push_back(entry.length);
  EXPECT_EQ(lengths, (std::vector<std::uint64_t>{65'536, 65'536, 65'536, 3'392}));
}

TEST_F(ChunkingTest, AFileWithoutTheAttributeIsCutByItsContents) { EXPECT_FALSE(PublishedWith({}).fixed_chunks); }

TEST_F(ChunkingTest, AnotherValueOfTheAttributeMeansNothing) { EXPECT_FALSE(PublishedWith("fixe").fixed_chunks); }

}  // namespace
}  // namespace copse::fs
