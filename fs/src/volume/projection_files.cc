// Which versions of a file are shown, and where, if that is more than one under its live names. With a live name, the
// highest head is the file and every other one a sibling. Without one, a head that no deletion has dropped brings the
// file back where its latest deletion found it. docs/semantics.md, "Versions" and "What comes back".
#include <algorithm>
#include <utility>

#include "volume/schema.h"
#include "volume/tree_projection.h"

namespace copse::fs {
namespace {

using crdt::RegisterVersionView;
using crdt::Timestamp;
using Heads = std::vector<Timestamp>;

// Versions with equal bytes are one to those who look: groups of equal ones, each ascending, the group of the highest
// head first.
std::vector<Heads> Fold(const std::vector<RegisterVersionView>& versions) {
  std::vector<Heads> groups;
  if (versions.size() == 1) return {{versions.front().time}};  // Nearly always: nothing to decode.
  std::vector<std::optional<base::Hash>> roots;
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    const auto manifest = DecodeManifest(*version->value);
    const std::optional<base::Hash> root = manifest.ok() ? std::optional(manifest->PlainRoot()) : std::nullopt;
    const auto equal = root ? std::find(roots.begin(), roots.end(), root) : roots.end();
    if (equal == roots.end()) {
      roots.push_back(root);
      groups.push_back({version->time});
    } else {
      groups[static_cast<std::size_t>(equal - roots.begin())].push_back(version->time);
    }
  }
  for (Heads& group : groups) std::reverse(group.begin(), group.end());
  return groups;
}

Sibling MakeSibling(NodeId inode, NodeId beside, Heads heads) {
  Sibling sibling;
  sibling.id = heads.back().node();
  sibling.inode = inode;
  sibling.beside = beside;
  sibling.heads = std::move(heads);
  return sibling;
}

void AddSiblings(NodeId inode, NodeId beside, std::vector<Heads> groups, std::vector<Sibling>& siblings) {
  for (Heads& heads : groups) siblings.push_back(MakeSibling(inode, beside, std::move(heads)));
  std::sort(siblings.begin(), siblings.end(), [](const Sibling& a, const Sibling& b) { return a.id < b.id; });
}

// What all deletions of names of an inode have said of its heads.
struct Deletions {
  std::set<Timestamp> dropped;
  std::set<Timestamp> kept;
};

Deletions DeletionsOf(const crdt::Tree& tree, NodeId inode) {
  Deletions deletions;
  for (const RegisterVersionView& version : tree.Versions(inode, schema::kUnlinked)) {
    const auto unlinked = schema::DecodeUnlinked(*version.value);
    if (!unlinked) continue;
    deletions.dropped.insert(unlinked->dropped.begin(), unlinked->dropped.end());
    deletions.kept.insert(unlinked->kept.begin(), unlinked->kept.end());
  }
  return deletions;
}

// The highest head that its author's deletions cannot have known; nothing if all were kept.
std::optional<Timestamp> HighestUnseen(const Heads& heads, const Deletions& deletions) {
  for (auto head = heads.rbegin(); head != heads.rend(); ++head) {
    if (!deletions.kept.contains(*head)) return *head;
  }
  return std::nullopt;
}

}  // namespace

// Whether the file has but one version and some live name: then that is what it shows.
bool TreeProjection::IsPlain(NodeId inode) const {
  return tree_.Versions(inode, schema::kContent).size() == 1 && HasLiveName(inode);
}

// Whether a name of the inode stands in some directory, reachable or not, and is no ghost.
bool TreeProjection::HasLiveName(NodeId inode) const {
  if (const auto further = further_names_.find(inode); further != further_names_.end()) return further->second.live > 0;
  const NodeId dentry = NameMadeWith(inode);
  if (schema::InodeOf(tree_, dentry) != inode) return false;
  const auto placement = tree_.PlacementOf(dentry);
  const Directory* table = placement ? TableOf(placement->parent) : nullptr;
  return table != nullptr && table->is_directory && table->names.Find(tree_, placement->name, dentry);
}

FilePresence TreeProjection::PresenceOf(NodeId inode) const {
  FilePresence presence;
  if (schema::KindOf(tree_, inode) != Kind::kRegular) return presence;
  if (HasLiveName(inode)) {
    PresentByLiveName(inode, presence);
  } else {
    PresentAfterDeletion(inode, presence);
  }
  return presence;
}

void TreeProjection::PresentByLiveName(NodeId inode, FilePresence& presence) const {
  std::vector<RegisterVersionView> heads;
  for (const RegisterVersionView& version : tree_.Versions(inode, schema::kContent)) heads.push_back(version);
  if (heads.empty()) return;
  std::vector<Heads> groups = Fold(heads);
  presence.versions.file = std::move(groups.front());
  groups.erase(groups.begin());
  if (groups.empty()) return;  // Nearly always: then it does not matter which names there are.
  presence.beside = *OldestLiveName(inode);
  presence.place = crdt::Placement(*tree_.PlacementOf(presence.beside));
  AddSiblings(inode, presence.beside, std::move(groups), presence.versions.siblings);
}

// The live name with the lowest claim.
std::optional<NodeId> TreeProjection::OldestLiveName(NodeId inode) const {
  std::optional<NodeId> oldest;
  crdt::Timestamp claim;
  for (const NodeId dentry : NamesEverOf(inode)) {
    const auto placement = tree_.PlacementOf(dentry);
    if (!placement || !IsDirectory(placement->parent) || TargetOf(dentry) != inode) continue;
    if (oldest && placement->claim > claim) continue;
    oldest = dentry;
    claim = placement->claim;
  }
  return oldest;
}

// The name in trash with the highest claim, but for purged ones.
std::optional<NodeId> TreeProjection::LatestDeletedName(NodeId inode) const {
  std::optional<NodeId> latest;
  crdt::Timestamp claim;
  for (const NodeId dentry : NamesEverOf(inode)) {
    const auto placement = tree_.PlacementOf(dentry);
    if (!placement || placement->parent != crdt::kTrash || TargetOf(dentry) != inode) continue;
    if ((latest && placement->claim < claim) || schema::IsPurged(tree_, dentry)) continue;
    latest = dentry;
    claim = placement->claim;
  }
  return latest;
}

void TreeProjection::PresentAfterDeletion(NodeId inode, FilePresence& presence) const {
  const Deletions deletions = DeletionsOf(tree_, inode);
  const auto is_dropped = [&](const RegisterVersionView& version) { return deletions.dropped.contains(version.time); };
  const auto versions_of_file = tree_.Versions(inode, schema::kContent);
  // Where nothing comes back it does not matter which names there were.
  const bool all_dropped = std::all_of(versions_of_file.begin(), versions_of_file.end(), is_dropped);
  const auto deleted = all_dropped ? std::nullopt : LatestDeletedName(inode);
  std::vector<RegisterVersionView> dropped;
  std::vector<RegisterVersionView> standing;
  for (const RegisterVersionView& version : versions_of_file) {
    (deleted && !is_dropped(version) ? standing : dropped).push_back(version);
  }
  FileVersions& versions = presence.versions;
  for (const RegisterVersionView& version : dropped) versions.dropped.push_back(version.time);
  std::vector<Heads> groups = Fold(standing);
  // The file is what somebody wrote who had not seen it deleted; what a deletion kept stays beside it.
  auto file = groups.end();
  for (auto group = groups.begin(); group != groups.end(); ++group) {
    const auto unseen = HighestUnseen(*group, deletions);
    if (unseen && (file == groups.end() || *unseen > *HighestUnseen(*file, deletions))) file = group;
  }
  presence.is_ghost = file != groups.end();
  if (presence.is_ghost) {
    versions.file = std::move(*file);
    groups.erase(file);
  } else if (!dropped.empty()) {
    // For those who still have the deleted file open.
    versions.file = Fold(dropped).front();
    std::erase_if(versions.dropped,
                  [&](Timestamp head) { return std::binary_search(versions.file.begin(), versions.file.end(), head); });
  }
  if (!presence.is_ghost && groups.empty()) return;
  presence.beside = *deleted;
  presence.place = OldPlaceOf(*deleted, presence.is_lost);
  AddSiblings(inode, presence.beside, std::move(groups), versions.siblings);
}

// Where something in trash is shown again, and its claim before it was deleted: where it was, or under the root.
crdt::Placement TreeProjection::OldPlaceOf(NodeId node, bool& is_lost) const {
  const auto before = tree_.PlacementBeforeTrash(node);
  is_lost = !before || !IsDirectory(before->parent);
  if (!is_lost) return crdt::Placement(*before);
  const crdt::PlacementView now = *tree_.PlacementOf(node);
  crdt::Placement place(before.value_or(now));
  place.parent = crdt::kRoot;
  if (!schema::IsEntryName(place.name)) place.name = now.name;
  return place;
}

void TreeProjection::UpdateFile(NodeId inode) {
  const auto found = presences_.find(inode);
  if (found == presences_.end() && IsPlain(inode)) return;  // Nearly always.
  FilePresence presence = PresenceOf(inode);
  if (found == presences_.end() ? presence.is_ordinary() : found->second == presence) return;
  NoteTarget(inode);
  if (found != presences_.end()) Detach(found->second);
  lost_files_.erase(inode);
  if (presence.is_ordinary()) {
    presences_.erase(inode);
    return;
  }
  Attach(inode, presence);
  if (presence.is_lost) lost_files_.insert(inode);
  presences_[inode] = std::move(presence);
}

void TreeProjection::Attach(NodeId inode, const FilePresence& presence) {
  const auto& [parent, name, claim] = presence.place;
  if (presence.is_ghost) {
    ghosts_[presence.beside] = presence.place;
    AddClaimant(parent, name, {presence.beside, inode}, /*is_ghost=*/true);
  }
  if (presence.versions.siblings.empty()) return;
  Directory& table = directories_[parent];
  RareParts& rare = RareOf(table);
  for (const Sibling& sibling : presence.versions.siblings) {
    siblings_[sibling.id] = inode;
    rare.siblings[name].push_back(sibling.id);
    rare.foreign.insert(sibling.id);
    NoteTarget(sibling.id);
  }
  AddEntries(parent, table, static_cast<std::ptrdiff_t>(presence.versions.siblings.size()));
  MarkChanged(parent, table, name, /*has_rivals=*/true);
}

void TreeProjection::Detach(const FilePresence& presence) {
  const auto& [parent, name, claim] = presence.place;
  if (presence.is_ghost) {
    RemoveClaimant(parent, name, presence.beside, /*is_ghost=*/true);
    ghosts_.erase(presence.beside);
  }
  if (presence.versions.siblings.empty()) return;
  Directory& table = directories_.at(parent);
  std::vector<NodeId>& beside = table.rare->siblings.at(name);
  for (const Sibling& sibling : presence.versions.siblings) {
    siblings_.erase(sibling.id);
    std::erase(beside, sibling.id);
    table.rare->foreign.erase(sibling.id);
    NoteTarget(sibling.id);
  }
  if (beside.empty()) table.rare->siblings.erase(name);
  AddEntries(parent, table, -static_cast<std::ptrdiff_t>(presence.versions.siblings.size()));
  MarkChanged(parent, table, name, /*has_rivals=*/true);
}

}  // namespace copse::fs
