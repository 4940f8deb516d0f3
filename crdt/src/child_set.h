#pragma once

#include <copse/crdt/ids.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bring_near.h"
#include "move.h"
#include "slot_ids.h"

namespace copse::crdt {

/// The children of one node. Made for a tree in which children come and go all over: to add or remove one touches one
/// place in memory, and what is left to do is done for many at once.
///
/// It is one vector: first children in ascending order of id, then those that have come or gone since. One that is in
/// both parts is gone. Kept are their slots; `ids`, always the same, has their ids.
class ChildSet {
 public:
  /// `child` is not in the set. Cost: O(1) if its id is the highest yet, as those of new nodes mostly are; else
  /// amortized O(log size + sqrt(size)) at the most.
  void Insert(Slot child, const SlotIds& ids) {
    if (IsSettled() && (children_.empty() || ids[children_.back()] < ids[child])) {
      Append(child);
      ++sorted_;
    } else {
      Change(child, ids);
    }
  }
  /// `child` is in the set. Cost: as that of Insert.
  void Erase(Slot child, const SlotIds& ids) {
    if (IsSettled() && children_.back() == child) {
      children_.pop_back();
      --sorted_;
    } else {
      Change(child, ids);
    }
  }

  /// As the set is once `since` have come or gone, too, each as often as it is named: at most `limit` of the ids higher
  /// than `after`, ascending. Cost: O(what is returned + sqrt(size) log size) at the most.
  std::vector<NodeId> List(NodeId after, std::size_t limit, std::span<const Slot> since, const SlotIds& ids) const;
  /// The same: the slots of all children, ascending by id. Cost: O(size).
  std::vector<Slot> Sorted(std::span<const Slot> since, const SlotIds& ids) const;

  /// Takes such slots for its own.
  void Adopt(std::span<const Slot> sorted) {
    children_.assign(sorted.begin(), sorted.end());
    sorted_ = static_cast<std::uint32_t>(sorted.size());
  }

  /// The same, of one that was adopted and has not changed.
  std::span<const Slot> settled() const { return {children_.data(), sorted_}; }
  std::size_t size() const { return children_.size(); }

  /// Has what Insert and Erase want brought near.
  void PrefetchEnd() const { BringNear(children_.data() + children_.size()); }

 private:
  static std::size_t ChangesMax(std::size_t sorted);

  bool IsSettled() const { return sorted_ == children_.size(); }
  void Append(Slot child) {
    // Grows by less than doubling: most directories have come to their size.
    if (children_.size() == children_.capacity()) children_.reserve(children_.size() + children_.size() / 2 + 2);
    children_.push_back(child);
  }
  void Change(Slot child, const SlotIds& ids) {
    Append(child);
    const std::size_t changes = children_.size() - sorted_;
    if (changes >= kChangesMin && changes >= ChangesMax(sorted_)) Settle(ids);
  }
  // Puts what has come or gone in its place.
  void Settle(const SlotIds& ids);

  static constexpr std::size_t kChangesMin = 16;

  std::vector<Slot> children_;
  std::uint32_t sorted_ = 0;  // How many of them are in the first part.
};

}  // namespace copse::crdt
