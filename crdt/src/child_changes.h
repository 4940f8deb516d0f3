#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "move.h"

namespace copse::crdt {

/// Children that have come or gone and are not in the ChildSets of their parents yet. In a large tree both parents of
/// a move are far away in memory, and nothing needs them at once: for many moves together they are fetched side by
/// side.
class ChildChanges {
 public:
  struct Change {
    DirectoryNumber directory;
    Slot child;
    bool comes;  ///< Else it goes.
  };

  /// Not to be called when it is full.
  void Add(const Change& change) { changes_[size_++] = change; }
  bool IsFull() const { return size_ == kMax; }
  void Clear() { size_ = 0; }

  /// In the order in which they were added.
  std::span<const Change> all() const { return {changes_.data(), size_}; }
  /// Those of `directory` that have come or gone; one that did both is there for each. Cost: O(kMax).
  std::vector<Slot> Of(DirectoryNumber directory) const {
    std::vector<Slot> children;
    for (const Change& change : all()) {
      if (change.directory == directory) children.push_back(change.child);
    }
    return children;
  }

 private:
  static constexpr std::size_t kMax = 64;

  std::array<Change, kMax> changes_;
  std::size_t size_ = 0;
};

}  // namespace copse::crdt
