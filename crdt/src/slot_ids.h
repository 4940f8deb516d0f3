#pragma once

#include <copse/crdt/ids.h>

#include <cstdint>
#include <vector>

#include "move.h"

namespace copse::crdt {

/// The ids of the nodes by slot. Nodes with neighbouring ids have neighbouring slots, a page of them at a time, so what
/// is kept is small: one number for a page.
class SlotIds {
 public:
  static constexpr std::uint32_t kPage = 64;

  NodeId operator[](Slot slot) const { return NodeId{numbers_[slot / kPage] * kPage + slot % kPage}; }
  /// Gives the next kPage slots to the ids from `number` * kPage on.
  void AddPage(std::uint64_t number) { numbers_.push_back(number); }
  /// Of all pages.
  const std::vector<std::uint64_t>& numbers() const { return numbers_; }

 private:
  std::vector<std::uint64_t> numbers_;
};

}  // namespace copse::crdt
