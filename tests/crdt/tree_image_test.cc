// A replica that comes back from its image cannot be told from one that took in the ops.

#include <copse/crdt/tree_replica.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <support/histories.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "oracle.h"
#include "tree_ops.h"
#include "world_of_tree.h"

namespace copse::crdt_test {
namespace {

using crdt::ActorId;
using crdt::ImageBuffer;
using crdt::Op;
using crdt::Timestamp;
using crdt::TreeReplica;
using test_support::Batch;

constexpr ActorId kReader = 99;

ImageBuffer BufferOf(const std::string& bytes) {
  ImageBuffer buffer(bytes.size());
  std::memcpy(buffer.data(), bytes.data(), bytes.size());
  return buffer;
}

crdt::NullJournal& Journal() {
  static crdt::NullJournal journal;
  return journal;
}

std::unique_ptr<TreeReplica> NewReplica() { return std::make_unique<TreeReplica>(kReader, Journal()); }

std::unique_ptr<TreeReplica> Again(const TreeReplica& replica) {
  auto again = NewReplica();
  EXPECT_EQ(again->Load(BufferOf(replica.Save())), absl::OkStatus());
  return again;
}

RC_GTEST_PROP(TreeImageProperty, SavedAndLoadedAtAnyPointItGoesOnAsIfNothingHadHappened, ()) {
  const std::vector<Batch> history = *test_support::Histories();
  const auto saves = *rc::gen::container<std::vector<bool>>(history.size(), rc::gen::arbitrary<bool>());
  const auto truncated = *rc::gen::inRange<std::size_t>(0, 2 * history.size());
  const Names names(test_support::Flattened(history));
  auto replica = NewReplica();
  const auto unsaved = NewReplica();
  std::map<ActorId, std::uint64_t> counts;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const ActorId actor = history[i].front().time.actor();
    const auto events = replica->Ingest(actor, counts[actor], history[i]);
    const auto unsaved_events = unsaved->Ingest(actor, counts[actor], history[i]);
    counts[actor] += history[i].size();
    RC_ASSERT(events.status() == unsaved_events.status());
    if (events.ok()) RC_ASSERT(*events == *unsaved_events);
    if (i == truncated) {
      // Nothing earlier than what the next batch brings may be forgotten: here, as much as all have.
      Timestamp stable = history[i].back().time;
      for (std::size_t later = i + 1; later < history.size(); ++later) {
        stable = std::min(stable, Timestamp{history[later].front().time.value - 1});
      }
      replica->mutable_tree().Truncate(stable);
      unsaved->mutable_tree().Truncate(stable);
    }
    if (!saves[i]) continue;
    replica = Again(*replica);
    RC_ASSERT(replica->version() == unsaved->version());
    RC_ASSERT(replica->lamport_counter() == unsaved->lamport_counter());
    RC_ASSERT(replica->tree().LogSize() == unsaved->tree().LogSize());
    RC_ASSERT(replica->tree().StructuralSize() == unsaved->tree().StructuralSize());
    RC_ASSERT(replica->tree().Horizon() == unsaved->tree().Horizon());
    RC_ASSERT(Describe(WorldOf(replica->tree(), names)) == Describe(WorldOf(unsaved->tree(), names)));
  }
  RC_ASSERT(Describe(WorldOf(replica->tree(), names)) == Describe(WorldOf(unsaved->tree(), names)));
  RC_ASSERT(replica->Save() == Again(*replica)->Save());
}

/// Long values, awaited replacements, guards, structural moves, and more nodes than one block of memory has.
std::vector<Op> Sample() {
  std::vector<Op> ops;
  std::uint64_t counter = 0;
  const auto next = [&] { return Timestamp::Of(++counter, 7); };
  for (int i = 0; i < 700; ++i) {
    const Timestamp time = next();
    Op op = Move(time, time.node(), i % 9 == 0 ? crdt::kRoot : Timestamp::Of(time.counter() - 1, 7).node());
    op.place->name = std::string(static_cast<std::size_t>(i) % 300, 'n');
    op.fields.push_back({{5, ""}, std::string(static_cast<std::size_t>(i) % 400, 'v'), std::nullopt});
    ops.push_back(op);
  }
  Op multi = Write(next(), ops[3].child, "x");
  multi.fields = {{{6, "key"}, std::string(500, 'm'), std::vector<Timestamp>{ops[5].time}}};
  ops.push_back(multi);
  Op deletion = Move(next(), ops[8].child, crdt::kTrash);
  deletion.guard = ops[8].time;
  ops.push_back(deletion);
  ops.push_back(Move(next(), ops[0].child, ops[20].child));
  ops.push_back(Move(next(), ops[20].child, ops[0].child));
  for (Op& op : ops) op.ends_batch = true;
  return ops;
}

TEST(TreeImageTest, ValuesOfEveryLengthAndWhatAwaitsItsReplacementComeBack) {
  const std::vector<Op> ops = Sample();
  const Names names(ops);
  auto replica = NewReplica();
  ASSERT_TRUE(replica->Ingest(7, 0, ops).ok());
  const auto again = Again(*replica);
  EXPECT_EQ(Describe(WorldOf(again->tree(), names)), Describe(WorldOf(replica->tree(), names)));
  // Rows of the image can be written to.
  Op late = Write(Timestamp::Of(1000, 7), ops[3].child, "y");
  late.fields = {{{5, ""}, std::string(1000, 'w'), std::nullopt}, {{6, "key"}, "z", std::vector<Timestamp>{}}};
  for (TreeReplica* one : {again.get(), replica.get()}) {
    ASSERT_FALSE(one->Ingest(7, ops.size(), std::span(&late, 1)).ok());  // Ahead of any honest clock.
    late.time = Timestamp::Of(705, 7);
    ASSERT_TRUE(one->Ingest(7, ops.size(), std::span(&late, 1)).ok());
    late.time = Timestamp::Of(1000, 7);
  }
  EXPECT_EQ(Describe(WorldOf(again->tree(), names)), Describe(WorldOf(replica->tree(), names)));
}

TEST(TreeImageTest, AnImageOfAnotherActorOrFormatIsRefused) {
  TreeReplica other(98, Journal());
  EXPECT_EQ(NewReplica()->Load(BufferOf(other.Save())).code(), absl::StatusCode::kFailedPrecondition);
  std::string newer = NewReplica()->Save();
  ++newer[8];
  EXPECT_EQ(NewReplica()->Load(BufferOf(newer)).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(TreeImageTest, AnImageThatIsCutOffAnywhereIsRefusedAndTheReplicaStaysEmpty) {
  auto replica = NewReplica();
  const std::vector<Op> ops = Sample();
  ASSERT_TRUE(replica->Ingest(7, 0, std::span(ops).first(40)).ok());
  const std::string image = replica->Save();
  for (std::size_t size = 0; size < image.size(); size += 4) {
    const auto again = NewReplica();
    ASSERT_FALSE(again->Load(BufferOf(image.substr(0, size))).ok()) << size;
    ASSERT_EQ(again->tree().Nodes().size(), 4u);
  }
}

/// Asks for everything; what is said may be wrong.
void ReadAll(const crdt::Tree& tree, const Names& names) {
  for (const crdt::NodeId node : names.nodes) {
    tree.PlacementOf(node);
    tree.PlacementBeforeTrash(node);
    tree.ChildrenOf(node);
    tree.IsAncestor(crdt::kRoot, node);
    for (const std::uint32_t number : {5u, 6u}) tree.FieldsOf(node, number);
  }
  for (const auto& [node, field] : names.registers) {
    tree.Value(node, field.number, field.key);
    tree.Versions(node, field.number, field.key);
  }
}

TEST(TreeImageTest, WithAnyBitFlippedItIsRefusedOrCanBeRead) {
  std::vector<Op> ops = Sample();
  ops.erase(ops.begin() + 24, ops.begin() + 700);
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (ops[i].time.counter() > i + 1) ops[i].time = Timestamp::Of(i + 1, 7);
  }
  const Names names(ops);
  auto replica = NewReplica();
  ASSERT_TRUE(replica->Ingest(7, 0, ops).ok());
  const std::string image = replica->Save();
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < image.size() * 8; bit += 1 + bit % 29) {
    std::string damaged = image;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto again = NewReplica();
    if (!again->Load(BufferOf(damaged)).ok()) {
      ++refused;
      continue;
    }
    ReadAll(again->tree(), names);
  }
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace copse::crdt_test
