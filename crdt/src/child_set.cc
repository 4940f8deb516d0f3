#include "child_set.h"

#include <algorithm>
#include <iterator>

namespace copse::crdt {
namespace {

// So many changes wait at the most beside so many sorted ids: some square root of them, in powers of two.
std::size_t ChangesMax(std::size_t sorted) {
  std::size_t changes = 16;
  while (changes * changes < sorted) changes *= 2;
  return changes;
}

}  // namespace

// By less than doubling: most directories have come to their size.
void ChildSet::Grow() {
  if (ids_.size() == ids_.capacity()) ids_.reserve(ids_.size() + ids_.size() / 2 + 2);
}

void ChildSet::Insert(NodeId id) {
  const bool is_settled = sorted_ == ids_.size();
  if (is_settled && (ids_.empty() || ids_.back() < id)) {
    Grow();
    ids_.push_back(id);
    ++sorted_;
  } else {
    Change(id);
  }
}

void ChildSet::Erase(NodeId id) {
  if (sorted_ == ids_.size() && ids_.back() == id) {
    ids_.pop_back();
    --sorted_;
  } else {
    Change(id);
  }
}

std::vector<NodeId> ChildSet::Changed() const {
  std::vector<NodeId> changed(ids_.begin() + sorted_, ids_.end());
  std::sort(changed.begin(), changed.end());
  // Of equal ones an even number is nothing, and an odd one is one.
  auto kept = changed.begin();
  for (auto at = changed.begin(); at != changed.end();) {
    const auto next = std::upper_bound(at, changed.end(), *at);
    if ((next - at) % 2 != 0) *kept++ = *at;
    at = next;
  }
  changed.erase(kept, changed.end());
  return changed;
}

void ChildSet::Change(NodeId id) {
  Grow();
  ids_.push_back(id);
  if (ids_.size() - sorted_ < ChangesMax(sorted_)) return;
  const std::vector<NodeId> changed = Changed();
  std::vector<NodeId> settled;
  settled.reserve(ids_.size());
  std::set_symmetric_difference(ids_.begin(), ids_.begin() + sorted_, changed.begin(), changed.end(),
                                std::back_inserter(settled));
  settled.shrink_to_fit();
  ids_ = std::move(settled);
  sorted_ = static_cast<std::uint32_t>(ids_.size());
}

std::vector<NodeId> ChildSet::List(NodeId after, std::size_t limit) const {
  const auto end = ids_.begin() + sorted_;
  auto at = std::upper_bound(ids_.begin(), end, after);
  const std::vector<NodeId> changed = Changed();
  auto change = std::upper_bound(changed.begin(), changed.end(), after);
  std::vector<NodeId> list;
  list.reserve(std::min(limit, static_cast<std::size_t>((end - at) + (changed.end() - change))));
  while (list.size() < limit && (at != end || change != changed.end())) {
    if (change == changed.end() || (at != end && *at < *change)) {
      list.push_back(*at++);
    } else if (at == end || *change < *at) {
      list.push_back(*change++);
    } else {
      ++at;
      ++change;
    }
  }
  return list;
}

}  // namespace copse::crdt
