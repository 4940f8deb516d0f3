#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <copse/crdt/ids.h>
#include <copse/crdt/timestamp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "check.h"
#include "move.h"
#include "stable_vector.h"

namespace copse::crdt {

inline constexpr Timestamp kNever{~std::uint64_t{0}};

/// A directory, by its place in the NodeTable. 29 bits.
using DirectoryNumber = std::uint32_t;
inline constexpr DirectoryNumber kNoDirectory = ~DirectoryNumber{0};

/// What a node has from the first move on that names it as parent. A walk to the root reads nothing else.
struct alignas(64) Directory {
  Slot node = kNoSlot;
  MoveIndex last = kNoMove;                   ///< See NodeTable::Last.
  Timestamp end_time;                         ///< Of `last`. See Chains::NoteEnd, as the next.
  DirectoryNumber end_parent = kNoDirectory;  ///< Of the parent that `last` leaves.
  /// The time of the earliest known move of another node into this one, whether or not that takes effect. Before it
  /// the node is nobody's ancestor. kNever for the well-known nodes, which no move can place.
  Timestamp first_named = kNever;
  static constexpr MoveIndex kNotNoted = kMovesMax;
  MoveIndex old_in_effect = kNotNoted;  ///< See Sweep, as the next.
  std::uint32_t difference = 0;
  absl::btree_set<NodeId> children;
};
static_assert(sizeof(Directory) == 64);

/// One node, from the first op that names it, as child or as parent. As small as it can be: what few nodes have is
/// elsewhere.
class Node {
 public:
  NodeId id() const { return NodeId{(std::uint64_t{id_high_} << 32) | id_low_}; }
  bool has_directory() const { return has_directory_; }
  bool has_array() const { return has_array_; }      ///< See Chains.
  bool has_changed() const { return has_changed_; }  ///< See BatchChanges.

  void SetId(NodeId id) {
    id_high_ = static_cast<std::uint32_t>(id.value >> 32);
    id_low_ = static_cast<std::uint32_t>(id.value);
  }
  void SetHasArray(bool has_array) { has_array_ = has_array; }
  void SetHasChanged(bool has_changed) { has_changed_ = has_changed; }

 private:
  friend class NodeTable;

  std::uint32_t id_low_ = 0;
  std::uint32_t id_high_ = 0;
  std::uint32_t link_ : 29 = kNoMove;  // Its newest move; if it has a directory, the number of that.
  std::uint32_t has_directory_ : 1 = false;
  std::uint32_t has_array_ : 1 = false;
  std::uint32_t has_changed_ : 1 = false;
};
static_assert(sizeof(Node) == 12);

/// The nodes by slot and by id. They never go. The well-known nodes are there from the beginning, each in the slot of
/// its number.
class NodeTable {
 public:
  NodeTable() {
    for (const NodeId id : {kForest, kRoot, kFileInodes, kTrash}) {
      MakeDirectory(FindOrMake(id));
    }
  }

  /// Whether a slot, or the number of a directory, is that of a well-known node: the two are equal there.
  static bool IsPermanent(std::uint32_t slot) { return slot <= kTrash.value; }

  Node& operator[](Slot slot) { return nodes_[slot]; }
  const Node& operator[](Slot slot) const { return nodes_[slot]; }
  std::uint32_t size() const { return nodes_.size(); }

  /// Has what a later call wants of a node brought near. For a page: where the slot of an id is, for PrefetchNode.
  const Slot* PrefetchPage(NodeId id) const {
    const auto page = pages_.find(id.value / kPage);
    if (page == pages_.end()) return &nobody_;
    const Slot* slot = &(*page->second)[id.value % kPage];
    __builtin_prefetch(slot);
    return slot;
  }
  void PrefetchNode(Slot slot) const {
    if (slot != kNoSlot) __builtin_prefetch(&nodes_[slot]);
  }
  void PrefetchDirectory(Slot slot) const {
    if (slot == kNoSlot) return;
    const Node& node = nodes_[slot];
    if (node.has_directory()) __builtin_prefetch(&directories_[node.link_]);
  }

  /// kNoSlot if no op has named it.
  Slot Find(NodeId id) const {
    const auto page = pages_.find(id.value / kPage);
    return page == pages_.end() ? kNoSlot : (*page->second)[id.value % kPage];
  }
  Slot FindOrMake(NodeId id) {
    Slot& slot = PageOf(id.value / kPage)[id.value % kPage];
    if (slot == kNoSlot) {
      slot = nodes_.size();
      CRDT_CHECK(slot < kNoSlot);
      nodes_.Grow().SetId(id);
    }
    return slot;
  }

  Directory& directory(DirectoryNumber number) { return directories_[number]; }
  /// Of a node that has one.
  DirectoryNumber DirectoryNumberOf(Slot slot) const { return nodes_[slot].link_; }
  /// nullptr if no move names it as parent.
  Directory* FindDirectory(Slot slot) {
    return nodes_[slot].has_directory() ? &directories_[nodes_[slot].link_] : nullptr;
  }
  const Directory* FindDirectory(Slot slot) const { return const_cast<NodeTable*>(this)->FindDirectory(slot); }
  /// `slot` must not have one yet.
  Directory& MakeDirectory(Slot slot) {
    CRDT_CHECK(directories_.size() < kMovesMax);
    const std::uint32_t number = directories_.size();
    Directory& directory = directories_.Grow();
    directory.node = slot;
    directory.last = nodes_[slot].link_;
    nodes_[slot].has_directory_ = true;
    nodes_[slot].link_ = number & (kMovesMax - 1);
    return directory;
  }

  /// The newest move on a node: the end of its chain. What that leaves in effect is where the node is.
  MoveIndex Last(Slot slot) const {
    const Node& node = nodes_[slot];
    return node.has_directory() ? directories_[node.link_].last : node.link_;
  }
  void SetLast(Slot slot, MoveIndex move) {
    Node& node = nodes_[slot];
    if (node.has_directory()) {
      directories_[node.link_].last = move;
    } else {
      node.link_ = move & (kMovesMax - 1);
    }
  }
  Timestamp FirstNamed(Slot slot) const {
    return nodes_[slot].has_directory() ? FindDirectory(slot)->first_named : kNever;
  }

 private:
  // Ids of one actor mostly lie close together, so a map of pages is small; and however a peer scatters them, an id
  // costs no more than a page.
  static constexpr std::uint64_t kPage = 64;
  using Page = std::array<Slot, kPage>;

  // Most ops name nodes on the pages that the ops before them named.
  static constexpr std::size_t kRecent = 16;
  struct RecentPage {
    std::uint64_t number = ~std::uint64_t{0};
    Page* page = nullptr;
  };

  Page& PageOf(std::uint64_t number) {
    RecentPage& recent = recent_[number % kRecent];
    if (recent.number == number) return *recent.page;
    std::unique_ptr<Page>& page = pages_[number];
    if (!page) {
      page = std::make_unique<Page>();
      page->fill(kNoSlot);
    }
    recent = {number, page.get()};
    return *page;
  }

  const Slot nobody_ = kNoSlot;
  absl::flat_hash_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  std::array<RecentPage, kRecent> recent_;
  StableVector<Node> nodes_;
  StableVector<Directory> directories_;
};

}  // namespace copse::crdt
