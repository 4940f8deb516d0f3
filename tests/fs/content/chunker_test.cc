#include "content/chunker.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "fs/content/content_fixture.h"

namespace copse::fs {
namespace {

std::vector<std::size_t> Lengths(const Chunker& chunker, std::string_view data) {
  std::vector<std::size_t> lengths;
  while (!data.empty()) {
    lengths.push_back(chunker.Cut(data, ChunkSizesFor(data.size())));
    data.remove_prefix(lengths.back());
  }
  return lengths;
}

TEST(ChunkerTest, ChunksKeepTheirBoundsAndAreNearTheAverage) {
  const std::string data = RandomBytes(1, 32 * kMiB);
  const auto lengths = Lengths(Chunker(kVolumeKey), data);
  for (std::size_t i = 0; i + 1 < lengths.size(); ++i) {
    EXPECT_GT(lengths[i], 16 * kKiB);
    EXPECT_LE(lengths[i], 256 * kKiB);
  }
  const std::size_t average = data.size() / lengths.size();
  EXPECT_GT(average, 48 * kKiB);
  EXPECT_LT(average, 96 * kKiB);
}

TEST(ChunkerTest, BytesWithoutVarietyAreCutAtTheMaximum) {
  const std::string zeros(1 * kMiB, '\0');
  EXPECT_EQ(Lengths(Chunker(kVolumeKey), zeros), std::vector<std::size_t>(4, 256 * kKiB));
}

TEST(ChunkerTest, TheVolumeKeyDecidesTheBorders) {
  const std::string data = RandomBytes(2, 4 * kMiB);
  EXPECT_EQ(Lengths(Chunker("key"), data), Lengths(Chunker("key"), data));
  EXPECT_NE(Lengths(Chunker("key"), data), Lengths(Chunker("another key"), data));
}

TEST(ChunkerTest, LargerFilesHaveLargerChunksWithinWhatAStoreTakes) {
  constexpr std::uint64_t kGiB = 1024 * kMiB;
  EXPECT_EQ(ChunkSizesFor(kGiB - 1).average, 64 * kKiB);
  EXPECT_EQ(ChunkSizesFor(kGiB).average, 256 * kKiB);
  EXPECT_EQ(ChunkSizesFor(64 * kGiB).average, 1024 * kKiB);
  EXPECT_EQ(ChunkSizesFor(~std::uint64_t{0}).max, base::ContentStore::kChunkBytesMax);
}

// The property that reuse rests on: what follows a cut has no say in it.
RC_GTEST_PROP(ChunkerProperty, ACutDependsOnNoByteAfterIt, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const std::string data = RandomBytes(seed, *rc::gen::inRange<std::size_t>(1, 400 * kKiB));
  const Chunker chunker(kVolumeKey);
  const ChunkSizes sizes = ChunkSizesFor(0);
  const std::size_t cut = chunker.Cut(data, sizes);
  const std::size_t longer = *rc::gen::inRange<std::size_t>(cut, data.size() + 1);
  RC_ASSERT(chunker.Cut(std::string_view(data).substr(0, longer), sizes) == cut);
  if (cut < data.size()) RC_ASSERT(chunker.Cut(data.substr(0, cut) + RandomBytes(seed + 1, 300 * kKiB), sizes) == cut);
}

}  // namespace
}  // namespace copse::fs
