#include <copse/fs/staged_file.h>

#include <set>

#include "fs/content/model_contents.h"

namespace copse::fs {
namespace {

constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;

TEST(PublicationTest, AnInsertionInTheMiddleSharesNearlyAllChunks) {
  ContentWorld world;
  const std::string bytes = RandomBytes(1, 10 * kMiB);
  const Manifest before = world.Version(bytes);
  const Manifest after = world.Version(bytes.substr(0, 5 * kMiB) + "inserted" + bytes.substr(5 * kMiB));
  std::set<base::Hash> chunks;
  for (const auto& leaf : Must(world.Reader(before).Leaves())) chunks.insert(leaf.chunk.id);
  const auto leaves = Must(world.Reader(after).Leaves());
  const auto shared = std::count_if(leaves.begin(), leaves.end(),
                                    [&](const ManifestEntry& leaf) { return chunks.contains(leaf.chunk.id); });
  EXPECT_GT(static_cast<double>(shared), 0.9 * static_cast<double>(leaves.size()));
}

TEST(PublicationTest, AnEditReadsAndStoresOnlyChunksAroundIt) {
  ContentWorld world;
  const std::string bytes = RandomBytes(2, 20 * kMiB);
  const auto file = world.Open(world.Version(bytes));
  world.content.ResetCounts();
  Must(file->Write(10 * kMiB, "edited", 9));
  const Manifest version = Must(file->Publish());
  EXPECT_LT(world.content.put_bytes(), 1 * kMiB);
  EXPECT_LT(world.content.gets(), 20U);
  Must(file->Rebase(version, {}));
  std::string expected = bytes;
  expected.replace(10 * kMiB, 6, "edited");
  EXPECT_EQ(ReadAll(*file), expected);
}

TEST(PublicationTest, AFileOfATebibyteOfNothingIsPublishedAtOnce) {
  ContentWorld world;
  const auto file = world.Open();
  Must(file->Truncate(kTiB, 1));
  Must(file->Write(kTiB / 2, "middle", 2));
  EXPECT_EQ(file->allocated_bytes(), 6U);
  const Manifest version = Must(file->Publish());
  EXPECT_EQ(version.size, kTiB);
  EXPECT_EQ(version.hole_bytes, kTiB - 6);
  EXPECT_EQ(world.content.put_bytes(), 6U);
  Must(file->Rebase(version, {}));
  EXPECT_EQ(file->allocated_bytes(), 6U);
  EXPECT_EQ(Must(file->SeekData(0)), kTiB / 2);
  EXPECT_EQ(Must(file->SeekHole(kTiB / 2)), kTiB / 2 + 6);
  EXPECT_EQ(Must(file->SeekData(kTiB / 2 + 6)), std::nullopt);
  std::string out(8, '?');
  EXPECT_EQ(Must(file->Read(kTiB / 2 - 1, out)), 8U);
  EXPECT_EQ(out, std::string("\0middle\0", 8));

  Must(file->Write(5, "start", 3));  // And again, on top of a base with such holes.
  EXPECT_EQ(Must(file->Publish()).hole_bytes, kTiB - 6 - 10);
}

TEST(PublicationTest, FixedChunksEndAtMultiplesOf64KiBAndAPageWriteReplacesOne) {
  ContentWorld world;
  const std::string bytes = RandomBytes(3, 1 * kMiB + 100);
  const Manifest base = world.Version(bytes, true);
  EXPECT_TRUE(base.fixed_chunks);
  const auto leaves = Must(world.Reader(base).Leaves());
  ASSERT_EQ(leaves.size(), 17U);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(leaves[i].length, 64 * kKiB);
  EXPECT_EQ(leaves[16].length, 100U);

  const auto file = world.Open(base, true);
  Must(file->Write(8 * 64 * kKiB + 4096, RandomBytes(4, 4096), 2));
  const auto edited = Must(world.Reader(Must(file->Publish())).Leaves());
  ASSERT_EQ(edited.size(), 17U);
  for (std::size_t i = 0; i < 17; ++i) EXPECT_EQ(edited[i] == leaves[i], i != 8) << i;
}

TEST(PublicationTest, AChangeOfTheChunkingCutsEverythingAnew) {
  ContentWorld world;
  ModelContents model;
  model.Write(0, RandomBytes(5, 1 * kMiB));
  const Manifest base = world.Version(model.bytes, false);
  const auto file = world.Open(base, true);
  model.Write(0, "x");
  Must(file->Write(0, "x", 2));
  EXPECT_EQ(PlainLeaves(world, Must(file->Publish())), CutFromScratch(model, true));
}

TEST(PublicationTest, ContentsOf512BytesAreInlineAndOf513AreNot) {
  ContentWorld world;
  EXPECT_EQ(world.Version(std::string(512, 'x')).inline_bytes, std::string(512, 'x'));
  EXPECT_EQ(world.content.puts(), 0U);
  EXPECT_EQ(world.Version(std::string(513, 'x')).entries.size(), 1U);
}

TEST(PublicationTest, EqualContentsWrittenInDifferentWaysHaveEqualPlainRoots) {
  ContentWorld world;
  const std::string bytes = RandomBytes(6, 700'000);
  const auto file = world.Open();
  for (std::size_t end = bytes.size(); end > 0;) {  // Backward, in pieces, and published now and then.
    const std::size_t begin = end > 30'000 ? end - 30'000 : 0;
    Must(file->Write(begin, std::string_view(bytes).substr(begin, end - begin), 1));
    if (begin % 7 == 0) Must(file->Rebase(Must(file->Publish()), {}));
    end = begin;
  }
  EXPECT_EQ(Must(file->Publish()).PlainRoot(), world.Version(bytes).PlainRoot());
}

TEST(PublicationTest, AFullStoreFailsThePublicationAndLosesNothing) {
  ContentWorld world;
  const std::string bytes = RandomBytes(7, 500'000);
  const auto file = world.Open();
  Must(file->Write(0, bytes, 1));
  world.content.FailPutsAfter(3);
  EXPECT_EQ(file->Publish().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(file->dirty());
  EXPECT_EQ(ReadAll(*file), bytes);
  world.content.FailPutsAfter(-1);
  EXPECT_EQ(Must(file->Publish()).PlainRoot(), world.Version(bytes).PlainRoot());
}

TEST(PublicationTest, AMissingChunkFailsOnlyTheReadsThatNeedIt) {
  ContentWorld world;
  const std::string bytes = RandomBytes(8, 150'000);
  const Manifest base = world.Version(bytes);
  const auto leaves = Must(world.Reader(base).Leaves());
  ASSERT_GE(leaves.size(), 2U);
  world.content.Forget(leaves[0].chunk);
  const auto file = world.Open(base);
  std::string out(10, '?');
  EXPECT_EQ(file->Read(0, out).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Must(file->Read(leaves[0].length, out)), 10U);
  EXPECT_EQ(out, bytes.substr(leaves[0].length, 10));
}

TEST(ReadingTest, ASequentialReadLoadsEveryChunkOnce) {
  ContentWorld world({256 * kKiB, 2 * kMiB});  // Far less cache than file.
  const std::string bytes = RandomBytes(9, 20 * kMiB);
  const auto file = world.Open(world.Version(bytes));
  world.content.ResetCounts();
  std::string got;
  std::string part(4096 * 5, '?');
  while (const std::size_t count = Must(file->Read(got.size(), part))) got.append(part, 0, count);
  EXPECT_EQ(got, bytes);
  EXPECT_EQ(world.content.max_gets_of_a_chunk(), 1U);
}

}  // namespace
}  // namespace copse::fs
