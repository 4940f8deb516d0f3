#pragma once

#include <copse/crdt/ids.h>
#include <copse/crdt/timestamp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bring_near.h"
#include "check.h"
#include "child_changes.h"
#include "child_set.h"
#include "image.h"
#include "move.h"
#include "page_index.h"
#include "slot_ids.h"
#include "stable_vector.h"

namespace copse::crdt {

inline constexpr Timestamp kNever{~std::uint64_t{0}};

/// What a node has from the first move on that names it as parent.
struct alignas(64) Directory {
  MoveIndex last = kNoMove;  ///< See NodeTable::Last.
  /// The time of the earliest known move of another node into this one, whether or not that takes effect. Before it
  /// the node is nobody's ancestor. kNever for the well-known nodes, which no move can place.
  Timestamp first_named = kNever;
  std::uint32_t note = 0;  ///< See Sweep.
  ChildSet children;       ///< But for what NodeTable knows to have come or gone since.
};
static_assert(sizeof(Directory) == 64);

/// The node that a directory is, and what its newest move leaves. A walk to the root and an event read nothing else,
/// and four of them are one line of the processor's cache. See Chains::NoteEnd.
struct DirectoryEnd {
  Timestamp time;  ///< Of Directory::last.
  DirectoryNumber parent = kNoDirectory;
  Slot node = kNoSlot;
};

/// One node: a number of 29 bits and three flags.
class Node {
 public:
  bool has_directory() const { return has_directory_; }
  bool has_array() const { return has_array_; }      ///< See Chains.
  bool has_changed() const { return has_changed_; }  ///< See BatchChanges.

  void SetHasArray(bool has_array) { has_array_ = has_array; }
  void SetHasChanged(bool has_changed) { has_changed_ = has_changed; }

 private:
  friend class NodeTable;

  std::uint32_t link_ : 29 = kNoMove;  // Its newest move; if it has a directory, the number of that.
  std::uint32_t has_directory_ : 1 = false;
  std::uint32_t has_array_ : 1 = false;
  std::uint32_t has_changed_ : 1 = false;
};
static_assert(sizeof(Node) == 4);

/// The nodes by slot and by id, in pages of neighbouring ids: the slot of a node is the number of its page, times the
/// size of a page, plus where it stands there. Pages never go. A well-known node has the slot of its number, and so has
/// its directory.
class NodeTable {
 public:
  NodeTable() {
    for (const NodeId id : {kForest, kRoot, kFileInodes, kTrash}) MakeDirectory(FindOrMake(id));
  }

  /// Whether a slot, or the number of a directory, is that of a well-known node: the two are equal there.
  static bool IsPermanent(std::uint32_t slot) { return slot <= kTrash.value; }

  Node& operator[](Slot slot) { return pages_[slot / kPage][slot % kPage]; }
  const Node& operator[](Slot slot) const { return pages_[slot / kPage][slot % kPage]; }
  const SlotIds& ids() const { return ids_; }
  NodeId IdOf(Slot slot) const { return ids_[slot]; }
  /// One more than the highest slot there may be. Some of those below it belong to nodes that no op has named.
  Slot end() const { return pages_.size() * kPage; }

  /// kNoSlot if no op has named it or a neighbour of its.
  Slot Find(NodeId id) const {
    const std::uint32_t page = index_.Find(id.value / kPage);
    return page == PageIndex::kNoPage ? kNoSlot : SlotAt(page, id);
  }
  Slot FindOrMake(NodeId id) {
    std::uint32_t& page = index_.Of(id.value / kPage);
    if (page == PageIndex::kNoPage) page = MakePage(id.value / kPage);
    return SlotAt(page, id);
  }

  std::uint32_t directory_count() const { return directories_.size(); }
  Directory& directory(DirectoryNumber number) { return directories_[number]; }
  const Directory& directory(DirectoryNumber number) const { return directories_[number]; }
  DirectoryEnd& directory_end(DirectoryNumber number) { return directory_ends_[number]; }
  const DirectoryEnd& directory_end(DirectoryNumber number) const { return directory_ends_[number]; }
  Slot NodeOf(DirectoryNumber number) const { return directory_ends_[number].node; }
  /// Of a node that has one.
  DirectoryNumber DirectoryNumberOf(Slot slot) const { return (*this)[slot].link_; }
  /// nullptr if no move names it as parent.
  Directory* FindDirectory(Slot slot) {
    const Node& node = (*this)[slot];
    return node.has_directory() ? &directories_[node.link_] : nullptr;
  }
  const Directory* FindDirectory(Slot slot) const { return const_cast<NodeTable*>(this)->FindDirectory(slot); }
  /// `slot` must not have one yet.
  Directory& MakeDirectory(Slot slot) {
    CRDT_CHECK(directories_.size() < kMovesMax);
    const DirectoryNumber number = directories_.size();
    Directory& directory = directories_.Grow();
    directory_ends_.emplace_back().node = slot;
    Node& node = (*this)[slot];
    directory.last = node.link_;
    node.has_directory_ = true;
    node.link_ = number & (kMovesMax - 1);
    return directory;
  }
  Timestamp FirstNamed(Slot slot) const {
    const Directory* directory = FindDirectory(slot);
    return directory == nullptr ? kNever : directory->first_named;
  }

  /// The newest move on a node: the end of its chain. What that leaves in effect is where the node is.
  MoveIndex Last(Slot slot) const {
    const Node& node = (*this)[slot];
    return node.has_directory() ? directories_[node.link_].last : node.link_;
  }
  void SetLast(Slot slot, MoveIndex move) {
    Node& node = (*this)[slot];
    if (node.has_directory()) {
      directories_[node.link_].last = move;
    } else {
      node.link_ = move & (kMovesMax - 1);
    }
  }

  /// `child`, which is not there, becomes a child of a directory, and the other way round. Amortized O(1) for those
  /// with the highest ids, else as ChildSet::Insert.
  void AddChild(DirectoryNumber directory, Slot child) { ChangeChild({directory, child, /*comes=*/true}); }
  void RemoveChild(DirectoryNumber directory, Slot child) { ChangeChild({directory, child, /*comes=*/false}); }
  /// As ChildSet::List.
  std::vector<NodeId> ListChildren(DirectoryNumber directory, NodeId after, std::size_t limit) const {
    return directories_[directory].children.List(after, limit, child_changes_.Of(directory), ids_);
  }

  /// Flags are not saved: they belong to what the parts of the tree do with nodes for a time.
  void Save(ImageWriter& image) const;
  /// Proves what can be seen without the moves: see CheckImage for the rest.
  absl::Status Load(ImageReader& image);

  /// Has what a later call wants brought near. `slot` may be kNoSlot, and `number` kNoDirectory.
  void PrefetchNode(Slot slot) const {
    if (slot != kNoSlot) BringNear(&(*this)[slot]);
  }
  void PrefetchDirectory(DirectoryNumber number) const {
    if (number != kNoDirectory) BringNear(&directories_[number]);
  }
  void PrefetchDirectoryEnd(DirectoryNumber number) const {
    if (number != kNoDirectory) BringNear(&directory_ends_[number]);
  }

 private:
  // Ids of one actor mostly lie close together, so pages are full and the map of them is small; and however a peer
  // scatters them, an id costs no more than a page.
  static constexpr std::uint32_t kPage = SlotIds::kPage;
  using Page = std::array<Node, kPage>;

  static Slot SlotAt(std::uint32_t page, NodeId id) { return page * kPage + static_cast<Slot>(id.value % kPage); }
  std::uint32_t MakePage(std::uint64_t number) {
    CRDT_CHECK(pages_.size() < kNoSlot / kPage);
    pages_.Grow();
    ids_.AddPage(number);
    return pages_.size() - 1;
  }

  void ChangeChild(const ChildChanges::Change& change) {
    child_changes_.Add(change);
    if (child_changes_.IsFull()) SettleChildren();
  }
  // Brings the children of all directories up to date.
  void SettleChildren();

  PageIndex index_;
  StableVector<Page> pages_;
  SlotIds ids_;
  StableVector<Directory> directories_;
  std::vector<DirectoryEnd> directory_ends_;
  ChildChanges child_changes_;
};

}  // namespace copse::crdt
