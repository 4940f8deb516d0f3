#pragma once

#include <absl/container/flat_hash_map.h>
#include <copse/base/clock.h>
#include <copse/fs/attributes.h>

#include <cstddef>
#include <deque>
#include <optional>

namespace copse::fs {

/// Access times are this machine's own, and no op tells of them. They are kept here for so many nodes, whether or not
/// the kernel knows these still; beyond that, what was noted first goes first. For a node without, the time of its last
/// change has to do. Not thread-safe.
class AccessTimes {
 public:
  struct Access {
    base::UnixNanoseconds time = 0;
    std::optional<base::UnixNanoseconds> set_at;  ///< By utimensat(2): a change of status, as local as its result.
  };

  explicit AccessTimes(std::size_t nodes_max = 65'536) : nodes_max_(nodes_max) {}

  /// Absent where nothing is known.
  std::optional<Access> Of(NodeId node) const {
    const auto found = accesses_.find(node);
    return found == accesses_.end() ? std::nullopt : std::optional(found->second);
  }
  void NoteRead(NodeId node, base::UnixNanoseconds now) { At(node).time = now; }
  void NoteSet(NodeId node, base::UnixNanoseconds time, base::UnixNanoseconds now) { At(node) = {time, now}; }

 private:
  Access& At(NodeId node) {
    if (const auto found = accesses_.find(node); found != accesses_.end()) return found->second;
    order_.push_back(node);
    if (order_.size() > nodes_max_) {
      accesses_.erase(order_.front());
      order_.pop_front();
    }
    return accesses_[node];
  }

  const std::size_t nodes_max_;
  absl::flat_hash_map<NodeId, Access> accesses_;
  std::deque<NodeId> order_;  ///< The oldest first.
};

}  // namespace copse::fs
