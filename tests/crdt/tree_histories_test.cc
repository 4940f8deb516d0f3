// Many thousand small random histories against the oracle, after every batch. COPSE_HISTORIES says how many
// (`./dev soak tree` asks for a million), COPSE_FIRST_SEED where to begin; a failure names its seed.

#include <copse/crdt/tree.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>

#include "oracle.h"
#include "seeded_histories.h"
#include "textbook_engine.h"
#include "world_of_tree.h"

namespace copse::crdt_test {
namespace {

using crdt::Op;
using crdt::Timestamp;
using crdt::Tree;

std::uint64_t Setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Runs `check` for the seeds of this part of the run, until one fails.
template <typename Check>
void ForEachSeed(std::uint64_t by_default, Check check) {
  const std::uint64_t first = Setting("COPSE_FIRST_SEED", 1);
  const std::uint64_t count = Setting("COPSE_HISTORIES", by_default);
  for (std::uint64_t seed = first; seed < first + count && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("COPSE_HISTORIES=1 COPSE_FIRST_SEED=" + std::to_string(seed));
    check(seed);
  }
}

void ExpectShows(const Tree& tree, const World& expected, const Names& names) {
  const World world = WorldOf(tree, names);
  if (!(world == expected)) {
    EXPECT_EQ(Describe(world), Describe(expected));
  }
}

TEST(TreeHistories, AfterEveryBatchTheTreeIsTheOraclesAndItsEventsTellIt) {
  ForEachSeed(30'000, [](std::uint64_t seed) {
    const SeededHistory history(seed);
    const Names names(history.ops);
    Tree tree(WayOf(seed));
    Oracle oracle;
    ShadowTree shadow;
    for (const std::vector<Op>& batch : history.arrival) {
      const auto events = tree.Apply(batch);
      oracle.Learn(batch);
      const World expected = oracle.Fold();
      ExpectShows(tree, expected, names);
      if (testing::Test::HasFailure()) return;
      shadow.Follow(events, tree);
      shadow.ExpectEquals(expected);
    }
  });
}

// What benchmarks compare with must compute the same.
TEST(TreeHistories, TheTextbookEngineComputesTheSamePlacesAndEvents) {
  ForEachSeed(5'000, [](std::uint64_t seed) {
    const SeededHistory history(seed);
    const Names names(history.ops);
    Tree tree(WayOf(seed));
    TextbookEngine textbook;
    for (const std::vector<Op>& batch : history.arrival) {
      std::vector<crdt::NetEvent> expected = tree.Apply(batch);
      // The textbook engine knows neither registers nor what trash has to tell.
      for (crdt::NetEvent& event : expected) {
        event.fields.clear();
        event.place_before_trash_changed = false;
      }
      std::erase_if(expected, [](const crdt::NetEvent& event) { return !event.moved(); });
      std::vector<crdt::NetEvent> events;
      textbook.Apply(batch, events);
      EXPECT_EQ(events, expected);
      for (const crdt::NodeId node : names.nodes) EXPECT_EQ(tree.PlacementOf(node), textbook.PlacementOf(node));
      if (testing::Test::HasFailure()) return;
    }
  });
}

// The horizon of a receiver: every op up to it has come.
Timestamp LastStable(const SeededHistory& history, std::size_t batches_known) {
  Timestamp stable = history.ops.back().time;
  for (std::size_t later = batches_known; later < history.arrival.size(); ++later) {
    for (const Op& op : history.arrival[later]) stable = std::min(stable, Timestamp{op.time.value - 1});
  }
  return stable;
}

TEST(TreeHistories, TruncatedWhereverNothingEarlierCanComeTheTreeGoesOnAsTheOracle) {
  ForEachSeed(10'000, [](std::uint64_t seed) {
    const SeededHistory history(seed);
    const Names names(history.ops);
    std::mt19937_64 random(seed);
    Tree tree(WayOf(seed));
    Oracle oracle;
    ShadowTree shadow;
    for (std::size_t known = 1; known <= history.arrival.size(); ++known) {
      const std::vector<Op>& batch = history.arrival[known - 1];
      const auto events = tree.Apply(batch);
      oracle.Learn(batch);
      shadow.Follow(events, tree);
      const World expected = oracle.Fold();
      shadow.ExpectEquals(expected);
      if (Below(random, 2) == 0) tree.Truncate(Timestamp{Below(random, LastStable(history, known).value + 1)});
      ExpectShows(tree, expected, names);
      if (testing::Test::HasFailure()) return;
    }
    // What arrives again from below the horizon is known to be known.
    tree.Truncate(history.ops.back().time);
    EXPECT_EQ(tree.LogSize(), 0u);
    for (const Op& op : history.ops) {
      if (!op.place) continue;
      EXPECT_TRUE(tree.Apply(std::span(&op, 1)).empty());
    }
    ExpectShows(tree, oracle.Fold(), names);
  });
}

TEST(TreeHistories, TheTreeAsOfAnyTimeThatIsKeptIsTheOracles) {
  ForEachSeed(10'000, [](std::uint64_t seed) {
    const SeededHistory history(seed);
    const Names names(history.ops);
    std::mt19937_64 random(seed);
    Tree tree(WayOf(seed));
    for (const std::vector<Op>& batch : history.arrival) tree.Apply(batch);
    const World now = WorldOf(tree, names);
    if (Below(random, 2) == 0) tree.Truncate(history.ops[Below(random, history.ops.size())].time);
    Oracle past;
    for (const Op& op : history.ops) {
      past.Learn(std::span(&op, 1));
      if (op.time < tree.Horizon()) continue;
      tree.UndoAfter(op.time);
      const World then = past.Fold();
      const World shown = WorldOf(tree, names);
      EXPECT_TRUE(shown.places == then.places && shown.before_trash == then.before_trash &&
                  shown.children == then.children)
          << Describe(shown) << "\nis not\n"
          << Describe(then);
      tree.Redo();
      ExpectShows(tree, now, names);
      if (testing::Test::HasFailure()) return;
    }
  });
}

}  // namespace
}  // namespace copse::crdt_test
