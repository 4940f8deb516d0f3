#pragma once

#include <absl/container/node_hash_map.h>
#include <copse/crdt/ids.h>
#include <copse/crdt/net_event.h>

#include <cstdint>
#include <memory>
#include <set>

#include "registers.h"

namespace copse::crdt {

struct Node;

/// Everything that a move gives its child, and undoing it gives back.
struct NodePlace {
  Node* parent = nullptr;  ///< Null: the node has no place, and `placement` is empty with claim 0.
  Placement placement;
  std::unique_ptr<Placement> before_trash;  ///< Null unless the parent is trash and there was such a place.
};

/// One node, from the first op that names it, as child or as parent.
struct Node {
  NodeId id;
  std::uint32_t change = 0;  ///< Its entry in the batch being applied, + 1; 0: none. See BatchChanges.
  NodePlace place;
  std::unique_ptr<std::set<NodeId>> children;  ///< Null if none, as for most nodes.
  Registers registers;

  void AddChild(NodeId child) {
    if (!children) children = std::make_unique<std::set<NodeId>>();
    children->insert(children->end(), child);  // New nodes mostly have the highest id yet.
  }
  void RemoveChild(NodeId child) {
    children->erase(child);
    if (children->empty()) children.reset();
  }
};

/// The nodes by id. They never move in memory and never go.
class NodeTable {
 public:
  Node* Find(NodeId id) {
    const auto found = nodes_.find(id);
    return found == nodes_.end() ? nullptr : &found->second;
  }
  const Node* Find(NodeId id) const { return const_cast<NodeTable*>(this)->Find(id); }
  Node& FindOrMake(NodeId id) {
    Node& node = nodes_[id];
    node.id = id;
    return node;
  }
  const absl::node_hash_map<NodeId, Node>& all() const { return nodes_; }

 private:
  absl::node_hash_map<NodeId, Node> nodes_;
};

}  // namespace copse::crdt
