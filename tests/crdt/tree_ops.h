#pragma once

#include <copse/crdt/tree.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace copse::crdt {

// Ops as one writes them in a test.

inline constexpr NodeId kA = NodeId::Of(1, 1);
inline constexpr NodeId kB = NodeId::Of(2, 1);
inline constexpr NodeId kC = NodeId::Of(3, 1);
inline constexpr std::uint32_t kNumber = 7;

inline Timestamp At(std::uint64_t counter, ActorId actor = 1) { return Timestamp::Of(counter, actor); }

inline Op Move(Timestamp time, NodeId child, NodeId parent, std::string name = "n") {
  Op op;
  op.time = time;
  op.child = child;
  op.place = Place{parent, std::move(name)};
  return op;
}

inline Op Delete(Timestamp time, NodeId child, Timestamp claim) {
  Op op = Move(time, child, kTrash);
  op.guard = claim;
  return op;
}

inline Op Write(Timestamp time, NodeId child, std::optional<std::string> value) {
  Op op;
  op.time = time;
  op.child = child;
  op.fields = {Field{FieldId{kNumber, ""}, std::move(value), std::nullopt}};
  return op;
}

inline Op WriteVersion(Timestamp time, NodeId child, std::optional<std::string> value,
                       std::vector<Timestamp> replaces) {
  Op op = Write(time, child, std::move(value));
  op.fields.front().replaces = std::move(replaces);
  return op;
}

inline std::vector<NetEvent> Apply(Tree& tree, const Op& op) { return tree.Apply(std::span(&op, 1)); }

inline NodeId ParentOf(const Tree& tree, NodeId node) { return tree.PlacementOf(node)->parent; }

inline std::vector<std::string> VersionsOf(const Tree& tree, NodeId node) {
  std::vector<std::string> values;
  for (const RegisterVersionView& version : tree.Versions(node, kNumber))
    values.push_back(std::string(version.value.value()));
  return values;
}

/// Calls `check` with a tree for each order in which `ops` can arrive one by one, after `before`.
template <typename Check>
void InEveryOrder(const std::vector<Op>& before, const std::vector<Op>& ops, Check check) {
  std::vector<std::size_t> order(ops.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  do {
    Tree tree;
    tree.Apply(before);
    for (const std::size_t index : order) Apply(tree, ops[index]);
    check(tree);
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace copse::crdt
