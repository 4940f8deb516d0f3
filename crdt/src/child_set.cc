#include "child_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace copse::crdt {
namespace {

// So many changes wait at the most beside so many sorted ids: some square root of them, in powers of two.
std::size_t ChangesMax(std::size_t sorted) {
  std::size_t changes = 16;
  while (changes * changes < sorted) changes *= 2;
  return changes;
}

struct ById {
  const SlotIds& ids;
  bool operator()(Slot a, Slot b) const { return ids[a] < ids[b]; }
  bool operator()(NodeId bound, Slot slot) const { return bound < ids[slot]; }
};

}  // namespace

// By less than doubling: most directories have come to their size.
void ChildSet::Grow() {
  if (children_.size() == children_.capacity()) children_.reserve(children_.size() + children_.size() / 2 + 2);
}

void ChildSet::Insert(Slot child, const SlotIds& ids) {
  const bool is_settled = sorted_ == children_.size();
  if (is_settled && (children_.empty() || ids[children_.back()] < ids[child])) {
    Grow();
    children_.push_back(child);
    ++sorted_;
  } else {
    Change(child, ids);
  }
}

void ChildSet::Erase(Slot child, const SlotIds& ids) {
  if (sorted_ == children_.size() && children_.back() == child) {
    children_.pop_back();
    --sorted_;
  } else {
    Change(child, ids);
  }
}

std::vector<Slot> ChildSet::Changed(const SlotIds& ids) const {
  std::vector<Slot> changed(children_.begin() + sorted_, children_.end());
  std::sort(changed.begin(), changed.end(), ById{ids});
  // Of equal ones an even number is nothing, and an odd one is one.
  auto kept = changed.begin();
  for (auto at = changed.begin(); at != changed.end();) {
    const auto next = std::find_if(at, changed.end(), [at](Slot other) { return other != *at; });
    if ((next - at) % 2 != 0) *kept++ = *at;
    at = next;
  }
  changed.erase(kept, changed.end());
  return changed;
}

void ChildSet::Change(Slot child, const SlotIds& ids) {
  Grow();
  children_.push_back(child);
  if (children_.size() - sorted_ < ChangesMax(sorted_)) return;
  const std::vector<Slot> changed = Changed(ids);
  std::vector<Slot> settled;
  settled.reserve(children_.size());
  std::set_symmetric_difference(children_.begin(), children_.begin() + sorted_, changed.begin(), changed.end(),
                                std::back_inserter(settled), ById{ids});
  settled.shrink_to_fit();
  children_ = std::move(settled);
  sorted_ = static_cast<std::uint32_t>(children_.size());
}

std::vector<NodeId> ChildSet::List(NodeId after, std::size_t limit, const SlotIds& ids) const {
  const auto end = children_.begin() + sorted_;
  auto at = std::upper_bound(children_.begin(), end, after, ById{ids});
  const std::vector<Slot> changed = Changed(ids);
  auto change = std::upper_bound(changed.begin(), changed.end(), after, ById{ids});
  std::vector<NodeId> list;
  list.reserve(std::min(limit, static_cast<std::size_t>((end - at) + (changed.end() - change))));
  while (list.size() < limit && (at != end || change != changed.end())) {
    if (change == changed.end() || (at != end && ids[*at] < ids[*change])) {
      list.push_back(ids[*at++]);
    } else if (at == end || ids[*change] < ids[*at]) {
      list.push_back(ids[*change++]);
    } else {
      ++at;
      ++change;
    }
  }
  return list;
}

}  // namespace copse::crdt
