#include <copse/crdt/tree_replica.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace copse::crdt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsNull;

/// Remembers what it was given, and fails on request.
class RecordingJournal final : public Journal {
 public:
  absl::Status Append(std::span<const Op> batch) override {
    if (!status.ok()) return status;
    ops.insert(ops.end(), batch.begin(), batch.end());
    return absl::OkStatus();
  }
  absl::Status Sync() override { return status; }

  absl::Status status;
  std::vector<Op> ops;
};

TreeReplica::Draft Create(NodeId child, NodeId parent, std::string name = "n") {
  return {child, Place{parent, std::move(name)}, std::nullopt, {}};
}

Op Made(std::uint64_t counter, ActorId actor, bool ends_batch = true) {
  Op op;
  op.time = Timestamp::Of(counter, actor);
  op.child = op.time.node();
  op.place = Place{kRoot, "n" + std::to_string(counter)};
  op.ends_batch = ends_batch;
  return op;
}

struct Replica {
  explicit Replica(ActorId actor, TreeReplica::Validator validator = nullptr)
      : tree(actor, journal, std::move(validator)) {}

  RecordingJournal journal;
  TreeReplica tree;
};

absl::Status NoEvilNames(const Op& op) {
  if (op.place && op.place->name == "evil") return absl::InvalidArgumentError("evil name");
  return absl::OkStatus();
}

TEST(TreeReplicaTest, ABatchGetsConsecutiveTimesAndOneEndMark) {
  Replica replica(3);
  const NodeId directory = replica.tree.NodeOfNextOp(0);
  const NodeId file = replica.tree.NodeOfNextOp(1);
  const auto submitted = replica.tree.Submit({Create(directory, kRoot), Create(file, directory)});
  ASSERT_TRUE(submitted.ok());
  ASSERT_EQ(submitted->ops.size(), 2u);
  EXPECT_EQ(submitted->ops[0].time, Timestamp::Of(1, 3));
  EXPECT_EQ(submitted->ops[1].time, Timestamp::Of(2, 3));
  EXPECT_FALSE(submitted->ops[0].ends_batch);
  EXPECT_TRUE(submitted->ops[1].ends_batch);
  EXPECT_EQ(submitted->events.size(), 2u);
  EXPECT_EQ(replica.journal.ops, submitted->ops);
  EXPECT_EQ(replica.tree.version()[3], 2u);
  EXPECT_EQ(replica.tree.lamport_counter(), 2u);
  EXPECT_TRUE(replica.tree.tree().IsAncestor(directory, file));
}

TEST(TreeReplicaTest, NothingToSubmitIsNothingDone) {
  Replica replica(3);
  EXPECT_TRUE(replica.tree.Submit({})->ops.empty());
  EXPECT_EQ(replica.tree.lamport_counter(), 0u);
}

TEST(TreeReplicaTest, AFailedJournalChangesNothing) {
  Replica replica(3);
  replica.journal.status = absl::DataLossError("disk on fire");
  const NodeId node = replica.tree.NodeOfNextOp(0);
  EXPECT_EQ(replica.tree.Submit({Create(node, kRoot)}).status(), replica.journal.status);
  EXPECT_FALSE(replica.tree.tree().PlacementOf(node));
  EXPECT_EQ(replica.tree.version(), VersionVector());
  EXPECT_EQ(replica.tree.NodeOfNextOp(0), node) << "the next batch takes the same times";
}

TEST(TreeReplicaTest, ADraftThatBreaksARuleIsRefusedBeforeTheJournal) {
  Replica replica(3, NoEvilNames);
  const NodeId node = replica.tree.NodeOfNextOp(0);
  EXPECT_EQ(replica.tree.Submit({Create(kRoot, kTrash)}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(replica.tree.Submit({Create(node, kRoot), Create(node, kRoot, "evil")}).status().message(), "evil name");
  EXPECT_THAT(replica.journal.ops, IsEmpty());
  EXPECT_EQ(replica.tree.NodeOfNextOp(0), node);
}

TEST(TreeReplicaTest, OwnOpsAreLaterThanEveryOpSeen) {
  Replica replica(1);
  ASSERT_TRUE(replica.tree.Ingest(2, 0, std::vector{Made(1, 2), Made(2, 2)}).ok());
  EXPECT_EQ(replica.tree.TimeOfNextOp(0), Timestamp::Of(3, 1));
}

TEST(TreeReplicaTest, KnownOpsAreSkipped) {
  Replica replica(1);
  const std::vector ops = {Made(1, 2), Made(2, 2), Made(3, 2)};
  ASSERT_TRUE(replica.tree.Ingest(2, 0, std::span(ops).first(2)).ok());
  EXPECT_EQ(replica.tree.Ingest(2, 0, ops)->size(), 1u);
  EXPECT_THAT(*replica.tree.Ingest(2, 0, ops), IsEmpty());
  EXPECT_THAT(*replica.tree.Ingest(2, 1, std::span(ops).last(2)), IsEmpty());
  EXPECT_EQ(replica.tree.version()[2], 3u);
}

TEST(TreeReplicaTest, AFieldWrittenOnceStaysOnceWhenItsOpComesAgain) {
  Replica replica(1);
  Op op = Made(1, 2);
  op.place.reset();
  op.fields = {Field{FieldId{1, ""}, "version", std::vector<Timestamp>{}}};
  ASSERT_TRUE(replica.tree.Ingest(2, 0, std::vector{op}).ok());
  ASSERT_TRUE(replica.tree.Ingest(2, 0, std::vector{op}).ok());
  EXPECT_EQ(replica.tree.tree().Versions(op.child, 1).size(), 1u);
}

TEST(TreeReplicaTest, AGapIsRefused) {
  Replica replica(1);
  const absl::Status status = replica.tree.Ingest(2, 1, std::vector{Made(2, 2)}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("its ops 0 to 0 must come first"));
}

TEST(TreeReplicaTest, ALamportJumpIsRefusedAndChangesNothing) {
  Replica replica(1);
  ASSERT_TRUE(replica.tree.Ingest(2, 0, std::vector{Made(1, 2)}).ok());
  const VersionVector before = replica.tree.version();
  for (const std::uint64_t jump : {std::uint64_t{3}, kCounterMax}) {
    EXPECT_EQ(replica.tree.Ingest(3, 0, std::vector{Made(jump, 3)}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(replica.tree.Ingest(3, 0, std::vector{Made(2, 3), Made(4, 3)}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(replica.tree.version(), before);
  EXPECT_EQ(replica.tree.lamport_counter(), 1u);
  EXPECT_TRUE(replica.tree.Ingest(3, 0, std::vector{Made(2, 3), Made(3, 3)}).ok()) << "as far as is honest";
}

TEST(TreeReplicaTest, ARunThatIsNotWellFormedIsRefusedWhole) {
  Replica replica(1);
  const auto code = [&](ActorId actor, const std::vector<Op>& ops) {
    return replica.tree.Ingest(actor, replica.tree.version()[actor], ops).status().code();
  };
  EXPECT_EQ(code(2, {Made(1, 2), Made(2, 3)}), absl::StatusCode::kInvalidArgument) << "of two actors";
  EXPECT_EQ(code(0, {Made(1, 0)}), absl::StatusCode::kInvalidArgument) << "of nobody";
  EXPECT_EQ(code(2, {Made(1, 2), Made(1, 2)}), absl::StatusCode::kInvalidArgument) << "of one time";
  EXPECT_EQ(code(2, {Made(1, 2), Made(2, 2, false)}), absl::StatusCode::kInvalidArgument) << "ends inside a batch";
  EXPECT_EQ(replica.tree.version(), VersionVector());
  EXPECT_EQ(code(2, {Made(1, 2), Made(2, 2)}), absl::StatusCode::kOk);
  EXPECT_EQ(code(2, {Made(2, 2)}), absl::StatusCode::kInvalidArgument) << "not later than the last known";
}

TEST(TreeReplicaTest, RunsOfSeveralActorsAreTakenAsOneOrNotAtAll) {
  const std::vector<Op> first = {Made(1, 2)};
  const std::vector<Op> answer = {Made(2, 3), Made(3, 3)};
  const std::vector<Op> last = {Made(4, 2)};
  using Run = TreeReplica::Run;
  Replica replica(1);
  EXPECT_EQ(replica.tree.Ingest(std::vector{Run{2, 0, first}, Run{3, 0, answer}, Run{2, 2, last}}).status().code(),
            absl::StatusCode::kFailedPrecondition)
      << "one is missing";
  EXPECT_EQ(replica.tree.Ingest(std::vector{Run{3, 0, answer}, Run{2, 0, first}}).status().code(),
            absl::StatusCode::kInvalidArgument)
      << "not in causal order";
  EXPECT_EQ(replica.tree.version(), VersionVector());
  EXPECT_EQ(replica.tree.lamport_counter(), 0u);
  const auto events = replica.tree.Ingest(std::vector{Run{2, 0, first}, Run{3, 0, answer}, Run{2, 1, last}});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(events->size(), 4u);
  EXPECT_EQ(replica.tree.version()[2], 2u);
  EXPECT_EQ(replica.tree.version()[3], 2u);
  EXPECT_EQ(replica.tree.TimeOfNextOp(0), Timestamp::Of(5, 1));
  EXPECT_THAT(*replica.tree.Ingest(std::vector{Run{2, 1, last}, Run{2, 0, first}}), IsEmpty()) << "known already";
}

TEST(TreeReplicaTest, ABatchWithAnInvalidOpIsCountedAndNeverApplied) {
  Op moves_root = Made(2, 2);
  moves_root.child = kRoot;
  Op evil = Made(4, 2);
  evil.place->name = "evil";
  const std::vector<Op> ops = {Made(1, 2, false), moves_root, Made(3, 2, false), evil, Made(5, 2)};
  Replica whole(1, NoEvilNames);
  ASSERT_TRUE(whole.tree.Ingest(2, 0, ops).ok());
  Replica pieces(4, NoEvilNames);
  ASSERT_TRUE(pieces.tree.Ingest(2, 0, std::span(ops).first(2)).ok());
  ASSERT_TRUE(pieces.tree.Ingest(2, 2, std::span(ops).last(3)).ok());
  for (const Replica* replica : {&whole, &pieces}) {
    EXPECT_THAT(replica->tree.tree().ChildrenOf(kRoot), ElementsAre(ops[4].child));
    EXPECT_EQ(replica->tree.version()[2], 5u);
    EXPECT_EQ(replica->tree.lamport_counter(), 5u);
  }
}

TEST(TreeReplicaTest, TheJournalReplayedGivesTheSameReplica) {
  Replica replica(1);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(replica.tree.Submit({Create(replica.tree.NodeOfNextOp(0), kRoot, std::to_string(i))}).ok());
  }
  Replica again(1);
  ASSERT_TRUE(again.tree.Ingest(1, 0, replica.journal.ops).ok());
  EXPECT_THAT(again.journal.ops, IsEmpty()) << "they are durable already";
  EXPECT_EQ(again.tree.version(), replica.tree.version());
  EXPECT_EQ(again.tree.TimeOfNextOp(0), replica.tree.TimeOfNextOp(0));
  EXPECT_EQ(again.tree.tree().ChildrenOf(kRoot), replica.tree.tree().ChildrenOf(kRoot));
}

TEST(TreeReplicaTest, TheExampleOfTheDocumentationHolds) {
  NullJournal journal;
  TreeReplica here(1, journal), there(2, journal);
  const NodeId node = here.NodeOfNextOp(0);
  auto made = here.Submit({{node, Place{kRoot, "plan"}, std::nullopt, {}}});
  auto seen = there.Ingest(1, 0, made->ops);
  EXPECT_EQ(seen->front().after->name, "plan");
  auto renamed = there.Submit({{node, Place{kRoot, "plan B"}, std::nullopt, {}}});
  auto deleted = here.Submit({{node, Place{kTrash, "plan"}, made->ops[0].time, {}}});
  auto merged = here.Ingest(2, 0, renamed->ops);
  auto there_too = there.Ingest(1, 1, deleted->ops);
  EXPECT_THAT(*there_too, IsEmpty());
  for (const TreeReplica* replica : {&here, &there}) {
    EXPECT_EQ(*replica->tree().PlacementOf(node), (Placement{kRoot, "plan B", renamed->ops[0].time}));
  }
}

}  // namespace
}  // namespace copse::crdt
