#include <copse/base/hash.h>
#include <copse/base/memory_storage.h>
#include <copse/replica/invitation.h>
#include <gtest/gtest.h>

#include "invitations.h"

namespace copse::replica {
namespace {

Invitation Sample() {
  Invitation invitation;
  invitation.volume.fill(0x11);
  invitation.inviter = std::string(32, 'i');
  invitation.secret = std::string(32, 's');
  invitation.expires = 1'800'000'000'000'000'000;
  invitation.endpoints = {"192.0.2.1:4711", "[2001:db8::1]:4711"};
  return invitation;
}

TEST(InvitationTest, WhatWasEncodedIsDecoded) {
  const std::string text = EncodeInvitation(Sample());
  EXPECT_EQ(text.substr(0, 7), "copse1-");
  EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), text.npos);
  EXPECT_EQ(DecodeInvitation(text).value(), Sample());
}

TEST(InvitationTest, OneThatWasCutOrMistypedAnywhereIsRefused) {
  const std::string text = EncodeInvitation(Sample());
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(DecodeInvitation(text.substr(0, i)).ok()) << i;
    std::string mistyped = text;
    mistyped[i] = mistyped[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(DecodeInvitation(mistyped).ok()) << i;
  }
  EXPECT_FALSE(DecodeInvitation("").ok());
  EXPECT_FALSE(DecodeInvitation("copse1-" + std::string(1 << 20, 'A')).ok());
}

class InvitationsTest : public testing::Test {
 protected:
  std::string Make(Role role = Role::kWriter) { return Open().Add(random_, role, kNow, kExpires).value(); }
  Invitations Open() { return Invitations::Read(storage_, "/invitations").value(); }

  static constexpr base::UnixNanoseconds kNow = 1000;
  static constexpr base::UnixNanoseconds kExpires = 2000;
  const std::string kOne = std::string(32, '1');
  const std::string kOther = std::string(32, '2');
  base::MemoryStorage storage_;
  base::SeededRandom random_{1};
};

TEST_F(InvitationsTest, ASecretGivesItsRoleToWhoeverComesFirstAndAgainToThat) {
  const std::string secret = Make(Role::kAdmin);
  EXPECT_EQ(Open().Use(secret, kOne, kNow).value(), Role::kAdmin);
  EXPECT_EQ(Open().Use(secret, kOne, kNow).value(), Role::kAdmin);
  EXPECT_TRUE(absl::IsPermissionDenied(Open().Use(secret, kOther, kNow).status()));
}

TEST_F(InvitationsTest, AWrongAnExpiredAndAUsedSecretAreEachRefusedInTheirOwnWords) {
  const std::string secret = Make();
  const auto said = [](const absl::StatusOr<Role>& result) { return std::string(result.status().message()); };
  EXPECT_NE(said(Open().Use("wrong", kOne, kNow)).find("no such invitation"), std::string::npos);
  EXPECT_NE(said(Open().Use(secret, kOne, kExpires)).find("expired"), std::string::npos);
  ASSERT_TRUE(Open().Use(secret, kOne, kNow).ok());
  EXPECT_NE(said(Open().Use(secret, kOther, kNow)).find("used"), std::string::npos);
}

TEST_F(InvitationsTest, WhoUsedItInTimeMayComeAgainLater) {
  const std::string secret = Make();
  ASSERT_TRUE(Open().Use(secret, kOne, kNow).ok());
  EXPECT_TRUE(Open().Use(secret, kOne, kExpires + 1).ok());
}

TEST_F(InvitationsTest, TheFileDoesNotHoldTheSecret) {
  const std::string secret = Make();
  const std::string file = base::ReadWholeFile(storage_, "/invitations").value();
  EXPECT_EQ(file.find(base::Hex(secret)), std::string::npos);
}

TEST_F(InvitationsTest, ADamagedFileIsSaidToBe) {
  ASSERT_TRUE(base::ReplaceFile(storage_, "/invitations", "{\"format\": 1").ok());
  EXPECT_TRUE(absl::IsDataLoss(Invitations::Read(storage_, "/invitations").status()));
}

TEST_F(InvitationsTest, ATimeThatIsNoIntegerOf64BitsIsDamage) {
  for (const std::string expires : {"1e300", "9223372036854775808", "1.5"}) {
    const std::string one = R"({"secret_hash":"","role":"writer","key":"","expires":)" + expires + "}";
    ASSERT_TRUE(base::ReplaceFile(storage_, "/invitations", R"({"format":1,"invitations":[)" + one + "]}").ok());
    EXPECT_TRUE(absl::IsDataLoss(Invitations::Read(storage_, "/invitations").status())) << expires;
  }
}

}  // namespace
}  // namespace copse::replica
