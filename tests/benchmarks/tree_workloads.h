#pragma once

#include <copse/crdt/op.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace copse::benchmarks {

/// What people do in a folder, by one actor: creating (half of all ops), renaming, deleting, now and then making,
/// moving and deleting directories. Directories and files may be shared between actors by copying a Worker.
class Worker {
 public:
  Worker(crdt::ActorId actor, std::uint64_t seed) : random_(seed), actor_(actor) {}

  /// The next op, with a time after all that this worker has made.
  crdt::Op Next();
  /// An op that creates a file in some directory, however far the rest of the mix.
  crdt::Op Create();
  /// Goes on as another actor, from what this one has seen.
  Worker Fork(crdt::ActorId actor, std::uint64_t seed) const;
  /// The clock will not fall behind `counter`.
  void Observe(std::uint64_t counter) { counter_ = counter > counter_ ? counter : counter_; }
  std::uint64_t counter() const { return counter_; }

  struct Entry {
    crdt::NodeId node;
    crdt::Timestamp claim;
  };
  const std::vector<Entry>& files() const { return files_; }
  const std::vector<Entry>& directories() const { return directories_; }

 private:
  std::size_t Draw(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
  crdt::NodeId SomeDirectory();
  crdt::Op Move(Entry& entry, crdt::NodeId parent);
  crdt::Op Delete(std::vector<Entry>& entries, std::size_t index);
  crdt::Op Make(std::vector<Entry>& entries);

  std::mt19937_64 random_;
  crdt::ActorId actor_;
  std::uint64_t counter_ = 0;
  std::vector<Entry> files_;
  std::vector<Entry> directories_;
};

/// The paper's evaluation (section 4.2): moves of random nodes among `nodes` into random others, by three actors, in an
/// order of arrival in which each op is up to `lateness` late. The first `nodes` ops create the nodes.
std::vector<crdt::Op> RandomMoves(std::size_t nodes, std::size_t count, std::size_t lateness, std::uint64_t seed);

}  // namespace copse::benchmarks
