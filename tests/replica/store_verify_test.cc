#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.h"

namespace copse::replica {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class StoreVerifyTest : public testing::Test {
 protected:
  StoreVerifyTest() {
    machine_.options().segment_bytes_max = 600;
    machine_.options().pack_bytes_max = 200;
    store_ = machine_.New();
    for (std::uint64_t counter = 1; counter <= 4; ++counter) {
      EXPECT_TRUE(store_->Append(Batch(counter)).ok());
      EXPECT_TRUE(store_->Put("chunk number " + std::to_string(counter)).ok());
      EXPECT_TRUE(store_->Sync().ok());
    }
  }

  Store::Verification Verify() {
    const auto verification = store_->Verify();
    EXPECT_TRUE(verification.ok()) << verification.status();
    return *verification;
  }

  Machine machine_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreVerifyTest, ASoundStoreHasNoProblemsAlsoWhileItIsInUse) {
  ASSERT_TRUE(store_->Append(Batch(5)).ok());
  const Store::Verification verification = Verify();
  EXPECT_THAT(verification.problems, IsEmpty());
  EXPECT_EQ(verification.frames, 4U);
  EXPECT_EQ(verification.ops, 4U);
  EXPECT_EQ(verification.chunks, 4U);
}

TEST_F(StoreVerifyTest, EveryFlippedBitOfAFeedOrPackIsFoundAndItsFileNamed) {
  for (const std::string& directory : {Machine::kFeed, std::string("/store/chunks")}) {
    for (const std::string& path : machine_.Files(directory)) {
      const std::uint64_t size = machine_.storage().Stat(path)->size;
      for (std::uint64_t offset = 0; offset < size; ++offset) {
        machine_.storage().FlipBit(path, offset, static_cast<int>(offset % 8));
        const Store::Verification verification = Verify();
        ASSERT_THAT(verification.problems, Not(IsEmpty())) << path << " offset " << offset;
        EXPECT_THAT(verification.problems.front(), HasSubstr(directory)) << offset;
        machine_.storage().FlipBit(path, offset, static_cast<int>(offset % 8));
      }
    }
  }
  EXPECT_THAT(Verify().problems, IsEmpty());
}

TEST_F(StoreVerifyTest, EveryMissingSegmentAndPackIsFound) {
  for (const std::string& directory : {Machine::kFeed, std::string("/store/chunks")}) {
    const std::vector<std::string> files = machine_.Files(directory);
    ASSERT_GT(files.size(), 1U);
    for (const std::string& path : files) {
      ASSERT_TRUE(machine_.storage().Rename(path, "/elsewhere").ok());
      EXPECT_THAT(Verify().problems, Not(IsEmpty())) << path;
      ASSERT_TRUE(machine_.storage().Rename("/elsewhere", path).ok());
    }
  }
  EXPECT_THAT(Verify().problems, IsEmpty());
}

TEST_F(StoreVerifyTest, ADamagedIdentityAndADamagedFormatAreFound) {
  for (const char* path : {"/store/identity", "/store/format"}) {
    const std::string sound = machine_.Read(path);
    ASSERT_TRUE(base::ReplaceFile(machine_.storage(), path, sound.substr(0, sound.size() / 2)).ok());
    EXPECT_THAT(Verify().problems, Not(IsEmpty())) << path;
    ASSERT_TRUE(base::ReplaceFile(machine_.storage(), path, sound).ok());
  }
}

TEST_F(StoreVerifyTest, SeveralProblemsAreAllListed) {
  const std::vector<std::string> packs = machine_.Files("/store/chunks");
  machine_.storage().FlipBit(packs[0], 100, 0);
  machine_.storage().FlipBit(packs[1], 100, 0);
  machine_.storage().FlipBit(Machine::kSegment, 60, 0);
  EXPECT_GE(Verify().problems.size(), 3U);
}

}  // namespace
}  // namespace copse::replica
