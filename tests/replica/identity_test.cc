#include <copse/base/hash.h>
#include <copse/base/memory_storage.h>
#include <copse/replica/identity.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace copse::replica {
namespace {

class IdentityTest : public testing::Test {
 protected:
  void Write(const Identity& identity) { ASSERT_TRUE(WriteIdentity(storage_, kPath, identity).ok()); }
  absl::StatusOr<Identity> Read() { return ReadIdentity(storage_, kPath); }

  static inline const std::string kPath = "/identity";
  base::MemoryStorage storage_;
  base::SeededRandom random_{1};
  const Identity identity_ = Identity::New(random_, "laptop");
};

TEST_F(IdentityTest, WhatIsWrittenIsReadAndOnlyTheOwnerMayReadTheFile) {
  Write(identity_);
  EXPECT_EQ(storage_.Stat(kPath)->permissions, 0600U);
  const Identity read = Read().value();
  EXPECT_EQ(read.volume, identity_.volume);
  EXPECT_EQ(read.actor, 1);
  EXPECT_EQ(read.actor_range_end, identity_.actor_range_end);
  EXPECT_EQ(read.label, "laptop");
  EXPECT_EQ(read.signing_public, identity_.signing_public);
  EXPECT_EQ(read.signing_secret, identity_.signing_secret);
  EXPECT_EQ(read.volume_key, identity_.volume_key);
  EXPECT_EQ(read.epoch_keys, identity_.epoch_keys);
}

TEST_F(IdentityTest, TwoVolumesShareNothing) {
  const Identity other = Identity::New(random_, "laptop");
  EXPECT_NE(other.volume, identity_.volume);
  EXPECT_NE(other.signing_secret, identity_.signing_secret);
  EXPECT_NE(other.volume_key, identity_.volume_key);
  EXPECT_NE(other.epoch_keys, identity_.epoch_keys);
}

TEST_F(IdentityTest, NoFlippedBitGivesAnotherIdentity) {
  Write(identity_);
  const std::uint64_t size = storage_.Stat(kPath)->size;
  for (std::uint64_t offset = 0; offset < size; ++offset) {
    storage_.FlipBit(kPath, offset, 0);
    const auto read = Read();
    // White space between the members carries nothing; a flip there may leave the same identity.
    if (read.ok()) {
      EXPECT_EQ(read->signing_secret, identity_.signing_secret) << offset;
      EXPECT_EQ(read->epoch_keys, identity_.epoch_keys) << offset;
      EXPECT_EQ(read->label, identity_.label) << offset;
    } else {
      EXPECT_TRUE(absl::IsDataLoss(read.status()) || absl::IsFailedPrecondition(read.status())) << read.status();
    }
    storage_.FlipBit(kPath, offset, 0);
  }
}

TEST_F(IdentityTest, KeysThatOthersMayReadAreRefusedWithTheCommandThatHelps) {
  Write(identity_);
  storage_.SetPermissions(kPath, 0640);
  const absl::Status status = Read().status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_NE(status.message().find("chmod 600 /identity"), absl::string_view::npos);
}

TEST_F(IdentityTest, TheHighestEpochIsKept) {
  Identity identity = identity_;
  identity.epoch_keys[0xffffffff] = std::string(32, 'k');
  Write(identity);
  EXPECT_EQ(Read().value().epoch_keys, identity.epoch_keys);
}

TEST_F(IdentityTest, NumbersThatDoNotFitAreRefusedAndNotCut) {
  Write(identity_);
  nlohmann::json object = nlohmann::json::parse(base::ReadWholeFile(storage_, kPath).value());
  const auto write = [&](const nlohmann::json& changed) {
    nlohmann::json with_checksum = changed;
    with_checksum.erase("checksum");
    with_checksum["checksum"] = base::Hex(base::AsBytes(base::Sha256(with_checksum.dump())));
    ASSERT_TRUE(base::ReplaceFile(storage_, kPath, with_checksum.dump()).ok());
    storage_.SetPermissions(kPath, 0600);
  };
  write(object);
  EXPECT_TRUE(Read().ok());
  for (const nlohmann::json& actor : {nlohmann::json(65'537), nlohmann::json(-65'535), nlohmann::json(1.5)}) {
    object["actor"] = actor;
    write(object);
    EXPECT_TRUE(absl::IsDataLoss(Read().status())) << actor;
  }
}

TEST_F(IdentityTest, AnotherFormatIsRefusedAsSuch) {
  ASSERT_TRUE(base::ReplaceFile(storage_, kPath, "{\"format\": 1}").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Read().status()));
}

TEST(LabelTest, IsOneToSixteenLowerCaseLettersAndDigits) {
  for (const char* label : {"a", "laptop", "0123456789abcdef"}) EXPECT_TRUE(IsLabel(label)) << label;
  for (const char* label : {"", "Laptop", "a-b", "0123456789abcdefg", "é"}) EXPECT_FALSE(IsLabel(label)) << label;
}

TEST(LabelTest, OfAHostNameKeepsWhatIsAllowed) {
  EXPECT_EQ(LabelOfHostName("Anna's-MacBook.local"), "annasmacbookloca");
  EXPECT_EQ(LabelOfHostName("---"), "replica");
}

}  // namespace
}  // namespace copse::replica
