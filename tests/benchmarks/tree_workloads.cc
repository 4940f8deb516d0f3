#include "tree_workloads.h"

#include <algorithm>
#include <string>
#include <utility>

namespace copse::benchmarks {

using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;

NodeId Worker::SomeDirectory() {
  return directories_.empty() || Draw(20) == 0 ? crdt::kRoot : directories_[Draw(directories_.size())].node;
}

Op Worker::Move(Entry& entry, NodeId parent) {
  Op op;
  op.time = Timestamp::Of(++counter_, actor_);
  op.child = entry.node;
  op.place = crdt::Place{parent, "f" + std::to_string(counter_) + ".txt"};
  entry.claim = op.time;
  return op;
}

Op Worker::Make(std::vector<Entry>& entries) {
  entries.push_back(Entry{NodeId::Of(actor_, counter_ + 1), {}});
  const NodeId parent = SomeDirectory();
  return Move(entries.back(), parent == entries.back().node ? crdt::kRoot : parent);
}

Op Worker::Delete(std::vector<Entry>& entries, std::size_t index) {
  const Timestamp claim = entries[index].claim;
  Op op = Move(entries[index], crdt::kTrash);
  op.guard = claim;
  entries[index] = entries.back();
  entries.pop_back();
  return op;
}

Op Worker::Create() { return Make(files_); }

Op Worker::Next() {
  const std::size_t kind = Draw(1000);
  if (files_.empty() || directories_.empty() || kind < 500) return Make(kind < 30 ? directories_ : files_);
  if (kind < 790) return Move(files_[Draw(files_.size())], SomeDirectory());
  if (kind < 990) return Delete(files_, Draw(files_.size()));
  if (kind < 997) return Move(directories_[Draw(directories_.size())], SomeDirectory());
  return Delete(directories_, Draw(directories_.size()));
}

Worker Worker::Fork(crdt::ActorId actor, std::uint64_t seed) const {
  Worker fork = *this;
  fork.actor_ = actor;
  fork.random_.seed(seed);
  return fork;
}

std::vector<Op> RandomMoves(std::size_t nodes, std::size_t count, std::size_t lateness, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::pair<std::uint64_t, Op>> arrival;
  for (std::size_t i = 0; i < nodes + count; ++i) {
    Op op;
    op.time = Timestamp::Of(i + 1, static_cast<crdt::ActorId>(1 + random() % 3));
    op.child = NodeId::Of(1, 1 + (i < nodes ? i : random() % nodes));
    op.place = crdt::Place{i < nodes ? crdt::kRoot : NodeId::Of(1, 1 + random() % nodes), "n"};
    arrival.emplace_back(i < nodes ? i : i + random() % (lateness + 1), std::move(op));
  }
  std::stable_sort(arrival.begin(), arrival.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Op> ops;
  for (auto& [at, op] : arrival) ops.push_back(std::move(op));
  return ops;
}

}  // namespace copse::benchmarks
