#pragma once

#include <absl/container/flat_hash_map.h>
#include <copse/crdt/net_event.h>
#include <copse/crdt/op.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace copse::crdt_test {

/// The algorithm of the paper as one would write it for speed: one log sorted by time, flat arrays, and for each batch
/// undo what is newer, do, and redo. What benchmarks compare with. It does less than crdt::Tree: no children, no
/// registers, no truncation.
class TextbookEngine {
 public:
  TextbookEngine();
  void Apply(std::span<const crdt::Op> ops);
  /// The same, and adds to `events` what crdt::Tree::Apply would, but for what deals with trash.
  void Apply(std::span<const crdt::Op> ops, std::vector<crdt::NetEvent>& events);
  std::optional<crdt::PlacementView> PlacementOf(crdt::NodeId node) const;

 private:
  using Slot = std::uint32_t;
  static constexpr Slot kNoSlot = ~Slot{0};

  struct Place {
    Slot parent = kNoSlot;
    std::uint32_t name = 0;
    crdt::Timestamp claim;
  };
  struct Entry {
    crdt::Timestamp time;
    crdt::Timestamp guard;
    Slot child;
    Slot parent;
    std::uint32_t name;
    bool has_guard;
    bool took_effect;
    Place old;  // Of the child, while the move is in effect.
  };

  struct Before {
    Slot node;
    Place place;
  };

  Slot SlotOf(crdt::NodeId id);
  bool Contains(crdt::Timestamp time) const;
  void Do(Entry& entry);
  void Undo(const Entry& entry);
  void Note(Slot node);
  std::optional<crdt::Placement> PlacementAt(const Place& place) const;
  void Tell(std::vector<crdt::NetEvent>& events);

  absl::flat_hash_map<crdt::NodeId, Slot> slots_;
  std::vector<crdt::NodeId> ids_;
  std::vector<Place> places_;
  std::vector<std::string> names_;
  std::vector<Entry> log_;
  bool notes_ = false;
  std::vector<Before> before_;  // While a batch is applied whose events are wanted: places that it is about to change.
};

}  // namespace copse::crdt_test
