#include <copse/crdt/op_codec.h>
#include <copse/crdt/op_columns.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <support/histories.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "../benchmarks/tree_workloads.h"
#include "op_examples.h"

namespace copse::crdt {
namespace {

using crdt_test::ExampleOps;
using crdt_test::FromHex;
using crdt_test::ToHex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kExampleHex =
    "63 70 6f 63 01 00 04 08 01 07 03 10 0a "
    "3b a3 82 d3 2d 48 42 06 "
    "02 "
    "00 02 28 21 01 00 0c "
    "00 0b 00 "
    "01 09 01 01 02 1b 02 68 69 01 07 01 00 34 01 6b "
    "6e 6f 74 65 73 6e 6f 74 65 73";

void ExpectKept(const std::vector<Op>& ops) {
  const auto decoded = DecodeOpColumns(EncodeOpColumns(ops));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, ops);
}

TEST(OpColumnsTest, WritesAndReadsTheExampleOfTheSpecification) {
  EXPECT_EQ(ToHex(EncodeOpColumns(ExampleOps())), ToHex(FromHex(kExampleHex)));
  const auto decoded = DecodeOpColumns(FromHex(kExampleHex));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, ExampleOps());
}

TEST(OpColumnsTest, NoOpsAreAHeader) {
  EXPECT_EQ(ToHex(EncodeOpColumns({})), "63 70 6f 63 01 00 00 00 00 00 00 00 00");
  ExpectKept({});
}

TEST(OpColumnsTest, TheExtremesOfEveryNumberAreKeptInAnyOrder) {
  std::vector<Op> ops = ExampleOps();
  ops.push_back(crdt_test::ExtremeOp());
  ops.push_back(Op{Timestamp{}, kForest, Place{kForest, ""}, Timestamp::Of(kCounterMax, 0xffff), {}, false});
  ops.push_back(crdt_test::ExtremeOp());
  ops.insert(ops.begin(), crdt_test::ExtremeOp());
  ExpectKept(ops);
}

// Ids and times anywhere in 64 bits, each part there or not, parts from few and from many: nothing that makes sense.
Op WildOp(std::mt19937_64& random) {
  const auto below = [&](std::uint64_t end) { return random() % end; };
  const auto wide = [&] { return random() >> below(64); };
  const auto node = [&] { return NodeId{below(2) == 0 ? wide() : NodeId::Of(1, below(20)).value}; };
  const auto time = [&] { return Timestamp{below(2) == 0 ? wide() : Timestamp::Of(below(20), 1).value}; };
  Op op;
  op.time = time();
  op.child = below(3) == 0 ? op.time.node() : node();
  if (below(4) != 0) op.place = Place{below(3) == 0 ? NodeId{below(4)} : node(), std::string(below(20), '/')};
  if (below(3) == 0) op.guard = below(2) == 0 ? Timestamp::Of(op.child.counter(), op.child.actor()) : time();
  if (below(4) == 0) {
    op.fields.push_back(Field{FieldId{static_cast<std::uint32_t>(wide()), ""}, {}, {}});
    if (below(2) == 0) op.fields.back().value = std::string(below(300), '\0');
    if (below(2) == 0) op.fields.back().replaces.emplace().push_back(time());
    if (below(2) == 0) op.fields.push_back(Field{FieldId{op.fields.back().id.number, "key"}, "value", {}});
  }
  op.ends_batch = below(2) == 0;
  return op;
}

TEST(OpColumnsTest, OpsWithoutSenseOrOrderAndWithSparseIdsAreKept) {
  for (std::uint64_t seed = 1; seed <= 2000 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    std::vector<Op> ops;
    for (std::uint64_t left = random() % 40; left > 0; --left) ops.push_back(WildOp(random));
    ExpectKept(ops);
  }
}

RC_GTEST_PROP(OpColumnsProperty, HistoriesInAnyOrderAreKept, ()) {
  const std::vector<Op> ops = test_support::Shuffled(*test_support::Ops(), *rc::gen::arbitrary<std::uint32_t>());
  const auto decoded = DecodeOpColumns(EncodeOpColumns(ops));
  RC_ASSERT(decoded.ok());
  RC_ASSERT(*decoded == ops);
}

TEST(OpColumnsTest, ReadInPiecesOfAnySizeTheyAreTheSameOps) {
  benchmarks::Worker worker(1, 1);
  std::vector<Op> ops;
  for (int i = 0; i < 300; ++i) ops.push_back(worker.Next());
  const std::string bytes = EncodeOpColumns(ops);
  for (const std::size_t size : {1u, 2u, 63u, 64u, 65u, 299u, 300u, 1000u}) {
    auto reader = OpColumnsReader::Open(bytes);
    ASSERT_TRUE(reader.ok()) << reader.status();
    std::vector<Op> read;
    std::vector<Op> piece;
    while (reader->remaining() > 0) {
      ASSERT_TRUE(reader->Read(size, piece).ok());
      EXPECT_EQ(piece.size(), std::min(size, ops.size() - read.size()));
      read.insert(read.end(), piece.begin(), piece.end());
    }
    EXPECT_EQ(read, ops) << size;
    EXPECT_TRUE(reader->Read(size, piece).ok());
    EXPECT_TRUE(piece.empty());
  }
}

TEST(OpColumnsTest, ReadInPiecesDamageIsToldWhenItsTurnComesAndEndsTheReading) {
  std::vector<Op> ops = ExampleOps();
  ops.push_back(Op{Timestamp::Of(16, 2), kRoot, {}, {}, {Field{FieldId{1, ""}, "last", {}}}, true});
  std::string bytes = EncodeOpColumns(ops);
  const std::size_t length = bytes.find("\x04last");
  ASSERT_NE(length, std::string::npos);
  bytes[length] = 5;
  auto reader = OpColumnsReader::Open(bytes);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::vector<Op> piece;
  ASSERT_TRUE(reader->Read(4, piece).ok());
  EXPECT_EQ(piece, ExampleOps());
  EXPECT_EQ(reader->Read(4, piece).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(piece.empty());
  EXPECT_EQ(reader->remaining(), 0u);
}

TEST(OpColumnsTest, ColumnsWithoutOpsAreRefused) {
  const std::string bytes = FromHex("63 70 6f 63 01 00 00 00 00 00 00 00 01 78");
  EXPECT_EQ(DecodeOpColumns(bytes).status().code(), absl::StatusCode::kDataLoss);
}

std::vector<Op> Nameless(std::vector<Op> ops) {
  for (Op& op : ops) {
    if (op.place) op.place->name.clear();
  }
  return ops;
}

double BytesPerOp(const std::vector<Op>& ops) {
  return static_cast<double>(EncodeOpColumns(ops).size()) / static_cast<double>(ops.size());
}

TEST(OpColumnsTest, AMillionCreationsWithoutNamesTakeAnEighthOfAByteEach) {
  benchmarks::Worker worker(1, 1);
  std::vector<Op> ops;
  for (int i = 0; i < 1'000'000; ++i) ops.push_back(worker.Create());
  EXPECT_LE(BytesPerOp(Nameless(std::move(ops))), 0.125);
}

// As copying a tree makes them: an inode and a name for each file, a hundred files in a directory.
TEST(OpColumnsTest, CopyingDirectoriesOfAHundredFilesWithoutNamesTakesAFifthOfAByteForEachOp) {
  std::vector<Op> ops;
  const auto add = [&](NodeId parent, bool ends_batch) {
    Op& op = ops.emplace_back();
    op.time = Timestamp::Of(ops.size(), 1);
    op.child = op.time.node();
    op.place = Place{parent, ""};
    op.ends_batch = ends_batch;
    return op.child;
  };
  for (int directory = 0; directory < 1000; ++directory) {
    const NodeId made = add(kRoot, true);
    for (int file = 0; file < 100; ++file) {
      add(kFileInodes, false);
      add(made, true);
    }
  }
  EXPECT_LE(BytesPerOp(ops), 0.2);
}

TEST(OpColumnsTest, AMillionMixedOpsWithoutNamesTakeThreeBytesEach) {
  benchmarks::Worker worker(1, 1);
  std::vector<Op> ops;
  for (int i = 0; i < 1'000'000; ++i) ops.push_back(worker.Next());
  EXPECT_LE(BytesPerOp(Nameless(std::move(ops))), 3.0);
}

TEST(OpColumnsTest, MixedOpsTakeNoMoreThanInFrames) {
  for (const std::size_t size : {1u, 10u, 1000u}) {
    benchmarks::Worker worker(1, 1);
    std::vector<Op> ops;
    for (std::size_t i = 0; i < size; ++i) ops.push_back(worker.Next());
    constexpr std::size_t kHeaderBytes = 16;
    EXPECT_LE(EncodeOpColumns(ops).size(), EncodeOps(ops).size() + kHeaderBytes) << size;
  }
}

TEST(OpColumnsTest, EveryTruncationIsRefusedAtItsOffset) {
  std::vector<Op> ops = ExampleOps();
  ops.push_back(crdt_test::ExtremeOp());
  const std::string whole = EncodeOpColumns(ops);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto decoded = DecodeOpColumns(whole.substr(0, size));
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_THAT(std::string(decoded.status().message()), StartsWith("offset ")) << size;
  }
}

TEST(OpColumnsTest, WhateverBitIsFlippedTheBytesAreRefusedAtAnOffsetOrMeanOtherOps) {
  std::vector<Op> ops = ExampleOps();
  ops.push_back(crdt_test::ExtremeOp());
  benchmarks::Worker worker(1, 1);
  for (int i = 0; i < 200; ++i) ops.push_back(worker.Next());
  const std::string whole = EncodeOpColumns(ops);
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto decoded = DecodeOpColumns(flipped);
    if (decoded.ok()) {
      EXPECT_NE(*decoded, ops) << bit;
      continue;
    }
    ++refused;
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << bit;
    EXPECT_THAT(std::string(decoded.status().message()), StartsWith("offset ")) << bit;
  }
  EXPECT_GT(refused, std::size_t{0});
}

}  // namespace
}  // namespace copse::crdt
