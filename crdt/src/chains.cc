#include "chains.h"

#include <algorithm>
#include <utility>

namespace copse::crdt {

Chains::Array::iterator Chains::UpperBound(Array& array, Timestamp time) {
  return std::upper_bound(array.begin(), array.end(), time,
                          [](Timestamp bound, const Entry& entry) { return bound < entry.time; });
}

void Chains::MakeArray(Slot node) {
  Array array;
  for (const MoveIndex move : All(node)) array.push_back(Entry{TimeOf(move), move});
  arrays_[node] = std::move(array);
  nodes_[node].SetHasArray(true);
}

std::vector<MoveIndex> Chains::All(Slot node) const {
  std::vector<MoveIndex> all;
  for (MoveIndex at = nodes_.Last(node); at != kNoMove; at = moves_[at].earlier) all.push_back(at);
  std::reverse(all.begin(), all.end());
  return all;
}

void Chains::DropArrays() {
  for (const auto& [node, array] : arrays_) nodes_[node].SetHasArray(false);
  arrays_.clear();
}

Chains::Neighbours Chains::SearchBack(Slot node, Timestamp time) {
  if (!nodes_[node].has_array()) {
    MoveIndex next = nodes_.Last(node);
    for (int steps = 0; steps < kStepsMax; ++steps) {
      const MoveIndex earlier = moves_[next].earlier;
      if (TimeOf(earlier) <= time) return {earlier, next};
      next = earlier;
    }
    MakeArray(node);
  }
  Array& array = arrays_.at(node);
  const auto next = UpperBound(array, time);
  return {next == array.begin() ? kNoMove : std::prev(next)->move, next->move};
}

void Chains::InsertFar(MoveIndex index) {
  Move& move = moves_[index];
  const Timestamp time = move.time();
  Node& node = nodes_[move.child()];
  const MoveIndex last = nodes_.Last(move.child());
  const bool is_last = TimeOf(last) < time;
  const Neighbours around = is_last ? Neighbours{last, kNoMove} : SearchBack(move.child(), time);
  move.earlier = around.at_or_before;
  move.before = moves_.After(around.at_or_before);
  if (is_last) {
    nodes_.SetLast(move.child(), index);
    NoteEnd(move.child());
  } else {
    moves_[around.next].earlier = index;
  }
  if (node.has_array()) {
    Array& array = arrays_.at(move.child());
    array.insert(is_last ? array.end() : UpperBound(array, time), Entry{time, index});
  }
}

}  // namespace copse::crdt
