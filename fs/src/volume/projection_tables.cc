// The lowest layer: for each directory node a table from stored name to those who claim it, nearly always one, kept by
// the net events of the tree; and, above the layers that add ghosts to the tables, the flag that says whether a
// directory can be reached from the root, carried down its subtree when it changes, which makes link counts cheap.
//
// The tables hold whatever is placed there, whether or not the node is known to be a directory yet; those of other
// nodes show nothing.
#include <algorithm>
#include <utility>

#include "volume/position.h"
#include "volume/schema.h"
#include "volume/tree_projection.h"

namespace copse::fs {
namespace {

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

// Whether something can be shown where the tree has it.
bool IsStanding(const crdt::PlacementView& placement) {
  return !crdt::IsPermanent(placement.parent) || placement.parent == crdt::kRoot;
}

}  // namespace

TreeProjection::TreeProjection(const crdt::Tree& tree) : tree_(tree) {
  directories_[crdt::kRoot].is_directory = true;
  directories_[crdt::kRoot].is_reachable = true;
  announces_ = false;
  for (const NodeId node : tree.Nodes()) {
    if (crdt::IsPermanent(node)) continue;
    const auto kind = schema::KindOf(tree, node);
    if (!kind) RememberName(node);
    if (kind.value_or(Kind::kDirectory) == Kind::kDirectory) AddStanding(node);
    if (kind == Kind::kDirectory) {
      TakeInDirectory(node, /*is_typed=*/false);
    } else if (kind == Kind::kRegular) {
      TouchFile(node);
    }
  }
  Settle();
  announces_ = true;
}

Invalidations TreeProjection::Update(std::span<const crdt::NetEvent> events) {
  events_ = events;
  TakeOut(events);
  for (const crdt::NetEvent& event : events) TakeIn(event);
  events_ = {};
  Settle();
  SortUnique(changed_.names);
  SortUnique(changed_.targets);
  return std::exchange(changed_, {});
}

void TreeProjection::Settle() {
  SortUnique(touched_files_);
  for (const NodeId inode : std::exchange(touched_files_, {})) UpdateFile(inode);
  UpdateGhostDirectories();
  for (const NodeId directory : std::exchange(moved_directories_, {})) UpdateReachable(directory);
  UpdateViews();
}

// The tree has the new names already, so what has moved leaves its table before any name is looked for. Whoever knew
// the old names knew them under the numbers of the unions that there were.
void TreeProjection::TakeOut(std::span<const crdt::NetEvent> events) {
  if (!with_views_.empty()) {
    for (const crdt::NetEvent& event : events) {
      const Directory* table = event.moved() && event.before ? TableOf(event.before->parent) : nullptr;
      const bool had_name = table != nullptr && table->names.Find(tree_, event.before->name, event.node);
      if (had_name) NoteName(event.before->parent, *table, event.before->name);
    }
  }
  for (const crdt::NetEvent& event : events) {
    if (event.moved() && event.before) {
      RemoveClaimant(event.before->parent, event.before->name, event.node, /*is_ghost=*/false);
    }
  }
}

void TreeProjection::TakeIn(const crdt::NetEvent& event) {
  const NodeId node = event.node;
  bool is_typed = false;
  for (const crdt::FieldId& field : event.fields) {
    is_typed = is_typed || field.number == schema::kKind || field.number == schema::kInode;
    if (field.number == schema::kInode) RememberName(node);
    if (field.number == schema::kContent || field.number == schema::kUnlinked) TouchFile(node);
    if (field.number == schema::kPurged) TouchFile(schema::InodeOf(tree_, node).value_or(node));
    if (field.number == schema::kLabel) {
      anew_.insert(with_views_.begin(), with_views_.end());  // Any generated name may bear it.
    }
  }
  NoteAttributes(node);
  if (crdt::IsPermanent(node) || (!event.moved() && !is_typed && !event.place_before_trash_changed)) return;
  Reindex(node);
  if (schema::KindOf(tree_, node) == Kind::kDirectory) {
    TakeInDirectory(node, is_typed);
  } else if (const auto inode = schema::InodeOf(tree_, node)) {
    TouchFile(*inode);
  } else {
    const auto names = NamesEverOf(node);
    for (const NodeId dentry : names) {
      if (!HasMoved(dentry)) Reindex(dentry);  // Else it comes by itself.
    }
    if (!names.empty()) TouchFile(node);
  }
}

void TreeProjection::TakeInDirectory(NodeId node, bool is_typed) {
  Directory& table = directories_[node];
  const auto placement = tree_.PlacementOf(node);
  const bool is_in_trash = placement && placement->parent == crdt::kTrash;
  if (std::exchange(table.is_in_trash, is_in_trash) && !is_in_trash) {
    use_in_trash_changed_ = used_in_trash_.erase(node) > 0 || use_in_trash_changed_;
  }
  BecomeDirectory(table);
  NoteUse(node, table);
  moved_directories_.push_back(node);
  if (!is_typed) return;
  // Names stand in it that did not count as long as it was not known to be a directory.
  table.names.ForEach(tree_, [&](std::string_view, const NameTable::Group& group) {
    for (const Claimant& claimant : group) TouchFile(claimant.target);
  });
  for (const NodeId inode : lost_files_) TouchFile(inode);
}

// Names that stood in it before it was known to be a directory are live from now on.
void TreeProjection::BecomeDirectory(Directory& table) {
  if (std::exchange(table.is_directory, true) || further_names_.empty()) return;
  table.names.ForEach(tree_, [&](std::string_view, const NameTable::Group& group) {
    for (const Claimant& claimant : group) {
      FurtherNames* names = FurtherNamesOf(claimant);
      if (names != nullptr && !ghosts_.contains(claimant.node)) ++names->live;
    }
  });
}

// Once for each dentry: what it names is fixed by the op that makes it (validate.cc).
void TreeProjection::RememberName(NodeId dentry) {
  const auto inode = schema::InodeOf(tree_, dentry);
  if (!inode || dentry == NameMadeWith(*inode)) return;
  const auto [further, is_first] = further_names_.try_emplace(*inode);
  FurtherNames& names = further->second;
  names.dentries.push_back(dentry);
  if (!is_first) return;
  // The one name that there may be already; what enters a table from now on is counted there.
  const NodeId first = NameMadeWith(*inode);
  const auto place = schema::InodeOf(tree_, first) == inode ? ClaimedPlaceOf(first) : std::nullopt;
  const Directory* table = place ? TableOf(place->parent) : nullptr;
  if (table == nullptr) return;
  names.shown = table->is_reachable ? 1 : 0;
  names.live = table->is_directory && !ghosts_.contains(first) ? 1 : 0;
}

FurtherNames* TreeProjection::FurtherNamesOf(const Claimant& claimant) {
  if (further_names_.empty() || claimant.is_directory()) return nullptr;
  const auto further = further_names_.find(claimant.target);
  return further == further_names_.end() ? nullptr : &further->second;
}

void TreeProjection::TouchFile(NodeId inode) {
  // Without a version it shows by its live names alone.
  if (presences_.contains(inode) || !tree_.Versions(inode, schema::kContent).empty()) touched_files_.push_back(inode);
}

std::optional<NodeId> TreeProjection::TargetOf(NodeId node) const {
  if (node.actor() == 0 || !HasPosition(node)) return std::nullopt;
  if (const auto kind = schema::KindOf(tree_, node)) {
    return *kind == Kind::kDirectory ? std::optional(node) : std::nullopt;
  }
  const auto inode = schema::InodeOf(tree_, node);
  if (!inode) return std::nullopt;
  const auto inode_placement = tree_.PlacementOf(*inode);
  if (!inode_placement || inode_placement->parent != crdt::kFileInodes) return std::nullopt;
  const auto kind = schema::KindOf(tree_, *inode);
  return kind && *kind != Kind::kDirectory ? inode : std::nullopt;
}

bool TreeProjection::HasMoved(NodeId node) const {
  const auto event = std::lower_bound(events_.begin(), events_.end(), node,
                                      [](const crdt::NetEvent& one, NodeId bound) { return one.node < bound; });
  return event != events_.end() && event->node == node && event->moved();
}

// Takes `node` out of the tables where the tree has it, and puts it where it belongs now.
void TreeProjection::Reindex(NodeId node) {
  DropGhost(node);
  const auto placement = tree_.PlacementOf(node);
  if (!placement) return;
  if (IsStanding(*placement)) RemoveClaimant(placement->parent, placement->name, node, /*is_ghost=*/false);
  AddStanding(node);
}

void TreeProjection::AddStanding(NodeId node) {
  const auto placement = tree_.PlacementOf(node);
  if (!placement || !IsStanding(*placement)) return;
  if (const auto target = TargetOf(node)) {
    AddClaimant(placement->parent, placement->name, {node, *target}, /*is_ghost=*/false);
  }
}

// A ghost may stand just where it is moved to: it goes first, and comes back with its layer if it is still one.
void TreeProjection::DropGhost(NodeId node) {
  const auto ghost = ghosts_.find(node);
  if (ghost == ghosts_.end()) return;
  if (ghost_directories_.erase(node) == 0) {
    const auto presence = presences_.find(*schema::InodeOf(tree_, node));
    const FilePresence dropped = std::move(presence->second);
    presences_.erase(presence);
    Detach(dropped);
    return;
  }
  const crdt::Placement place = std::move(ghost->second);
  ghosts_.erase(ghost);
  RemoveClaimant(place.parent, place.name, node, /*is_ghost=*/true);
  use_in_trash_changed_ = true;
}

void TreeProjection::AddClaimant(NodeId parent, std::string_view name, Claimant claimant, bool is_ghost) {
  Directory& table = directories_[parent];
  const std::size_t claimants = table.names.Add(tree_, name, claimant, is_ghost);
  if (claimant.is_directory()) ++table.subdirectories;
  if (is_ghost) {
    RareParts& rare = RareOf(table);
    rare.foreign.insert(claimant.node);
    if (claimant.is_directory()) ++rare.ghost_directories;
  }
  if (FurtherNames* names = FurtherNamesOf(claimant)) {
    names->shown += table.is_reachable ? 1 : 0;
    names->live += table.is_directory && !is_ghost ? 1 : 0;
  }
  AddEntries(parent, table, 1);
  NoteTarget(claimant.target);
  MarkChanged(parent, table, name, claimants > 1);
}

void TreeProjection::RemoveClaimant(NodeId parent, std::string_view name, NodeId node, bool is_ghost) {
  const auto directory = directories_.find(parent);
  if (directory == directories_.end()) return;
  Directory& table = directory->second;
  const auto removed = table.names.Remove(tree_, name, node);
  if (!removed) return;
  const Claimant claimant = removed->claimant;
  MarkChanged(parent, table, name, removed->had_rivals);
  if (claimant.is_directory()) --table.subdirectories;
  if (is_ghost) {
    table.rare->foreign.erase(node);
    if (claimant.is_directory()) --table.rare->ghost_directories;
  }
  if (FurtherNames* names = FurtherNamesOf(claimant)) {
    names->shown -= table.is_reachable ? 1 : 0;
    names->live -= table.is_directory && !is_ghost ? 1 : 0;
  }
  AddEntries(parent, table, -1);
  NoteTarget(claimant.target);
  if (claimant.is_directory()) LeaveUnion(node);
}

void TreeProjection::AddEntries(NodeId directory, Directory& table, std::ptrdiff_t count) {
  table.entries += static_cast<std::size_t>(count);
  if (table.is_reachable) reachable_entries_ += static_cast<std::uint64_t>(count);
  NoteUse(directory, table);
}

// Whether somebody uses what is in trash: something stands in it, or a file is shown there.
void TreeProjection::NoteUse(NodeId directory, const Directory& table) {
  if (!table.is_in_trash) return;
  const bool is_used = table.entries > (table.rare == nullptr ? 0 : table.rare->ghost_directories);
  const bool changed = is_used ? used_in_trash_.insert(directory).second : used_in_trash_.erase(directory) > 0;
  use_in_trash_changed_ = use_in_trash_changed_ || changed;
}

// Sets the flag of `directory` by its parent's, and carries a change down. A parent that changes later in the same
// update carries its own change down again, so the order in which the moved directories are visited does not matter.
void TreeProjection::UpdateReachable(NodeId directory) {
  std::vector<NodeId> pending = {directory};
  while (!pending.empty()) {
    const NodeId node = pending.back();
    pending.pop_back();
    const auto place = ClaimedPlaceOf(node);
    const Directory* parent = place ? ShownTable(place->parent) : nullptr;
    Directory& table = directories_[node];
    if (table.is_reachable == (parent != nullptr)) continue;
    table.is_reachable = parent != nullptr;
    reachable_entries_ += table.is_reachable ? table.entries : -table.entries;
    NoteTarget(node);
    if (table.rare != nullptr) anew_.insert(node);
    table.names.ForEach(tree_, [&](std::string_view name, const NameTable::Group& group) {
      NoteName(node, table, name);
      for (const Claimant& claimant : group) {
        NoteTarget(claimant.target);
        if (claimant.is_directory()) pending.push_back(claimant.node);
        if (FurtherNames* names = FurtherNamesOf(claimant)) names->shown += table.is_reachable ? 1 : -1;
      }
    });
    if (table.rare != nullptr && table.rare->view != nullptr) NoteAllNames(*table.rare->view);
  }
}

// The attributes of `node`, as far as they are registers, may have changed.
void TreeProjection::NoteAttributes(NodeId node) {
  NoteTarget(node);
  if (with_views_.contains(node)) {
    for (const NodeId member : ViewOf(directories_.at(node))->members) NoteTarget(member);
  }
  if (const auto presence = presences_.find(node); presence != presences_.end()) {
    for (const Sibling& sibling : presence->second.versions.siblings) NoteTarget(sibling.id);
  }
}

// Whoever looks for `name` in `directory`, under the id of whichever member, may find something else.
void TreeProjection::NoteName(NodeId directory, const Directory& table, std::string_view name) {
  if (!announces_) return;
  for (const NodeId member : MembersOf(directory, table)) {
    changed_.names.push_back({member, std::string(name)});
    changed_.targets.push_back(member);
  }
}

void TreeProjection::NoteTarget(NodeId target) {
  if (announces_) changed_.targets.push_back(target);
}

}  // namespace copse::fs
