// What bytes from outside may claim, against both codecs and TreeReplica: refused with the place where it is wrong,
// before anything has changed, and with no more memory than in proportion to what came.

#include <copse/crdt/bytes.h>
#include <copse/crdt/journal.h>
#include <copse/crdt/op_codec.h>
#include <copse/crdt/op_columns.h>
#include <copse/crdt/tree_replica.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <support/allocated_bytes.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../benchmarks/tree_workloads.h"
#include "op_examples.h"

namespace copse::crdt {
namespace {

using crdt_test::FromHex;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::Test;

constexpr std::uint64_t kFixedBytes = 4096;        // A status and its words.
constexpr std::uint64_t kBytesPerByteOfRun = 400;  // An op is 112 bytes, a field 112; vectors double.
constexpr std::uint64_t kBytesPerByteOfColumns = 1600;
constexpr std::uint64_t kBytesPerOpOfColumns = 250;

template <typename Decode>
auto DecodeWithin(std::uint64_t bytes_max, Decode decode) {
  const std::uint64_t before = test_support::AllocatedBytes();
  auto decoded = decode();
  EXPECT_LE(test_support::AllocatedBytes() - before, bytes_max);
  return decoded;
}

absl::StatusOr<std::vector<Op>> ReadRun(std::string_view bytes) {
  return DecodeWithin(kFixedBytes + kBytesPerByteOfRun * bytes.size(), [&] { return DecodeOps(bytes); });
}

absl::StatusOr<std::vector<Op>> ReadColumns(std::string_view bytes) {
  return DecodeWithin(kFixedBytes + kBytesPerByteOfColumns * bytes.size(), [&] { return DecodeOpColumns(bytes); });
}

void ExpectRefusedAtAnOffset(const absl::StatusOr<std::vector<Op>>& decoded, const std::string& why) {
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << why;
  EXPECT_THAT(std::string(decoded.status().message()), StartsWith("offset ")) << why;
  EXPECT_THAT(std::string(decoded.status().message()), HasSubstr(why));
}

std::string VarintBytes(std::uint64_t value) {
  ByteWriter bytes;
  bytes.Varint(value);
  return std::move(bytes).Take();
}

/// Columns of these sizes with nothing in them but `content`.
std::string ColumnsClaiming(std::uint64_t count, const std::vector<std::uint64_t>& sizes, std::string_view content) {
  std::string bytes = FromHex("63 70 6f 63 01 00") + VarintBytes(count);
  for (const std::uint64_t size : sizes) bytes += VarintBytes(size);
  return bytes + std::string(content);
}

const std::vector<std::uint64_t> kHugeNumbers = {1000, 0xffffffff, std::uint64_t{1} << 32, std::uint64_t{1} << 62,
                                                 ~std::uint64_t{0}};

TEST(HostileOps, TruncatedAnywhereARunIsRefusedAtAnOffset) {
  std::vector<Op> ops = crdt_test::ExampleOps();
  const std::string whole = EncodeOps(ops);
  for (std::size_t size = 0; size < whole.size(); ++size) ExpectRefusedAtAnOffset(ReadRun(whole.substr(0, size)), "");
}

TEST(HostileOps, WithAnyBitFlippedARunIsRefusedAtAnOffsetOrIsAnotherRun) {
  const std::vector<Op> ops = crdt_test::ExampleOps();
  const std::string whole = EncodeOps(ops);
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto decoded = ReadRun(flipped);
    if (decoded.ok()) {
      EXPECT_NE(*decoded, ops) << bit;
    } else {
      ExpectRefusedAtAnOffset(decoded, "");
    }
  }
}

TEST(HostileOps, CountsBeyondTheBytesAreRefusedBeforeAnythingIsAllocated) {
  for (const std::uint64_t huge : kHugeNumbers) {
    ExpectRefusedAtAnOffset(ReadRun(VarintBytes(huge) + FromHex("02 31")), "ops, there are 2 bytes");
    ExpectRefusedAtAnOffset(ReadRun(FromHex("01 02 39") + VarintBytes(huge)), "fields, there are 0 bytes");
    ExpectRefusedAtAnOffset(ReadRun(FromHex("01 02 39 01 0a") + VarintBytes(huge)),
                            "replaced times, there are 0 bytes");
    ExpectRefusedAtAnOffset(ReadColumns(ColumnsClaiming(huge, {0, 0, 0, 0, 0, 0}, "")), "at most 8 ops for each of");
  }
}

TEST(HostileOps, LengthsOfFourGibibytesAndMoreAreRefused) {
  for (const std::uint64_t huge : kHugeNumbers) {
    ExpectRefusedAtAnOffset(ReadRun(FromHex("01 02 33 01") + VarintBytes(huge) + "name"), "bytes, there are 4");
    ExpectRefusedAtAnOffset(ReadRun(FromHex("01 02 39 01 0c") + VarintBytes(huge) + "key"), "bytes, there are 3");
    ExpectRefusedAtAnOffset(ReadRun(FromHex("01 02 39 01 09") + VarintBytes(huge) + "value"), "bytes, there are 5");
    for (std::size_t column = 0; column < 6; ++column) {
      std::vector<std::uint64_t> sizes(6);
      sizes[column] = huge;
      ExpectRefusedAtAnOffset(ReadColumns(ColumnsClaiming(1, sizes, "name")), "columns");
    }
  }
}

TEST(HostileOps, NamesLongerThanTheirColumnAreRefused) {
  // One op with the shape "made, in root" of actor 1 at counter 1: 1, 1, eleven bits of 0x083.
  const std::string shape = FromHex("0f 02");
  for (const std::uint64_t huge : {std::uint64_t{5}, std::uint64_t{1} << 32, (std::uint64_t{1} << 63) - 1}) {
    const std::string length = VarintBytes(huge * 2);
    const std::string bytes =
        ColumnsClaiming(1, {2, 0, 2, length.size(), 0, 4}, shape + FromHex("00 01") + length + "name");
    ExpectRefusedAtAnOffset(ReadColumns(bytes), "a name of " + std::to_string(huge) + " bytes, there are 4");
  }
  const std::string good = ColumnsClaiming(1, {2, 0, 2, 1, 0, 4}, shape + FromHex("00 01 08") + "name");
  ASSERT_TRUE(ReadColumns(good).ok()) << ReadColumns(good).status();
  EXPECT_EQ(ReadColumns(good)->front().place->name, "name");
}

TEST(HostileOps, AByteThatClaimsAMillionOpsIsRefused) {
  std::vector<Op> ops;
  for (std::uint64_t i = 1; i <= 100'000; ++i) {
    Op& op = ops.emplace_back();
    op.time = Timestamp::Of(i, 1);
    op.child = op.time.node();
    op.place = Place{kRoot, ""};
  }
  const std::string whole = EncodeOpColumns(ops);
  EXPECT_EQ(*ReadColumns(whole), ops);
  // Cut where the padding begins, these bytes would still say everything.
  const std::size_t end = whole.find_last_not_of('\0') + 1;
  ASSERT_LT(end, std::size_t{100});
  ExpectRefusedAtAnOffset(ReadColumns(whole.substr(0, end)), "at most 8 ops for each of");
  ExpectRefusedAtAnOffset(ReadColumns(whole.substr(0, whole.size() - 1)), "at most 8 ops for each of");
  ExpectRefusedAtAnOffset(ReadColumns(whole + '\0'), "a byte for each 8 ops");
  std::string other = whole;
  other.back() = 1;
  ExpectRefusedAtAnOffset(ReadColumns(other), "a zero");
}

TEST(HostileOps, MoreOpsThanTheCallerIsReadyForAreRefusedBeforeAnythingIsAllocated) {
  const std::string bytes = EncodeOpColumns(crdt_test::ExampleOps());
  EXPECT_TRUE(DecodeOpColumns(bytes, 4).ok());
  const auto decoded = DecodeWithin(kFixedBytes, [&] { return DecodeOpColumns(bytes, 3); });
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(decoded.status().message()), StartsWith("offset 7: expected at most 3 ops"));
}

// The bounds of memory hold for what costs most for its bytes, not only for what is refused.
TEST(HostileOps, TheDensestBytesTakeNoMoreMemoryThanTheHeadersPromise) {
  constexpr std::size_t kOps = 100'000;
  const auto run = ReadRun(VarintBytes(kOps) + FromHex("02") + std::string(kOps, '\x31'));
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->size(), kOps);
  const auto fields = ReadRun(FromHex("01 02 39") + VarintBytes(kOps) + std::string(kOps, '\x08'));
  ASSERT_TRUE(fields.ok()) << fields.status();
  EXPECT_EQ(fields->front().fields.size(), kOps);
  const std::string columns = EncodeOpColumns(*run);
  EXPECT_EQ(columns.size(), kOps / 8);
  EXPECT_TRUE(ReadColumns(columns).ok());
  EXPECT_TRUE(
      DecodeWithin(kFixedBytes + kBytesPerOpOfColumns * kOps, [&] { return DecodeOpColumns(columns, kOps); }).ok());
}

TEST(HostileOps, RandomBytesBehindARightHeaderNeverTakeMoreThanTheyMay) {
  for (std::uint64_t seed = 1; seed <= 20'000 && !Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    std::vector<std::uint64_t> sizes;
    std::string content;
    for (int column = 0; column < 6; ++column) {
      sizes.push_back(random() % 24);
      for (std::uint64_t i = 0; i < sizes.back(); ++i) content.push_back(static_cast<char>(random() >> (random() % 8)));
    }
    const auto columns = ReadColumns(ColumnsClaiming(1 + random() % 40, sizes, content));
    if (!columns.ok()) ExpectRefusedAtAnOffset(columns, "");
    const auto run = ReadRun(VarintBytes(random() % 20) + FromHex("02") + content);
    if (!run.ok()) ExpectRefusedAtAnOffset(run, "");
  }
}

class HostileRun : public Test {
 protected:
  HostileRun() {
    EXPECT_TRUE(replica_.Submit({{replica_.NodeOfNextOp(0), Place{kRoot, "here"}, std::nullopt, {}}}).ok());
  }

  static Op Create(std::uint64_t counter) {
    Op op;
    op.time = Timestamp::Of(counter, 2);
    op.child = op.time.node();
    op.place = Place{kRoot, "there"};
    return op;
  }

  void ExpectRefused(const std::vector<Op>& run, const std::string& why) {
    const VersionVector version = replica_.version();
    const std::uint64_t clock = replica_.lamport_counter();
    const std::vector<NodeId> nodes = replica_.tree().Nodes();
    const std::size_t log = replica_.tree().LogSize();
    const std::uint64_t before = test_support::AllocatedBytes();
    const auto ingested = replica_.Ingest(2, 0, run);
    EXPECT_LE(test_support::AllocatedBytes() - before, kFixedBytes);
    EXPECT_EQ(ingested.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(ingested.status().message()), HasSubstr(why));
    EXPECT_EQ(replica_.version(), version);
    EXPECT_EQ(replica_.lamport_counter(), clock);
    EXPECT_EQ(replica_.tree().Nodes(), nodes);
    EXPECT_EQ(replica_.tree().LogSize(), log);
  }

  NullJournal journal_;
  TreeReplica replica_{1, journal_};
};

TEST_F(HostileRun, ATimeFarInTheFutureIsRefusedByTheNumberOfItsOpAndNothingChanges) {
  ExpectRefused({Create(kCounterMax)}, "op number 0,");
  ExpectRefused({Create(1), Create(2), Create(1'000'000)}, "op number 2,");
  ExpectRefused({Create(1), Create(2), Create(1'000'000)}, "ahead of any honest clock");
}

TEST_F(HostileRun, TimesThatDoNotAscendOrAreAnothersAreRefusedByTheNumberOfTheirOp) {
  ExpectRefused({Create(2), Create(1)}, "op number 1,");
  ExpectRefused({Create(1), Create(1)}, "times must ascend");
  Op other = Create(2);
  other.time = Timestamp::Of(2, 3);
  ExpectRefused({Create(1), other}, "op number 1,");
}

TEST_F(HostileRun, ABatchWithoutItsEndIsRefusedByTheNumberOfItsLastOp) {
  std::vector<Op> run = {Create(1), Create(2)};
  run.back().ends_batch = false;
  ExpectRefused(run, "op number 1,");
}

// Ids need not be dense, and a peer may name any: what it costs is the op, not the counter.
TEST_F(HostileRun, HugeSparseIdsCostNoMoreThanTheirOps) {
  constexpr std::size_t kOps = 4000;
  std::mt19937_64 random(1);
  std::vector<Op> run;
  for (std::uint64_t counter = 1; counter <= kOps; ++counter) {
    Op op = Create(counter);
    op.child = NodeId{random() | 8};
    op.place->parent = NodeId{random() | 8};
    run.push_back(std::move(op));
  }
  const std::uint64_t before = test_support::AllocatedBytes();
  const auto ingested = replica_.Ingest(2, 0, run);
  ASSERT_TRUE(ingested.ok()) << ingested.status();
  constexpr std::uint64_t kBytesPerOp = 4096;
  EXPECT_LE(test_support::AllocatedBytes() - before, kBytesPerOp * kOps);
  EXPECT_EQ(ingested->size(), kOps);
}

TEST_F(HostileRun, NamesOfAnyBytesAreTheApplicationsConcernAndTheirBatchIsInertWhereItRefusesThem) {
  const auto without_slash = [](const Op& op) {
    return op.place && op.place->name.find('/') != std::string::npos ? absl::InvalidArgumentError("slash")
                                                                     : absl::OkStatus();
  };
  TreeReplica careful(3, journal_, without_slash);
  Op slash = Create(1);
  slash.place->name = "a/b";
  slash.ends_batch = false;
  const std::vector<Op> run = {slash, Create(2), Create(3)};
  const auto ingested = careful.Ingest(2, 0, run);
  ASSERT_TRUE(ingested.ok()) << ingested.status();
  EXPECT_EQ(careful.version()[2], 3u);
  EXPECT_FALSE(careful.tree().PlacementOf(slash.child));
  EXPECT_FALSE(careful.tree().PlacementOf(NodeId::Of(2, 2)));
  EXPECT_TRUE(careful.tree().PlacementOf(NodeId::Of(2, 3)));
  ASSERT_TRUE(replica_.Ingest(2, 0, run).ok());
  EXPECT_EQ(replica_.tree().PlacementOf(slash.child)->name, "a/b");
}

}  // namespace
}  // namespace copse::crdt
