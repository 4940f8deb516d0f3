#include "chunk_seal.h"

#include <gtest/gtest.h>

#include <string>

namespace copse::replica {
namespace {

TEST(ChunkSealTest, AChunkOpensOnlyUnderTheIdOfItsBytes) {
  const std::string key(32, 'k');
  const SealedChunk chunk = SealChunk("some bytes", 1, key);
  EXPECT_EQ(OpenChunk(chunk.ref, chunk.bytes, key).value(), "some bytes");
  base::ChunkRef other = chunk.ref;
  other.id[0] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk(other, chunk.bytes, key).status()));
}

}  // namespace
}  // namespace copse::replica
