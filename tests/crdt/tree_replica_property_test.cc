// Replicas that exchange feeds in any causal order, any pieces and again and again hold the oracle's tree.

#include <copse/crdt/tree_replica.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <support/histories.h>

#include <algorithm>
#include <map>
#include <random>

#include "oracle.h"
#include "world_of_tree.h"

namespace copse::crdt_test {
namespace {

using crdt::ActorId;
using crdt::Op;
using crdt::TreeReplica;
using test_support::Batch;

constexpr ActorId kReader = 99;

std::map<ActorId, std::vector<Batch>> FeedsOf(const std::vector<Batch>& history) {
  std::map<ActorId, std::vector<Batch>> feeds;
  for (const Batch& batch : history) feeds[batch.front().time.actor()].push_back(batch);
  return feeds;
}

/// Offers runs of one to three batches of random feeds, often known ones, until all is taken. Whatever is refused must
/// change nothing and be taken later.
template <typename AfterEach>
void DeliverAtRandom(TreeReplica& replica, const std::map<ActorId, std::vector<Batch>>& feeds, std::uint32_t seed,
                     AfterEach after_each) {
  std::mt19937 random(seed);
  std::size_t total = 0;
  for (const auto& [actor, feed] : feeds) total += test_support::Flattened(feed).size();
  while (replica.version().Total() < total) {
    const auto& [actor, feed] = *std::next(feeds.begin(), static_cast<std::ptrdiff_t>(random() % feeds.size()));
    const std::size_t begin = random() % feed.size();
    const std::size_t count = std::min<std::size_t>(feed.size() - begin, 1 + random() % 3);
    const auto first = test_support::Flattened(std::span(feed).first(begin)).size();
    const auto run = test_support::Flattened(std::span(feed).subspan(begin, count));
    const auto before = replica.version();
    const auto events = replica.Ingest(actor, first, run);
    if (!events.ok()) {
      RC_ASSERT(replica.version() == before);
      continue;
    }
    after_each(*events);
  }
}

RC_GTEST_PROP(TreeReplicaProperty, FeedsInAnyCausalOrderGiveTheOraclesTree, ()) {
  const std::vector<Batch> history = *test_support::Histories();
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const std::vector<Op> ops = test_support::Flattened(history);
  const Names names(ops);
  crdt::NullJournal journal;
  TreeReplica replica(kReader, journal);
  ShadowTree shadow;
  DeliverAtRandom(replica, FeedsOf(history), seed, [&](const std::vector<crdt::NetEvent>& events) {
    Oracle oracle;
    for (const Batch& batch : history) {
      // Known is a prefix of each feed.
      std::size_t position = 0;
      for (const Batch& other : history) {
        if (&other == &batch) break;
        if (other.front().time.actor() == batch.front().time.actor()) position += other.size();
      }
      if (position < replica.version()[batch.front().time.actor()]) oracle.Learn(batch);
    }
    const World world = WorldOf(replica.tree(), names);
    RC_ASSERT(Describe(world) == Describe(oracle.Fold()));
    shadow.Follow(events, replica.tree());
    shadow.ExpectEquals(world);
  });
  RC_ASSERT(replica.lamport_counter() == std::max_element(ops.begin(), ops.end(), [](const Op& a, const Op& b) {
                                           return a.time < b.time;
                                         })->time.counter());
}

RC_GTEST_PROP(TreeReplicaProperty, ABatchWithAnInvalidOpIsInertInEveryOrder, ()) {
  std::vector<Batch> history = *test_support::Histories();
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const auto poisoned = *rc::gen::inRange<std::size_t>(0, history.size());
  const Names names(test_support::Flattened(history));
  Oracle oracle;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (i != poisoned) oracle.Learn(history[i]);
  }
  history[poisoned].back().guard = history[poisoned].back().time;
  crdt::NullJournal journal;
  TreeReplica replica(kReader, journal);
  DeliverAtRandom(replica, FeedsOf(history), seed, [](const auto&) {});
  RC_ASSERT(Describe(WorldOf(replica.tree(), names)) == Describe(oracle.Fold()));
}

}  // namespace
}  // namespace copse::crdt_test
