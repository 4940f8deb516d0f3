// Every history of a few moves of four nodes by three actors, in every order of arrival and every split into batches,
// against the oracle after every batch. COPSE_OPS says how many moves (`./dev soak tree` asks for four).
//
// Of histories that differ only in which node is which, one is run: the first node that it names is the first node, and
// so on. Nothing but the order of events depends on the order of ids.

#include <copse/crdt/tree.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "oracle.h"
#include "seeded_histories.h"
#include "world_of_tree.h"

namespace copse::crdt_test {
namespace {

using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;
using crdt::Tree;

constexpr std::size_t kNodes = 4;

NodeId Node(std::size_t index) { return NodeId::Of(1, 100 + index); }

// Ascending, of three actors in turn.
Timestamp TimeOf(std::size_t index) { return Timestamp::Of(1 + index / 3, static_cast<crdt::ActorId>(1 + index % 3)); }

Op MoveOf(std::size_t index, NodeId child, NodeId parent) {
  Op op;
  op.time = TimeOf(index);
  op.child = child;
  op.place = crdt::Place{parent, std::string(1, static_cast<char>('a' + index))};
  return op;
}

/// Calls `check` for every history of `size` moves that begins with `history`, which names the first `named` nodes.
template <typename Check>
void ForEachHistory(std::size_t size, std::size_t named, std::vector<Op>& history, const Check& check) {
  if (history.size() == size) {
    check(history);
    return;
  }
  const std::size_t index = history.size();
  const auto go_on = [&](Op op, std::size_t now_named) {
    history.push_back(std::move(op));
    ForEachHistory(size, now_named, history, check);
    history.pop_back();
  };
  for (std::size_t child = 0; child < std::min(named + 1, kNodes); ++child) {
    const std::size_t with_child = std::max(named, child + 1);
    go_on(MoveOf(index, Node(child), crdt::kRoot), with_child);
    go_on(MoveOf(index, Node(child), crdt::kTrash), with_child);
    for (std::size_t guard = 0; guard <= index; ++guard) {
      Op deletion = MoveOf(index, Node(child), crdt::kTrash);
      deletion.guard = guard == 0 ? Timestamp{} : TimeOf(guard - 1);
      go_on(std::move(deletion), with_child);
    }
    for (std::size_t parent = 0; parent < std::min(with_child + 1, kNodes); ++parent) {
      go_on(MoveOf(index, Node(child), Node(parent)), std::max(with_child, parent + 1));
    }
  }
}

/// What the oracle makes of each subset of `history`, by the bits of the ops in it.
std::vector<World> WorldsOf(const std::vector<Op>& history) {
  std::vector<World> worlds;
  for (std::size_t known = 0; known < std::size_t{1} << history.size(); ++known) {
    Oracle oracle;
    for (std::size_t i = 0; i < history.size(); ++i) {
      if (((known >> i) & 1) != 0) oracle.Learn(std::span(&history[i], 1));
    }
    worlds.push_back(oracle.Fold());
  }
  return worlds;
}

/// Delivers `history` in `order`, cut after the deliveries whose bits are in `cuts`.
void Deliver(const std::vector<Op>& history, const std::vector<std::size_t>& order, std::size_t cuts,
             const std::vector<World>& worlds, const Names& names, const Tree::LateMoves& way) {
  Tree tree(way);
  ShadowTree shadow;
  std::vector<Op> batch;
  std::size_t known = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    batch.push_back(history[order[i]]);
    known |= std::size_t{1} << order[i];
    if (i + 1 < order.size() && ((cuts >> i) & 1) == 0) continue;
    const auto events = tree.Apply(batch);
    batch.clear();
    const World shown = WorldOf(tree, names);
    if (!(shown == worlds[known])) {
      ASSERT_EQ(Describe(shown), Describe(worlds[known]));
    }
    shadow.Follow(events, tree);
    shadow.ExpectEquals(shown);
  }
}

TEST(TreeExhaustively, EveryHistoryOfAFewMovesConvergesInEveryOrderAndEverySplit) {
  const char* setting = std::getenv("COPSE_OPS");
  const std::size_t size_max = setting == nullptr ? 3 : std::strtoull(setting, nullptr, 10);
  std::size_t histories = 0;
  for (std::size_t size = 1; size <= size_max; ++size) {
    std::vector<Op> begin;
    ForEachHistory(size, 0, begin, [&](const std::vector<Op>& history) {
      if (testing::Test::HasFailure()) return;
      ++histories;
      const Names names(history);
      const std::vector<World> worlds = WorldsOf(history);
      std::vector<std::size_t> order(size);
      std::iota(order.begin(), order.end(), std::size_t{0});
      do {
        for (std::size_t cuts = 0; cuts < std::size_t{1} << (size - 1); ++cuts) {
          for (std::size_t way = 0; way < 3; ++way) Deliver(history, order, cuts, worlds, names, kWays[way]);
        }
      } while (std::next_permutation(order.begin(), order.end()));
    });
  }
  RecordProperty("histories", static_cast<int>(histories));
  std::printf("%zu histories\n", histories);
}

}  // namespace
}  // namespace copse::crdt_test
