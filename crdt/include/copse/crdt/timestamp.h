#pragma once

#include <copse/crdt/ids.h>

#include <algorithm>
#include <compare>
#include <cstdint>

namespace copse::crdt {

/// When and by whom an op was made: its place in the total order in which every replica applies.
///
/// Lamport counter (high 48 bits) over actor (low 16 bits): integer order is the total order, no two ops are equal,
/// and no two replicas disagree on which of two concurrent ops is the later. Says nothing about wall-clock time.
///
/// Source: Lamport, CACM 21(7), 1978, "Ordering the Events Totally".
struct Timestamp {
  std::uint64_t value = 0;  ///< 0 is before every op.

  static constexpr Timestamp Of(std::uint64_t counter, ActorId actor) {
    return Timestamp{((counter & kCounterMax) << 16) | actor};
  }
  constexpr std::uint64_t counter() const { return value >> 16; }
  constexpr ActorId actor() const { return static_cast<ActorId>(value & 0xffff); }

  /// The id that a node made by this op has. A content version is numbered in the same way.
  constexpr NodeId node() const { return NodeId::Of(actor(), counter()); }

  friend constexpr auto operator<=>(const Timestamp&, const Timestamp&) = default;
  template <typename H>
  friend H AbslHashValue(H state, Timestamp time) {
    return H::combine(std::move(state), time.value);
  }
};

/// The counter of one replica: each op it makes is later than every op it has seen. Not thread-safe.
///
/// An honest clock never exceeds the number of ops in its causal past, plus one.
class LamportClock {
 public:
  explicit LamportClock(ActorId actor) : actor_(actor) {}

  ActorId actor() const { return actor_; }
  /// The highest counter seen or made.
  std::uint64_t counter() const { return counter_; }

  /// The time of the op made `ahead` ops from now (0: the next one). Changes nothing.
  Timestamp Peek(std::uint64_t ahead = 0) const { return Timestamp::Of(counter_ + 1 + ahead, actor_); }
  Timestamp Tick() { return Timestamp::Of(++counter_, actor_); }
  void Observe(Timestamp seen) { counter_ = std::max(counter_, seen.counter()); }

 private:
  ActorId actor_;
  std::uint64_t counter_ = 0;
};

}  // namespace copse::crdt

template <>
struct std::hash<copse::crdt::Timestamp> {
  std::size_t operator()(copse::crdt::Timestamp time) const noexcept { return std::hash<std::uint64_t>()(time.value); }
};
