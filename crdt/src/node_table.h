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

/// What a node has from the first move on that names it as parent.
struct Directory {
  /// The time of the earliest known move of another node into this one, whether or not that takes effect. Before it
  /// the node is nobody's ancestor. kNever for the well-known nodes, which no move can place.
  Timestamp first_named = kNever;
  MoveIndex old_in_effect = kNoMove;  ///< See Sweep, as the next two.
  std::uint32_t difference = 0;
  bool has_old = false;
  absl::btree_set<NodeId> children;
};

/// One node, from the first op that names it, as child or as parent. What few nodes have is elsewhere.
class Node {
 public:
  NodeId id() const { return NodeId{(std::uint64_t{id_high_} << 32) | id_low_}; }
  /// The newest move on it: the end of its chain. What that leaves in effect is where the node is.
  MoveIndex last() const { return last_; }
  bool has_directory() const { return has_directory_; }
  bool has_array() const { return has_array_; }      ///< See Chains.
  bool has_changed() const { return has_changed_; }  ///< See BatchChanges.

  void SetId(NodeId id) {
    id_high_ = static_cast<std::uint32_t>(id.value >> 32);
    id_low_ = static_cast<std::uint32_t>(id.value);
  }
  void SetLast(MoveIndex move) { last_ = move & (kMovesMax - 1); }
  void SetHasDirectory() { has_directory_ = true; }
  void SetHasArray(bool has_array) { has_array_ = has_array; }
  void SetHasChanged(bool has_changed) { has_changed_ = has_changed; }

 private:
  std::uint32_t id_low_ = 0;
  std::uint32_t id_high_ = 0;
  std::uint32_t last_ : 29 = kNoMove;
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
      const Slot slot = FindOrMake(id);
      nodes_[slot].SetHasDirectory();
    }
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
  Slot FindOrMake(NodeId id) {
    Slot& slot = PageOf(id.value / kPage)[id.value % kPage];
    if (slot == kNoSlot) {
      slot = nodes_.size();
      CRDT_CHECK(slot < kNoSlot);
      nodes_.Grow().SetId(id);
    }
    return slot;
  }

  /// nullptr if no move names it as parent.
  Directory* FindDirectory(Slot slot) {
    if (IsPermanent(slot)) return &well_known_[slot];
    return nodes_[slot].has_directory() ? directories_.at(slot).get() : nullptr;
  }
  const Directory* FindDirectory(Slot slot) const { return const_cast<NodeTable*>(this)->FindDirectory(slot); }
  Directory& DirectoryOf(Slot slot) {
    if (Directory* found = FindDirectory(slot)) return *found;
    nodes_[slot].SetHasDirectory();
    return *(directories_[slot] = std::make_unique<Directory>());
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

  absl::flat_hash_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  std::array<RecentPage, kRecent> recent_;
  StableVector<Node> nodes_;
  std::array<Directory, kTrash.value + 1> well_known_;
  absl::flat_hash_map<Slot, std::unique_ptr<Directory>> directories_;
};

}  // namespace copse::crdt
