#include <copse/crdt/dump.h>

#include <vector>

namespace copse::crdt {

std::string Dump(const Tree& tree, const std::function<std::string(NodeId)>& describe) {
  struct Level {
    std::vector<NodeId> children;
    std::size_t next = 0;
  };

  std::string out = "- null => forest\n";
  std::vector<Level> open = {Level{tree.ChildrenOf(kForest)}};
  while (!open.empty()) {
    if (open.back().next == open.back().children.size()) {
      open.pop_back();
      continue;
    }
    const NodeId node = open.back().children[open.back().next++];
    out.append(2 * open.size(), ' ');
    out += "- " + std::to_string(node.value) + " => " + describe(node) + "\n";
    open.push_back(Level{tree.ChildrenOf(node)});
  }
  return out;
}

}  // namespace copse::crdt
