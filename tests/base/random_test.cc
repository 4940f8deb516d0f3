#include <copse/base/random.h>
#include <gtest/gtest.h>

namespace copse::base {
namespace {

TEST(RandomTest, TheSameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  SeededRandom one(7);
  SeededRandom same(7);
  SeededRandom other(8);
  const std::string bytes = one.Bytes(32);
  EXPECT_EQ(same.Bytes(32), bytes);
  EXPECT_NE(other.Bytes(32), bytes);
  EXPECT_NE(one.Bytes(32), bytes);
}

TEST(RandomTest, TheSystemGivesAsManyBytesAsAskedAndNeverTheSame) {
  SystemRandom random;
  EXPECT_EQ(random.Bytes(16).size(), 16U);
  EXPECT_NE(random.Bytes(16), random.Bytes(16));
}

}  // namespace
}  // namespace copse::base
