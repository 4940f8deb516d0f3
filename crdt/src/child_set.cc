#include "child_set.h"

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace copse::crdt {
namespace {

// A child with its id, so that sorting need not look for that.
struct Keyed {
  NodeId id;
  Slot slot;
  friend bool operator<(const Keyed& a, const Keyed& b) { return a.id < b.id; }
};
using Changes = absl::InlinedVector<Keyed, 16>;

// The first of [at, end) whose id is not below `bound`, which is likely to be near `at`. Cost: O(log distance).
const Slot* LowerBoundNear(const Slot* at, const Slot* end, NodeId bound, const SlotIds& ids) {
  std::ptrdiff_t step = 1;
  while (end - at > step && ids[at[step - 1]] < bound) {
    at += step;
    step *= 2;
  }
  return std::lower_bound(at, std::min(at + step, end), bound, [&ids](Slot slot, NodeId id) { return ids[slot] < id; });
}

// What has come or gone, ascending; what did both is left out.
Changes Balance(std::span<const Slot> first, std::span<const Slot> then, const SlotIds& ids) {
  Changes changes;
  changes.reserve(first.size() + then.size());
  for (const Slot slot : first) changes.push_back(Keyed{ids[slot], slot});
  for (const Slot slot : then) changes.push_back(Keyed{ids[slot], slot});
  std::sort(changes.begin(), changes.end());
  // Of equal ones an even number is nothing, and an odd one is one.
  std::size_t kept = 0;
  for (std::size_t at = 0; at < changes.size();) {
    std::size_t next = at + 1;
    while (next < changes.size() && changes[next].slot == changes[at].slot) ++next;
    if ((next - at) % 2 != 0) changes[kept++] = changes[at];
    at = next;
  }
  changes.resize(kept);
  return changes;
}

}  // namespace

// So many changes wait at the most beside so many sorted ids: some square root of them, in powers of two.
std::size_t ChildSet::ChangesMax(std::size_t sorted) {
  return std::max(kChangesMin, std::size_t{1} << ((std::bit_width(sorted) + 1) / 2));
}

// In place, and in whole blocks between the changes: these are few beside what is sorted.
void ChildSet::Settle(const SlotIds& ids) {
  Changes changes = Balance(std::span(children_).subspan(sorted_), {}, ids);
  Slot* const begin = children_.data();
  const Slot* const end = begin + sorted_;
  // First those that have gone; of those that have come it is noted where they belong in what is left.
  absl::InlinedVector<Slot*, 16> places;
  std::size_t come = 0;
  const Slot* from = begin;
  Slot* to = begin;
  for (const Keyed& change : changes) {
    const Slot* at = LowerBoundNear(from, end, change.id, ids);
    to = to == from ? begin + (at - begin) : std::copy(from, at, to);
    from = at;
    if (at != end && *at == change.slot) {
      ++from;
    } else {
      places.push_back(to);
      changes[come++] = change;
    }
  }
  to = to == from ? begin + (end - begin) : std::copy(from, end, to);
  const auto settled = static_cast<std::size_t>(to - begin) + come;
  for (; come > 0; --come) {
    std::copy_backward(places[come - 1], to, to + come);
    to = places[come - 1];
    to[come - 1] = changes[come - 1].slot;
  }
  children_.resize(settled);
  if (children_.capacity() > 4 * settled + 16) children_.shrink_to_fit();
  sorted_ = static_cast<std::uint32_t>(settled);
}

std::vector<Slot> ChildSet::Sorted(std::span<const Slot> since, const SlotIds& ids) const {
  ChildSet copy = *this;
  copy.children_.insert(copy.children_.end(), since.begin(), since.end());
  if (!copy.IsSettled()) copy.Settle(ids);
  return std::move(copy.children_);
}

std::vector<NodeId> ChildSet::List(NodeId after, std::size_t limit, std::span<const Slot> since,
                                   const SlotIds& ids) const {
  const auto end = children_.begin() + sorted_;
  auto at = std::upper_bound(children_.begin(), end, after, [&ids](NodeId id, Slot slot) { return id < ids[slot]; });
  const Changes changes = Balance(std::span(children_).subspan(sorted_), since, ids);
  auto change = std::upper_bound(changes.begin(), changes.end(), after,
                                 [](NodeId id, const Keyed& keyed) { return id < keyed.id; });
  std::vector<NodeId> list;
  list.reserve(std::min(limit, static_cast<std::size_t>((end - at) + (changes.end() - change))));
  while (list.size() < limit && (at != end || change != changes.end())) {
    if (change == changes.end() || (at != end && ids[*at] < change->id)) {
      list.push_back(ids[*at++]);
    } else if (at == end || change->id < ids[*at]) {
      list.push_back((change++)->id);
    } else {
      ++at;
      ++change;
    }
  }
  return list;
}

}  // namespace copse::crdt
