#pragma once

#include <copse/crdt/ids.h>

#include <cstdint>
#include <map>

namespace copse::crdt {

/// How many ops of each actor are known. An actor's ops are numbered from 0 in the order it made them, and are known
/// without gaps, so a count says exactly which. Iteration is by ascending actor.
class VersionVector {
 public:
  /// Ops of `actor` known; 0 for an actor never heard of.
  std::uint64_t operator[](ActorId actor) const {
    const auto found = counts_.find(actor);
    return found == counts_.end() ? 0 : found->second;
  }
  /// Raises the count of `actor` to `count`; a lower count changes nothing.
  void Raise(ActorId actor, std::uint64_t count) {
    if (count > (*this)[actor]) counts_[actor] = count;
  }
  void Merge(const VersionVector& other) {
    for (const auto& [actor, count] : other.counts_) Raise(actor, count);
  }
  /// Whether every op that `other` knows is known here.
  bool Covers(const VersionVector& other) const {
    for (const auto& [actor, count] : other.counts_) {
      if ((*this)[actor] < count) return false;
    }
    return true;
  }
  /// Ops known of all actors together.
  std::uint64_t Total() const {
    std::uint64_t total = 0;
    for (const auto& [actor, count] : counts_) total += count;
    return total;
  }
  /// Actors with at least one op.
  const std::map<ActorId, std::uint64_t>& counts() const { return counts_; }

  friend bool operator==(const VersionVector&, const VersionVector&) = default;

 private:
  std::map<ActorId, std::uint64_t> counts_;
};

}  // namespace copse::crdt
