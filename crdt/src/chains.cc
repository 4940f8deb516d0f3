#include "chains.h"

#include <algorithm>

namespace copse::crdt {

Chains::Array::iterator Chains::UpperBound(Array& array, Timestamp time) {
  return std::upper_bound(array.begin(), array.end(), time,
                          [](Timestamp bound, const Entry& entry) { return bound < entry.time; });
}

void Chains::MakeArray(Node& node) {
  Array array;
  for (const MoveIndex move : All(node)) array.push_back(Entry{TimeOf(move), move});
  arrays_.push_back(std::move(array));
  node.long_chain = static_cast<std::uint32_t>(arrays_.size());
}

std::vector<MoveIndex> Chains::All(const Node& node) const {
  std::vector<MoveIndex> all;
  if (node.long_chain != 0) {
    for (const Entry& entry : arrays_[node.long_chain - 1]) all.push_back(entry.move);
  } else {
    for (MoveIndex at = node.last; at != kNoMove; at = (*moves_)[at].earlier) all.push_back(at);
    std::reverse(all.begin(), all.end());
  }
  return all;
}

MoveIndex Chains::AtOrBefore(Node& node, Timestamp time) {
  if (TimeOf(node.last) <= time) return node.last;  // The time of kNoMove is 0, here and below.
  if (node.long_chain == 0) {
    MoveIndex at = node.last;
    for (int steps = 0; steps < kStepsMax; ++steps) {
      at = (*moves_)[at].earlier;
      if (TimeOf(at) <= time) return at;
    }
    MakeArray(node);
  }
  const auto later = UpperBound(ArrayOf(node), time);
  return later == ArrayOf(node).begin() ? kNoMove : std::prev(later)->move;
}

MoveIndex Chains::NextAfter(Node& node, Timestamp time) {
  if (TimeOf(node.last) <= time) return kNoMove;
  if (node.long_chain == 0) {
    MoveIndex at = node.last;
    for (int steps = 0; steps < kStepsMax; ++steps) {
      const MoveIndex earlier = (*moves_)[at].earlier;
      if (TimeOf(earlier) <= time) return at;
      at = earlier;
    }
    MakeArray(node);
  }
  return UpperBound(ArrayOf(node), time)->move;
}

void Chains::Insert(Node& node, MoveIndex move) {
  const Timestamp time = TimeOf(move);
  const MoveIndex previous = AtOrBefore(node, time);
  if (node.long_chain != 0) {
    Array& array = ArrayOf(node);
    array.insert(UpperBound(array, time), Entry{time, move});
  } else {
    (*moves_)[move].earlier = previous;
    if (node.last != previous) (*moves_)[NextAfter(node, time)].earlier = move;
  }
  if (node.last == previous) node.last = move;
  (*moves_)[move].before = moves_->After(previous);
}

}  // namespace copse::crdt
