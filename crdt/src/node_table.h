#pragma once

#include <absl/container/flat_hash_map.h>
#include <copse/crdt/ids.h>
#include <copse/crdt/timestamp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <set>

#include "move.h"
#include "registers.h"
#include "stable_vector.h"

namespace copse::crdt {

inline constexpr Timestamp kNever{~std::uint64_t{0}};

/// What a node has from the first move on that names it as parent.
struct Directory {
  /// The time of the earliest known move of another node into this one, whether or not that takes effect. Before it
  /// the node is nobody's ancestor. kNever for the well-known nodes, which no move can place.
  Timestamp first_named = kNever;
  std::set<NodeId> children;
};

/// One node, from the first op that names it, as child or as parent.
struct Node {
  NodeId id;
  MoveIndex in_effect = kNoMove;  ///< What gave it the place that it has.
  MoveIndex last = kNoMove;       ///< The newest move on it. See Chains.
  std::uint32_t long_chain = 0;   ///< See Chains.
  std::uint32_t change = 0;       ///< See BatchChanges.
  std::uint32_t difference = 0;   ///< See Sweep.
  std::unique_ptr<Directory> directory;
  std::unique_ptr<Registers> registers;

  Timestamp first_named() const { return directory ? directory->first_named : kNever; }
};

/// The nodes by slot and by id. They never go. The well-known nodes are there from the beginning, each in the slot of
/// its number.
class NodeTable {
 public:
  NodeTable() {
    for (const NodeId id : {kForest, kRoot, kFileInodes, kTrash}) FindOrMake(id);
  }

  static bool IsPermanent(Slot slot) { return slot <= kTrash.value; }

  Node& operator[](Slot slot) { return nodes_[slot]; }
  const Node& operator[](Slot slot) const { return nodes_[slot]; }
  std::uint32_t size() const { return nodes_.size(); }

  /// kNoSlot if no op has named it.
  Slot Find(NodeId id) const {
    const auto page = pages_.find(id.value / kPage);
    return page == pages_.end() ? kNoSlot : (*page->second)[id.value % kPage];
  }
  const Node* FindNode(NodeId id) const {
    const Slot slot = Find(id);
    return slot == kNoSlot ? nullptr : &nodes_[slot];
  }
  Slot FindOrMake(NodeId id) {
    std::unique_ptr<Page>& page = pages_[id.value / kPage];
    if (!page) {
      page = std::make_unique<Page>();
      page->fill(kNoSlot);
    }
    Slot& slot = (*page)[id.value % kPage];
    if (slot == kNoSlot) {
      slot = nodes_.size();
      nodes_.emplace_back().id = id;
    }
    return slot;
  }
  Directory& DirectoryOf(Slot slot) {
    std::unique_ptr<Directory>& directory = nodes_[slot].directory;
    if (!directory) directory = std::make_unique<Directory>();
    return *directory;
  }

 private:
  // Ids of one actor mostly lie close together, so a map of pages is small; and however a peer scatters them, an id
  // costs no more than a page.
  static constexpr std::uint64_t kPage = 64;
  using Page = std::array<Slot, kPage>;

  absl::flat_hash_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  StableVector<Node> nodes_;
};

}  // namespace copse::crdt
