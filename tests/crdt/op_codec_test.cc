#include <copse/crdt/op_codec.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <support/histories.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "op_examples.h"

namespace copse::crdt {
namespace {

using crdt_test::ExampleOps;
using crdt_test::FromHex;
using crdt_test::ToHex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kExampleHex =
    "04 02 "
    "2a 08 02 00 01 09 01 01 "
    "33 21 01 00 05 6e 6f 74 65 73 "
    "09 01 06 02 1b 02 68 69 01 07 01 00 34 01 6b "
    "17 08 03 05 6e 6f 74 65 73 00";

TEST(OpCodecTest, WritesAndReadsTheExampleOfTheSpecification) {
  EXPECT_EQ(ToHex(EncodeOps(ExampleOps())), ToHex(FromHex(kExampleHex)));
  const auto decoded = DecodeOps(FromHex(kExampleHex));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, ExampleOps());
}

TEST(OpCodecTest, ARunWithoutOpsIsOneByte) {
  EXPECT_EQ(EncodeOps({}), std::string(1, '\0'));
  EXPECT_TRUE(DecodeOps(std::string(1, '\0'))->empty());
}

TEST(OpCodecTest, CreatingAFileWithATypicalNameTakesAboutTwentySixBytes) {
  std::vector<Op> ops;
  for (std::uint64_t i = 0; i < 100; ++i) {
    Op op;
    op.time = Timestamp::Of(1'000'000 + i, 5);
    op.child = op.time.node();
    op.place = Place{NodeId::Of(4, 999'000), "report-v2.txt"};
    op.fields = {Field{FieldId{1, ""}, std::string(6, '\x7f'), std::nullopt}};
    ops.push_back(std::move(op));
  }
  EXPECT_LE(EncodeOps(ops).size(), 26 * ops.size());
}

TEST(OpCodecTest, TheExtremesOfEveryNumberAreKept) {
  const std::vector<Op> ops = {crdt_test::ExtremeOp()};
  const auto decoded = DecodeOps(EncodeOps(ops));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, ops);
}

struct Refusal {
  std::string hex;
  std::string why;
};

TEST(OpCodecTest, BytesThatTheWriterNeverWritesAreRefused) {
  const std::vector<Refusal> refusals = {
      {"", "offset 0"},
      {"00 00", "the end"},
      {"01 02 31 00", "the end"},
      {"02 02 31", "there are"},
      {"ff ff ff ff ff ff ff ff ff 01 02 31", "ops, there are"},
      {"01 80 80 04 31", "actor of 16 bits"},
      {"01 02 71", "unknown flags"},
      {"01 02 b1", "unknown flags"},
      {"01 02 21 ff ff ff ff ff ff 3f", "counter of 48 bits"},
      {"01 02 21 ff ff ff ff ff ff ff ff ff 01", "counter of 48 bits"},
      {"01 02 11 08", "a child that the op does not make"},
      {"01 02 33 05 00 00 00", "short form"},
      {"01 02 33 05 02 00 00", "another actor"},
      {"01 02 33 06 00", "counter of 48 bits"},
      {"01 02 33 01 05 61", "5 bytes, there are 1"},
      {"01 02 39 00", "at least one field"},
      {"01 02 39 02 08 00", "ascending order"},
      {"01 02 39 01 0c 00", "key that is not empty"},
      {"01 02 39 02 f8 ff ff ff 7f 08", "field number of 32 bits"},
      {"01 02 39 01 80 80 80 80 80 01", "field number of 32 bits"},
      {"01 02 39 01 0a 02 02 02", "a counter of 48 bits"},
      {"01 02 39 01 0a 02 00 00", "ascending order"},
      {"01 02 39 01 09 80 00", "shortest form"},
  };
  for (const Refusal& refusal : refusals) {
    const auto decoded = DecodeOps(FromHex(refusal.hex));
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << refusal.hex;
    EXPECT_THAT(std::string(decoded.status().message()), StartsWith("offset ")) << refusal.hex;
    EXPECT_THAT(std::string(decoded.status().message()), HasSubstr(refusal.why)) << refusal.hex;
  }
}

TEST(OpCodecTest, EveryTruncationOfTheExampleIsRefused) {
  const std::string whole = FromHex(kExampleHex);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(DecodeOps(whole.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(OpCodecDeathTest, ARunOfTwoActorsStopsTheProgram) {
  std::vector<Op> ops = ExampleOps();
  ops.back().time = Timestamp::Of(15, 3);
  EXPECT_DEATH(EncodeOps(ops), "broken promise");
}

TEST(OpCodecDeathTest, TimesThatDoNotAscendStopTheProgram) {
  std::vector<Op> ops = ExampleOps();
  std::swap(ops[0], ops[1]);
  EXPECT_DEATH(EncodeOps(ops), "broken promise");
}

std::vector<Op> AnyRun() {
  std::map<ActorId, std::vector<Op>> runs;
  for (const test_support::Batch& batch : *test_support::Histories()) {
    auto& run = runs[batch.front().time.actor()];
    run.insert(run.end(), batch.begin(), batch.end());
  }
  return std::next(runs.begin(), *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(runs.size())))
      ->second;
}

RC_GTEST_PROP(OpCodecProperty, WhatIsEncodedIsDecoded, ()) {
  const std::vector<Op> run = AnyRun();
  const auto decoded = DecodeOps(EncodeOps(run));
  RC_ASSERT(decoded.ok());
  RC_ASSERT(*decoded == run);
}

// One encoding for each run: whatever the decoder accepts is what the encoder writes.
RC_GTEST_PROP(OpCodecProperty, DamagedBytesAreRefusedOrMeanAnotherRunWithExactlyTheseBytes, ()) {
  std::string bytes = EncodeOps(AnyRun());
  const auto edits = *rc::gen::inRange(1, 4);
  for (int i = 0; i < edits && !bytes.empty(); ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    const auto byte = static_cast<char>(*rc::gen::weightedOneOf<int>(
        {{3, rc::gen::inRange(0, 8)}, {1, rc::gen::inRange(0, 256)}, {1, rc::gen::just(0x80 | bytes[at])}}));
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        bytes[at] = byte;
        break;
      case 1:
        bytes.insert(at, 1, byte);
        break;
      default:
        bytes.erase(at, 1);
        break;
    }
  }
  const auto decoded = DecodeOps(bytes);
  if (decoded.ok()) {
    RC_ASSERT(ToHex(EncodeOps(*decoded)) == ToHex(bytes));
  } else {
    RC_ASSERT(decoded.status().code() == absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace copse::crdt
