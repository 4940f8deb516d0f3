#include "frame.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "signing.h"
#include "support.h"

namespace copse::replica {
namespace {

const std::string kEpochKey(32, 'k');
const SigningKeys kKeys = SigningKeysOf(std::string(kSigningSeedBytes, 's'));

FrameHeader Header() {
  FrameHeader header;
  header.volume.fill(0x11);
  header.actor = 1;
  header.number = 6;
  header.first_op = 5;
  header.op_count = 2;
  header.clock = 8;
  header.wall_clock = 1'700'000'000'000'000'000;
  header.epoch = 3;
  header.salt.fill(0x22);
  header.previous.fill(0x33);
  header.dependencies_are_full = true;
  header.dependencies = {{.actor = 2, .count = 9, .frame = {1, 2, 3, 4, 5, 6, 7, 8}}, {.actor = 4, .count = 1}};
  header.grants = {{std::string(32, '\x55'), Role::kWriter, 17, 33, "desk"}};
  return header;
}

std::string Encoded() { return EncodeFrame(Header(), Batch(7, 2), kEpochKey, kKeys.secret_key); }

TEST(FrameTest, WhatWasEncodedIsDecodedVerifiedAndOpened) {
  const std::string bytes = Encoded();
  const Frame frame = DecodeFrame(bytes).value();
  EXPECT_EQ(frame.header, Header());
  EXPECT_TRUE(VerifyFrame(frame, kKeys.public_key).ok());
  EXPECT_EQ(OpenFrame(frame, kEpochKey).value(), Batch(7, 2));
}

TEST(FrameTest, TheHeaderLiesAsTheFormatPageSays) {
  const std::string bytes = Encoded();
  EXPECT_EQ(base::Hex(bytes.substr(0, 8)), "6370667202000000");            // Magic, format.
  EXPECT_EQ(base::Hex(bytes.substr(8, 16)), std::string(16 * 2, '1'));     // Volume.
  EXPECT_EQ(base::Hex(bytes.substr(24, 10)), "01000600000000000000");      // Actor, number.
  EXPECT_EQ(base::Hex(bytes.substr(34, 12)), "050000000000000002000000");  // First op, op count.
  EXPECT_EQ(base::Hex(bytes.substr(46, 8)), "0800000000000000");           // Clock.
  EXPECT_EQ(base::Hex(bytes.substr(54, 8)), "00002a36fe9c9717");           // Wall clock.
  EXPECT_EQ(base::Hex(bytes.substr(62, 4)), "03000000");                   // Epoch.
  EXPECT_EQ(base::Hex(bytes.substr(66, 16)), std::string(16 * 2, '2'));    // Salt.
  EXPECT_EQ(base::Hex(bytes.substr(82, 32)), std::string(32 * 2, '3'));    // Previous.
  EXPECT_EQ(base::Hex(bytes.substr(114, 3)), "010200");                    // Full, two dependencies.
  EXPECT_EQ(base::Hex(bytes.substr(117, 18)), "020009000000000000000102030405060708");
  EXPECT_EQ(base::Hex(bytes.substr(153, 2)), "0100");                     // One grant.
  EXPECT_EQ(base::Hex(bytes.substr(155, 32)), std::string(32 * 2, '5'));  // Key.
  EXPECT_EQ(base::Hex(bytes.substr(187, 10)), "0211002100046465736b");    // Role, actors, label.
  EXPECT_EQ(DecodeFrame(bytes)->signed_part.size(), 197U + 4 + 32);
}

TEST(FrameTest, AnEmptyFrameAcknowledgesAndCarriesNoOps) {
  const std::string bytes = EncodeFrame(Header(), {}, kEpochKey, kKeys.secret_key);
  const Frame frame = DecodeFrame(bytes).value();
  EXPECT_EQ(frame.header.op_count, 0U);
  EXPECT_EQ(frame.header.clock, 8U);
  EXPECT_TRUE(VerifyFrame(frame, kKeys.public_key).ok());
  EXPECT_TRUE(OpenFrame(frame, kEpochKey)->empty());
}

TEST(FrameTest, AnotherKeyNeitherOpensNorVerifies) {
  const std::string bytes = Encoded();
  const Frame frame = DecodeFrame(bytes).value();
  EXPECT_TRUE(absl::IsDataLoss(OpenFrame(frame, std::string(32, 'x')).status()));
  const SigningKeys other = SigningKeysOf(std::string(kSigningSeedBytes, 'o'));
  EXPECT_TRUE(absl::IsDataLoss(VerifyFrame(frame, other.public_key)));
}

TEST(FrameTest, TwoSaltsSealTheSameOpsDifferently) {
  FrameHeader header = Header();
  const std::string one = EncodeFrame(header, Batch(7, 2), kEpochKey, kKeys.secret_key);
  header.salt.fill(0x44);
  const std::string two = EncodeFrame(header, Batch(7, 2), kEpochKey, kKeys.secret_key);
  EXPECT_NE(DecodeFrame(one)->sealed_body, DecodeFrame(two)->sealed_body);
}

TEST(FrameTest, OpsOfAnotherActorThanTheHeaderStatesAreRefused) {
  const std::string bytes = EncodeFrame(Header(), Batch(7, 2, 5), kEpochKey, kKeys.secret_key);
  EXPECT_TRUE(absl::IsDataLoss(OpenFrame(*DecodeFrame(bytes), kEpochKey).status()));
}

TEST(FrameTest, AClockThatIsNotThatOfTheLastOpIsRefused) {
  FrameHeader header = Header();
  header.clock = 9;
  const std::string bytes = EncodeFrame(header, Batch(7, 2), kEpochKey, kKeys.secret_key);
  EXPECT_TRUE(absl::IsDataLoss(OpenFrame(*DecodeFrame(bytes), kEpochKey).status()));
}

TEST(FrameTest, DependenciesOutOfOrderOrOnTheAuthorAreRefused) {
  FrameHeader header = Header();
  for (const auto& dependencies :
       {std::vector<Dependency>{{.actor = 4, .count = 1}, {.actor = 2, .count = 1}},
        std::vector<Dependency>{{.actor = 2, .count = 1}, {.actor = 2, .count = 1}},
        std::vector<Dependency>{{.actor = 1, .count = 1}}, std::vector<Dependency>{{.actor = 0, .count = 1}},
        std::vector<Dependency>{{.actor = 2, .count = 0}}}) {
    header.dependencies = dependencies;
    EXPECT_FALSE(DecodeFrame(EncodeFrame(header, Batch(7, 2), kEpochKey, kKeys.secret_key)).ok());
  }
}

TEST(FrameTest, NoFlippedBitAndNoCutIsEverAccepted) {
  const std::string bytes = Encoded();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DecodeFrame(std::string_view(bytes).substr(0, length)).ok()) << length;
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto frame = DecodeFrame(flipped);
    EXPECT_FALSE(frame.ok() && VerifyFrame(*frame, kKeys.public_key).ok()) << bit;
  }
  EXPECT_FALSE(DecodeFrame(bytes + "x").ok());
}

RC_GTEST_PROP(FrameProperty, BytesFromAnywhereAreRefusedWithoutACrash, ()) {
  std::string bytes = Encoded();
  const int mutations = *rc::gen::inRange(1, 8);
  for (int i = 0; i < mutations; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        bytes[at] = *rc::gen::arbitrary<char>();
        break;
      case 1:
        bytes.insert(at, *rc::gen::arbitrary<std::string>());
        break;
      default:
        bytes.erase(at, *rc::gen::inRange<std::size_t>(0, 40));
        if (bytes.empty()) bytes.push_back('c');
    }
  }
  const auto frame = DecodeFrame(bytes);
  if (!frame.ok()) return;
  const bool is_accepted = VerifyFrame(*frame, kKeys.public_key).ok();
  RC_ASSERT(!is_accepted || bytes == Encoded());
  OpenFrame(*frame, kEpochKey).status().IgnoreError();
}

}  // namespace
}  // namespace copse::replica
