#include <copse/crdt/ids.h>
#include <copse/crdt/op_codec.h>
#include <copse/crdt/timestamp.h>
#include <copse/crdt/version_vector.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace copse::crdt {
namespace {

using ::testing::HasSubstr;

TEST(TimestampTest, OrdersByCounterThenByActor) {
  EXPECT_LT(Timestamp::Of(1, 9), Timestamp::Of(2, 1));
  EXPECT_LT(Timestamp::Of(2, 1), Timestamp::Of(2, 2));
  EXPECT_EQ(Timestamp::Of(kCounterMax, 0xffff).counter(), kCounterMax);
  EXPECT_EQ(Timestamp::Of(kCounterMax, 0xffff).actor(), 0xffff);
}

TEST(TimestampTest, NamesTheNodeThatItsOpMakes) {
  EXPECT_EQ(Timestamp::Of(7, 3).node(), NodeId::Of(3, 7));
  EXPECT_EQ(NodeId::Of(1, 1).value, 281474976710657u);
}

TEST(LamportClockTest, TicksPastWhatItHasObserved) {
  LamportClock clock(2);
  EXPECT_EQ(clock.Tick(), Timestamp::Of(1, 2));
  clock.Observe(Timestamp::Of(5, 1));
  clock.Observe(Timestamp::Of(3, 1));
  EXPECT_EQ(clock.Peek(1), Timestamp::Of(7, 2));
  EXPECT_EQ(clock.Tick(), Timestamp::Of(6, 2));
}

TEST(VersionVectorTest, MergesToTheHigherCountOfEach) {
  VersionVector a;
  a.Raise(1, 5);
  a.Raise(1, 3);
  VersionVector b;
  b.Raise(2, 4);
  EXPECT_FALSE(a.Covers(b));
  a.Merge(b);
  EXPECT_TRUE(a.Covers(b));
  EXPECT_FALSE(b.Covers(a));
  EXPECT_EQ(a[1], 5u);
  EXPECT_EQ(a[3], 0u);
  EXPECT_EQ(a.Total(), 9u);
}

TEST(VersionVectorTest, AnActorWithoutOpsIsLikeOneNeverHeardOf) {
  VersionVector vector;
  vector.Raise(1, 0);
  EXPECT_EQ(vector, VersionVector());
}

Op Deletion() {
  Op op;
  op.time = Timestamp::Of(5, 1);
  op.child = NodeId::Of(1, 1);
  op.place = Place{kTrash, "n"};
  op.guard = Timestamp::Of(4, 9);
  return op;
}

std::string WhyInvalid(const Op& op) {
  const absl::Status status = ValidateOp(op);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

Field Replacing(std::uint32_t number, std::vector<Timestamp> replaces) {
  return Field{FieldId{number, ""}, "v", std::move(replaces)};
}

TEST(ValidateOpTest, AcceptsAGuardedDeletionWithFields) {
  Op op = Deletion();
  op.fields = {Replacing(1, {Timestamp::Of(1, 1), Timestamp::Of(4, 9)}), Field{FieldId{2, ""}, {}, {}},
               Field{FieldId{2, "k"}, "v", {}}};
  EXPECT_TRUE(ValidateOp(op).ok());
}

TEST(ValidateOpTest, RefusesAPlaceForAWellKnownNodeButNotItsFields) {
  for (const NodeId node : {kForest, kRoot, kFileInodes, kTrash}) {
    Op op = Deletion();
    op.child = node;
    EXPECT_THAT(WhyInvalid(op), HasSubstr("well-known"));
    op.place.reset();
    op.guard.reset();
    EXPECT_TRUE(ValidateOp(op).ok());
  }
}

TEST(ValidateOpTest, RefusesAGuardOnAnythingButAMoveToTrash) {
  Op op = Deletion();
  op.place->parent = kRoot;
  EXPECT_THAT(WhyInvalid(op), HasSubstr("only a move to trash"));
  op.place.reset();
  EXPECT_THAT(WhyInvalid(op), HasSubstr("only a move to trash"));
}

TEST(ValidateOpTest, RefusesAGuardThatIsNotOlderThanItsOp) {
  Op op = Deletion();
  op.guard = op.time;
  EXPECT_THAT(WhyInvalid(op), HasSubstr("older"));
  op.guard = Timestamp::Of(5, 2);
  EXPECT_THAT(WhyInvalid(op), HasSubstr("older"));
  op.guard = Timestamp{};
  EXPECT_TRUE(ValidateOp(op).ok());
}

TEST(ValidateOpTest, RefusesFieldsAndReplacedTimesOutOfOrderOrTwice) {
  Op op = Deletion();
  op.fields = {Replacing(2, {}), Replacing(1, {})};
  EXPECT_THAT(WhyInvalid(op), HasSubstr("fields"));
  op.fields = {Replacing(1, {}), Replacing(1, {})};
  EXPECT_THAT(WhyInvalid(op), HasSubstr("fields"));
  op.fields = {Replacing(1, {Timestamp::Of(2, 1), Timestamp::Of(2, 1)})};
  EXPECT_THAT(WhyInvalid(op), HasSubstr("replaced"));
  op.fields = {Replacing(1, {op.time})};
  EXPECT_THAT(WhyInvalid(op), HasSubstr("replaced"));
}

TEST(ValidateOpTest, RefusesTimesOfNobodyAndOfNever) {
  Op op = Deletion();
  op.guard.reset();
  op.time = Timestamp::Of(5, 0);
  EXPECT_THAT(WhyInvalid(op), HasSubstr("actor"));
  op.time = Timestamp::Of(0, 1);
  EXPECT_THAT(WhyInvalid(op), HasSubstr("time"));
}

}  // namespace
}  // namespace copse::crdt
