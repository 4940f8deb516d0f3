#include <copse/fs/named_content.h>

#include <deque>
#include <random>
#include <set>

#include "content/manifest_page.h"
#include "content/manifest_writer.h"
#include "fs/volume/volume_fixture.h"
#include "volume/schema.h"

namespace copse::fs {
namespace {

base::ChunkRef Chunk(const std::string& name) {
  return {base::Sha256(name), base::Sha256(name + "s"), base::Sha256(name + "p"), 3, 1};
}
ManifestEntry Entry(const std::string& name) { return {3, false, Chunk(name)}; }
ManifestEntry Hole() { return {1 << 20, true, {}}; }

crdt::Op OpWith(std::vector<crdt::Field> fields) {
  crdt::Op op;
  op.time = crdt::Timestamp::Of(5, 1);
  op.child = NodeId::Of(1, 2);
  op.fields = std::move(fields);
  return op;
}
crdt::Op Writes(const Manifest& manifest) {
  return OpWith({schema::Replace(schema::kContent, EncodeManifest(manifest), {})});
}

TEST(NamedContentTest, AVersionNamesItsChunksAndNotItsHoles) {
  Manifest manifest;
  manifest.entries = {Entry("a"), Hole(), Entry("b")};
  manifest.size = 6 + (1 << 20);
  EXPECT_EQ(ContentNamedBy(Writes(manifest)), (std::vector<NamedContent>{{Chunk("a"), 0}, {Chunk("b"), 0}}));
}

TEST(NamedContentTest, WhatLiesInTheOpAndWhatIsNoContentNamesNothing) {
  EXPECT_TRUE(ContentNamedBy(Writes(InlineManifest("hello", 0, false))).empty());
  EXPECT_TRUE(ContentNamedBy(OpWith({})).empty());
  EXPECT_TRUE(ContentNamedBy(OpWith({schema::Set(schema::kMode, schema::EncodeUnsigned(0644)),
                                     schema::Replace(schema::kContent, std::nullopt, {})}))
                  .empty());
}

TEST(NamedContentTest, AWriteOfAnotherRegisterIsNoVersion) {
  Manifest manifest;
  manifest.entries = {Entry("a")};
  manifest.size = 3;
  const crdt::Op version = Writes(manifest);
  crdt::Op of_one_value = version;
  of_one_value.fields[0].replaces.reset();
  EXPECT_TRUE(ContentNamedBy(of_one_value).empty());
  crdt::Op with_key = version;
  with_key.fields[0].id.key = "k";
  EXPECT_TRUE(ContentNamedBy(with_key).empty());
}

TEST(NamedContentTest, GoingDownThePagesOfALargeFileFindsExactlyWhatReadingItNeeds) {
  TestVolume world;
  const auto created = world.volume->Create(kAlice, kRoot, "large", 0644, {.write = true});
  ASSERT_TRUE(created.ok()) << created.status();
  std::string bytes(24 << 20, '\0');
  std::mt19937 random(1);
  for (char& byte : bytes) byte = static_cast<char>(random());
  ASSERT_TRUE(world.volume->Write(created->entry.node, created->handle, 0, bytes).ok());
  world.volume->Release(created->handle);
  ASSERT_TRUE(world.volume->Flush().ok());

  std::deque<NamedContent> pending;
  for (const crdt::Op& op : world.journal.ops()) {
    for (const NamedContent& named : ContentNamedBy(op)) pending.push_back(named);
  }
  ASSERT_FALSE(pending.empty());
  EXPECT_GT(pending.front().level, 0) << "the file is too small to have pages";
  std::set<base::Hash> found;
  std::string read;
  for (; !pending.empty(); pending.pop_front()) {
    const NamedContent& named = pending.front();
    found.insert(named.chunk.id);
    const auto plain = world.content.Get(named.chunk);
    ASSERT_TRUE(plain.ok()) << plain.status();
    if (named.level == 0) {
      read += *plain;
      EXPECT_TRUE(ContentNamedByPage(0, *plain)->empty());
      continue;
    }
    const auto below = ContentNamedByPage(named.level, *plain);
    ASSERT_TRUE(below.ok()) << below.status();
    for (const NamedContent& one : *below) pending.push_back(one);
  }
  EXPECT_EQ(read, bytes);
  EXPECT_EQ(found.size(), world.content.chunk_count());
}

TEST(NamedContentTest, HostileBytesNameNothing) {
  Manifest manifest;
  manifest.entries = {Entry("a"), Entry("b")};
  manifest.size = 6;
  const std::string version = EncodeManifest(manifest);
  const std::string page = EncodePage(0, manifest.entries);
  for (std::size_t size = 0; size < version.size(); ++size) {
    EXPECT_TRUE(ContentNamedBy(OpWith({schema::Replace(schema::kContent, version.substr(0, size), {})})).empty());
  }
  for (std::size_t size = 0; size < page.size(); ++size) {
    EXPECT_EQ(ContentNamedByPage(1, page.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(ContentNamedByPage(1, page)->size(), 2u);
  EXPECT_EQ(ContentNamedByPage(2, page).status().code(), absl::StatusCode::kDataLoss) << "a page of another level";
  const std::vector<ManifestEntry> too_long = {{std::uint64_t{1} << 62, true, {}}, {std::uint64_t{1} << 62, true, {}}};
  EXPECT_EQ(ContentNamedByPage(1, EncodePage(0, too_long)).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace copse::fs
