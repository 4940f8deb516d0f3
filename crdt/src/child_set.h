#pragma once

#include <copse/crdt/ids.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace copse::crdt {

/// The children of one node. Made for a tree in which children come and go all over: to add or remove one touches one
/// place in memory, and what is left to do is done for many at once.
///
/// It is one vector: first ids in ascending order, then ids that have come or gone since. An id that is in both parts
/// is gone.
class ChildSet {
 public:
  /// `id` is not in the set. Cost: O(1) if it is the highest yet, as ids of new nodes mostly are; else amortized
  /// O(log size + sqrt(size)) at the most.
  void Insert(NodeId id);
  /// `id` is in the set. Cost: as that of Insert.
  void Erase(NodeId id);

  /// At most `limit` of the ids higher than `after`, ascending. Cost: O(what is returned + sqrt(size) log size) at the
  /// most.
  std::vector<NodeId> List(NodeId after, std::size_t limit) const;

  /// Has what Insert and Erase want brought near.
  void PrefetchEnd() const { __builtin_prefetch(ids_.data() + ids_.size()); }

 private:
  // What has come or gone, ascending; what did both is left out.
  std::vector<NodeId> Changed() const;
  void Change(NodeId id);
  void Grow();

  std::vector<NodeId> ids_;
  std::uint32_t sorted_ = 0;  // How many of ids_ are in the first part.
};

}  // namespace copse::crdt
