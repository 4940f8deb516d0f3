#include "content/change_set.h"

#include <algorithm>
#include <iterator>

namespace copse::fs {

bool ChangeSet::Set(std::uint64_t begin, std::uint64_t end, RangeKind kind) {
  if (const auto range = FirstFrom(begin); range && range->begin <= begin && range->end >= end && range->kind == kind) {
    return false;
  }
  Erase(begin, end);
  Count({begin, end, kind}, 1);
  auto next = ranges_.lower_bound(end);
  if (next != ranges_.end() && next->first == end && next->second.kind == kind) {
    end = next->second.end;
    next = ranges_.erase(next);
  }
  if (next != ranges_.begin()) {
    const auto before = std::prev(next);
    if (before->second.end == begin && before->second.kind == kind) {
      before->second.end = end;
      return true;
    }
  }
  ranges_.emplace_hint(next, begin, Tail{end, kind});
  return true;
}

void ChangeSet::Cut(std::uint64_t size) {
  Erase(size, std::numeric_limits<std::uint64_t>::max());
  limit_ = std::min(limit_, size);
}

void ChangeSet::Apply(const ChangeSet& later) {
  Cut(later.limit_);
  for (const auto& [begin, tail] : later.ranges_) Set(begin, tail.end, tail.kind);
}

std::optional<ChangeSet::Range> ChangeSet::FirstFrom(std::uint64_t offset) const {
  auto found = ranges_.upper_bound(offset);
  if (found != ranges_.begin() && std::prev(found)->second.end > offset) --found;
  if (found == ranges_.end()) return std::nullopt;
  return Range{found->first, found->second.end, found->second.kind};
}

void ChangeSet::Erase(std::uint64_t begin, std::uint64_t end) {
  while (const auto range = FirstFrom(begin)) {
    if (range->begin >= end) return;
    ranges_.erase(range->begin);
    Count({std::max(begin, range->begin), std::min(end, range->end), range->kind}, -1);
    if (range->begin < begin) ranges_.emplace(range->begin, Tail{begin, range->kind});
    if (range->end > end) ranges_.emplace(end, Tail{range->end, range->kind});
  }
}

void ChangeSet::Count(const Range& range, int sign) {
  const std::uint64_t below_limit = std::min(range.end, limit_) - std::min(range.begin, limit_);
  const std::uint64_t data = range.kind == RangeKind::kData ? range.end - range.begin : 0;
  covered_bytes_ += sign > 0 ? below_limit : 0 - below_limit;
  data_bytes_ += sign > 0 ? data : 0 - data;
}

}  // namespace copse::fs
