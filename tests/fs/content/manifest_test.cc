#include <copse/crdt/bytes.h>
#include <copse/fs/content.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "content/manifest_page.h"
#include "content/manifest_writer.h"
#include "fs/content/content_fixture.h"

namespace copse::fs {
namespace {

base::Hash HashOf(int n) { return base::Sha256("hash " + std::to_string(n)); }

ManifestEntry Chunk(std::uint32_t length, int n) {
  return {length, false, {HashOf(n), HashOf(n + 1), HashOf(n + 2), length, static_cast<std::uint32_t>(n)}};
}

/// The worked example of docs/format/manifest.md: a chunk, a hole and a chunk.
Manifest Example() {
  Manifest manifest;
  manifest.mtime = 1'700'000'000'000'000'000;
  manifest.entries = {Chunk(70'000, 1), {1 << 20, true, {}}, Chunk(3, 4)};
  manifest.size = 70'000 + (1 << 20) + 3;
  manifest.hole_bytes = 1 << 20;
  return manifest;
}

std::vector<Manifest> Samples() {
  Manifest pages = Example();
  pages.level = 2;
  pages.hole_bytes = 5;
  pages.fixed_chunks = true;
  pages.entries = {Chunk(9'000, 7), Chunk(9'000, 8)};
  pages.entries[0].length = 1 << 30;
  pages.entries[1].length = 17;
  pages.size = (1 << 30) + 17;
  return {InlineManifest("", 0, false), InlineManifest("hello", -5, true), Example(), pages};
}

TEST(ManifestTest, TheExampleOfTheDocumentationIsWhatIsWritten) {
  EXPECT_EQ(base::Hex(EncodeManifest(InlineManifest("hello", 1'000'000'000, false))), "0100000580a8d6b90768656c6c6f");
  const std::string chunked = EncodeManifest(Example());
  const auto hashes = [](int n) {
    return base::Hex(base::AsBytes(HashOf(n))) + base::Hex(base::AsBytes(HashOf(n + 1))) +
           base::Hex(base::AsBytes(HashOf(n + 2)));
  };
  EXPECT_EQ(base::Hex(chunked),
            "010100f3a244"
            "8080d0e2c6bfce972f"
            "00"
            "03"
            "e0c508" +
                hashes(1) +
                "01"
                "81808001"
                "06" +
                hashes(4) + "04");
}

TEST(ManifestTest, WhatIsEncodedDecodesToTheSame) {
  for (const Manifest& manifest : Samples()) EXPECT_EQ(Must(DecodeManifest(EncodeManifest(manifest))), manifest);
}

TEST(ManifestTest, EveryCutIsRefusedWithTheOffset) {
  for (const Manifest& manifest : Samples()) {
    const std::string bytes = EncodeManifest(manifest);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const absl::Status status = DecodeManifest(bytes.substr(0, size)).status();
      ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
      ASSERT_NE(std::string(status.message()).find("offset "), std::string::npos) << status;
    }
    EXPECT_FALSE(DecodeManifest(bytes + '\0').ok());
  }
}

TEST(ManifestTest, FlippedBitsAreRefusedOrMeanAnotherManifestWithTheSameEncoding) {
  for (const Manifest& manifest : Samples()) {
    const std::string bytes = EncodeManifest(manifest);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      const auto decoded = DecodeManifest(flipped);
      if (decoded.ok()) {
        ASSERT_EQ(EncodeManifest(*decoded), flipped) << bit;
      }
    }
  }
}

TEST(ManifestTest, LengthsThatDoNotAddUpToTheSizeAreRefused) {
  for (const std::int64_t change : {-1, 1}) {
    Manifest manifest = Example();
    manifest.size += change;
    EXPECT_FALSE(DecodeManifest(EncodeManifest(manifest)).ok());
  }
  Manifest wrapping = Example();  // The sum is the size modulo 2^64.
  wrapping.entries[1].length = (std::uint64_t{1} << 63) - 1;
  wrapping.entries.push_back({(std::uint64_t{1} << 63) - 1, true, {}});
  wrapping.size = 70'003 - 2;
  EXPECT_FALSE(DecodeManifest(EncodeManifest(wrapping)).ok());
}

TEST(ManifestTest, CountsAreRefusedBeforeAnythingIsAllocatedForThem) {
  crdt::ByteWriter page;
  page.U8(1);
  page.U8(0);
  page.Varint(~std::uint64_t{0});
  EXPECT_FALSE(DecodePage(page.bytes(), 0, 100).ok());
  Manifest manifest = Example();
  manifest.entries.assign(Manifest::kRootEntriesMax + 1, Chunk(1, 1));
  manifest.size = manifest.entries.size();
  EXPECT_FALSE(DecodeManifest(EncodeManifest(manifest)).ok());
}

TEST(ManifestTest, HolesAbovePagesAndChunksOfAWrongLengthAreRefused) {
  Manifest hole_above = Samples()[3];
  hole_above.entries[0].is_hole = true;
  EXPECT_FALSE(DecodeManifest(EncodeManifest(hole_above)).ok());
  Manifest too_long = Example();
  too_long.entries[0].length += base::ContentStore::kChunkBytesMax;
  too_long.size += base::ContentStore::kChunkBytesMax;
  EXPECT_FALSE(DecodeManifest(EncodeManifest(too_long)).ok());
  Manifest long_inline;
  long_inline.inline_bytes = std::string(513, 'x');
  long_inline.size = 513;
  EXPECT_FALSE(DecodeManifest(EncodeManifest(long_inline)).ok());
}

RC_GTEST_PROP(ManifestProperty, RandomBytesNeverDecodeToWhatEncodesOtherwise, ()) {
  std::string bytes = EncodeManifest(Samples()[*rc::gen::inRange<std::size_t>(0, 4)]);
  for (int i = *rc::gen::inRange(1, 5); i > 0; --i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, std::min<std::size_t>(bytes.size(), 30));
    bytes[at] = *rc::gen::arbitrary<char>();
  }
  const auto decoded = DecodeManifest(bytes);
  if (decoded.ok()) RC_ASSERT(EncodeManifest(*decoded) == bytes);
}

TEST(ManifestTest, ThePlainRootTellsContentsHolesAndInlineApartAndIgnoresTimeAndKeys) {
  std::vector<ManifestEntry> leaves = Example().entries;
  const base::Hash root = PlainRootOfLeaves(leaves);
  leaves[0].chunk.epoch = 99;
  leaves[0].chunk.id = HashOf(50);
  leaves[0].chunk.sealed_hash = HashOf(51);
  EXPECT_EQ(PlainRootOfLeaves(leaves), root);
  EXPECT_EQ(Example().PlainRoot(), root);
  EXPECT_EQ(InlineManifest("a", 1, true).PlainRoot(), PlainRootOfInline("a"));
  std::set<base::Hash> roots = {root, PlainRootOfInline(""), PlainRootOfLeaves({}), PlainRootOfInline("a")};
  leaves[0].chunk.plain_hash = HashOf(52);
  roots.insert(PlainRootOfLeaves(leaves));
  leaves[1].length += 1;
  roots.insert(PlainRootOfLeaves(leaves));
  EXPECT_EQ(roots.size(), 6U);
}

std::vector<ManifestEntry> ManyLeaves(int count) {
  std::vector<ManifestEntry> leaves;
  for (int n = 0; n < count; ++n) leaves.push_back(n % 50 == 3 ? ManifestEntry{1 << 20, true, {}} : Chunk(65'536, n));
  return leaves;
}

TEST(ManifestPagesTest, ManyEntriesMakeATreeThatGivesThemBackInOrder) {
  for (const int count : {1, 4, 5, 64, 65, 600, 50'000}) {
    ContentWorld world;
    const auto leaves = ManyLeaves(count);
    const Manifest manifest = Must(ChunkedManifest(world.content, leaves, 1, false));
    EXPECT_LE(manifest.entries.size(), Manifest::kRootEntriesMax);
    EXPECT_EQ(Must(DecodeManifest(EncodeManifest(manifest))), manifest);
    EXPECT_EQ(Must(world.Reader(manifest).Leaves()), leaves);
    EXPECT_EQ(manifest.PlainRoot(), PlainRootOfLeaves(leaves));
  }
}

TEST(ManifestPagesTest, AnInsertedEntryChangesOnlyThePagesAboveIt) {
  ContentWorld world;
  std::vector<ManifestEntry> leaves = ManyLeaves(20'000);
  Must(ChunkedManifest(world.content, leaves, 1, false));
  const std::size_t pages = world.content.chunk_count();
  EXPECT_GT(pages, 60U);
  leaves.insert(leaves.begin() + 7'000, Chunk(65'536, 1'000'000));
  Must(ChunkedManifest(world.content, leaves, 1, false));
  EXPECT_LT(world.content.chunk_count() - pages, 8U);
}

TEST(ManifestPagesTest, APageThatIsNotWhatItsManifestSaysIsAnErrorNotACrash) {
  ContentWorld world;
  Manifest manifest = Must(ChunkedManifest(world.content, ManyLeaves(600), 1, false));
  ASSERT_EQ(manifest.level, 1);
  Manifest wrong_length = manifest;
  wrong_length.entries[0].length -= 1;
  wrong_length.size -= 1;
  Manifest wrong_level = manifest;
  wrong_level.level = 2;
  Manifest not_a_page = manifest;
  not_a_page.entries[0].chunk = Must(world.content.Put("not a page"));
  for (const Manifest& wrong : {wrong_length, wrong_level, not_a_page}) {
    const ManifestReader reader = world.Reader(wrong);
    std::string out(10, '?');
    EXPECT_EQ(reader.Read(0, out).code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(reader.Leaves().status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(ManifestPagesTest, PagesThatNameOnePageOverAndOverAreRefusedBeforeMemoryIsFull) {
  ContentWorld world;
  ManifestEntry entry = Chunk(1, 1);
  Manifest bomb;
  for (; bomb.level < 3; ++bomb.level) {
    const std::vector<ManifestEntry> copies(kPageEntriesMax, entry);
    entry.chunk = Must(world.content.Put(EncodePage(bomb.level, copies)));
    entry.length *= kPageEntriesMax;
  }
  bomb.entries = {entry};
  bomb.size = entry.length;
  bomb.hole_bytes = 1;
  bomb = Must(DecodeManifest(EncodeManifest(bomb)));
  EXPECT_EQ(world.Reader(bomb).Leaves().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(world.Reader(bomb).Seek(0, bomb.size, true).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace copse::fs
