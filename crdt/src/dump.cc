#include <copse/crdt/dump.h>

#include <vector>

namespace copse::crdt {

std::string Dump(const Tree& tree, const std::function<std::string(NodeId)>& describe) {
  using Position = std::set<NodeId>::const_iterator;
  struct Level {
    Position next;
    Position end;
  };
  const auto level_below = [&](NodeId parent) {
    const std::set<NodeId>& children = tree.ChildrenOf(parent);
    return Level{children.begin(), children.end()};
  };

  std::string out = "- null => forest\n";
  std::vector<Level> open = {level_below(kForest)};
  while (!open.empty()) {
    if (open.back().next == open.back().end) {
      open.pop_back();
      continue;
    }
    const NodeId node = *open.back().next++;
    out.append(2 * open.size(), ' ');
    out += "- " + std::to_string(node.value) + " => " + describe(node) + "\n";
    open.push_back(level_below(node));
  }
  return out;
}

}  // namespace copse::crdt
