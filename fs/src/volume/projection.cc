// Reading the projection. Nearly every directory is as the tree has it: looked up in its table, and listed by the
// tree's own ordered children, so that nothing is kept twice. Where there is a view, it knows the names that several
// claim.
//
// Positions of a listing are node ids (of a sibling, its own) squeezed into 63 bits.
#include <copse/fs/projection.h>

#include <algorithm>
#include <span>
#include <utility>

#include "volume/position.h"
#include "volume/schema.h"
#include "volume/tree_projection.h"

namespace copse::fs {
namespace {

ShownEntry EntryOf(std::string name, const View::Entry& entry) {
  const Shown& shown = entry.shown;
  return ShownEntry{std::move(name), shown.node, shown.target, shown.type, entry.is_generated, shown.is_ghost};
}

ShownEntry OrdinaryEntry(std::string name, const Claimant& claimant, bool is_ghost) {
  const EntryType type = claimant.is_directory() ? EntryType::kDirectory : EntryType::kFile;
  return ShownEntry{std::move(name), claimant.node, claimant.target, type, /*is_generated=*/false, is_ghost};
}

// An ascending sequence of ids, fetched in pieces: a listing is mostly asked for in pieces, too.
class Ascending {
 public:
  static constexpr std::size_t kPiece = 64;
  // At most kPiece ids higher than that given, ascending; none at the end.
  using Fetch = std::function<std::vector<NodeId>(NodeId after)>;

  Ascending(Fetch fetch, NodeId after) : fetch_(std::move(fetch)), ids_(fetch_(after)) {}

  std::optional<NodeId> Peek() const { return next_ == ids_.size() ? std::nullopt : std::optional(ids_[next_]); }
  std::optional<NodeId> Next() {
    const auto id = Peek();
    if (id && ++next_ == ids_.size()) {
      ids_ = fetch_(*id);
      next_ = 0;
    }
    return id;
  }

 private:
  Fetch fetch_;
  std::vector<NodeId> ids_;
  std::size_t next_ = 0;
};

Ascending::Fetch ChildrenIn(const crdt::Tree& tree, NodeId directory) {
  return [&tree, directory](NodeId after) { return tree.ChildrenOf(directory, after, Ascending::kPiece); };
}

Ascending::Fetch ElementsOf(const std::set<NodeId>& set) {
  return [&set](NodeId after) {
    std::vector<NodeId> ids;
    for (auto id = set.upper_bound(after); id != set.end() && ids.size() < Ascending::kPiece; ++id) ids.push_back(*id);
    return ids;
  };
}

// The next of several such sequences.
std::optional<NodeId> NextOf(std::vector<Ascending>& sequences) {
  Ascending* lowest = nullptr;
  for (Ascending& one : sequences) {
    if (one.Peek() && (lowest == nullptr || *one.Peek() < *lowest->Peek())) lowest = &one;
  }
  return lowest == nullptr ? std::nullopt : lowest->Next();
}

}  // namespace

const Directory* TreeProjection::TableOf(NodeId node) const {
  const auto found = directories_.find(node);
  return found == directories_.end() ? nullptr : &found->second;
}

const Directory* TreeProjection::ShownTable(NodeId node) const {
  const Directory* table = TableOf(node);
  return table == nullptr || !table->is_reachable ? nullptr : table;
}

bool TreeProjection::IsDirectory(NodeId node) const {
  const Directory* table = TableOf(node);
  return table != nullptr && table->is_directory;
}

std::span<const NodeId> TreeProjection::MembersOf(const NodeId& directory, const Directory& table) {
  const View* view = ViewOf(table);
  return view == nullptr ? std::span(&directory, 1) : std::span<const NodeId>(view->members);
}

std::optional<crdt::PlacementView> TreeProjection::ClaimedPlaceOf(NodeId node) const {
  if (const auto ghost = ghosts_.find(node); ghost != ghosts_.end()) return ghost->second;
  const auto placement = tree_.PlacementOf(node);
  const Directory* table = placement ? TableOf(placement->parent) : nullptr;
  return table == nullptr || table->names.Find(tree_, placement->name, node) ? placement : std::nullopt;
}

std::optional<ShownEntry> TreeProjection::Lookup(NodeId directory, std::string_view name) const {
  const Directory* table = ShownTable(directory);
  if (table == nullptr) return std::nullopt;
  if (const View* view = ViewOf(*table)) {
    if (const auto entry = view->by_name.find(name); entry != view->by_name.end()) {
      return EntryOf(entry->first, entry->second);
    }
  }
  for (const NodeId member : MembersOf(directory, *table)) {
    const NameTable::Group group = directories_.at(member).names.Find(tree_, name);
    if (group.empty()) continue;
    const Claimant& claimant = group.front();
    return OrdinaryEntry(std::string(name), claimant, ghosts_.contains(claimant.node));
  }
  return std::nullopt;
}

std::optional<EntryParts> TreeProjection::PartsOf(NodeId directory, std::string_view name) const {
  auto entry = Lookup(directory, name);
  if (!entry) return std::nullopt;
  EntryParts parts;
  parts.nodes = {entry->node};
  parts.inode = entry->target;
  if (const View* view = ViewOf(*ShownTable(directory))) {
    const auto contested = view->by_name.find(name);
    if (contested != view->by_name.end()) parts.nodes = contested->second.shown.nodes;
  }
  if (entry->type == EntryType::kFile) parts.heads = VersionsOf(parts.inode).file;
  if (entry->type == EntryType::kSibling) {
    Sibling sibling = *SiblingOf(entry->target);
    parts.inode = sibling.inode;
    parts.heads = std::move(sibling.heads);
  }
  parts.entry = *std::move(entry);
  return parts;
}

// What lists as `id` in `table`; nothing if that shows as part of another, or not at all.
std::optional<ShownEntry> TreeProjection::EntryAt(const Directory& table, NodeId id) const {
  const View* view = ViewOf(table);
  if (view != nullptr) {
    if (const auto name = view->name_of.find(id); name != view->name_of.end()) {
      const auto entry = view->by_name.find(name->second);
      if (entry->second.shown.listed_as() != id) return std::nullopt;
      return EntryOf(entry->first, entry->second);
    }
  }
  const auto ghost = ghosts_.find(id);
  const bool is_ghost = ghost != ghosts_.end();
  const crdt::PlacementView place = is_ghost ? ghost->second : *tree_.PlacementOf(id);
  const bool is_union = view != nullptr && view->is_union();
  const auto claimant = (is_union ? directories_.at(place.parent) : table).names.Find(tree_, place.name, id);
  if (!claimant) return std::nullopt;
  return OrdinaryEntry(std::string(place.name), *claimant, is_ghost);
}

void TreeProjection::List(NodeId directory, std::uint64_t after,
                          const std::function<bool(std::uint64_t, const ShownEntry&)>& visit) const {
  const Directory* table = ShownTable(directory);
  if (table == nullptr) return;
  if (table->rare == nullptr) {
    Ascending children(ChildrenIn(tree_, directory), NodeAtPosition(after));
    while (const auto child = children.Next()) {
      const std::string_view name = tree_.PlacementOf(*child)->name;
      const auto claimant = table->names.Find(tree_, name, *child);
      if (!claimant) continue;
      if (!visit(PositionOf(*child), OrdinaryEntry(std::string(name), *claimant, /*is_ghost=*/false))) return;
    }
    return;
  }
  std::vector<Ascending> ids;
  for (const NodeId member : MembersOf(directory, *table)) {
    ids.emplace_back(ChildrenIn(tree_, member), NodeAtPosition(after));
    const auto& rare = directories_.at(member).rare;
    if (rare != nullptr) ids.emplace_back(ElementsOf(rare->foreign), NodeAtPosition(after));
  }
  while (const auto id = NextOf(ids)) {
    const auto entry = EntryAt(*table, *id);
    if (entry && !visit(PositionOf(*id), *entry)) return;
  }
}

bool TreeProjection::IsEmpty(NodeId directory) const {
  const Directory* table = ShownTable(directory);
  if (table == nullptr) return true;
  const auto members = MembersOf(directory, *table);
  return std::all_of(members.begin(), members.end(),
                     [&](NodeId member) { return directories_.at(member).entries == 0; });
}

std::uint32_t TreeProjection::LinksOf(NodeId target) const {
  if (const Directory* table = ShownTable(target)) {
    std::uint32_t links = 2;
    for (const NodeId member : MembersOf(target, *table)) links += directories_.at(member).subdirectories;
    const View* view = ViewOf(*table);
    return view == nullptr ? links : links - view->folded_subdirectories;
  }
  if (SiblingOf(target)) return 1;
  if (const auto further = further_names_.find(target); further != further_names_.end()) return further->second.shown;
  std::uint32_t links = 0;
  ForEachName(target, [&](NodeId) { ++links; });
  return links;
}

// Calls `visit` for each dentry that gives `inode` a name that is shown.
template <typename Visit>
void TreeProjection::ForEachName(NodeId inode, const Visit& visit) const {
  for (const NodeId dentry : NamesEverOf(inode)) {
    const auto place = ClaimedPlaceOf(dentry);
    const Directory* table = place ? ShownTable(place->parent) : nullptr;
    if (table != nullptr && !ShowsAsPartOfAnother(*table, dentry)) visit(dentry);
  }
}

bool TreeProjection::ShowsAsPartOfAnother(const Directory& table, NodeId node) const {
  const View* view = ViewOf(table);
  if (view == nullptr) return false;
  const auto name = view->name_of.find(node);
  return name != view->name_of.end() && view->by_name.find(name->second)->second.shown.node != node;
}

std::vector<NodeId> TreeProjection::NamesOf(NodeId inode) const {
  std::vector<NodeId> names;
  ForEachName(inode, [&](NodeId dentry) { names.push_back(dentry); });
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<NodeId> TreeProjection::GhostNameOf(NodeId inode) const {
  const auto presence = presences_.find(inode);
  if (presence == presences_.end() || !presence->second.is_ghost) return std::nullopt;
  const bool is_shown = ShownTable(presence->second.place.parent) != nullptr;
  return is_shown ? std::optional(presence->second.beside) : std::nullopt;
}

std::optional<crdt::Timestamp> TreeProjection::DeletedAt(NodeId inode) const {
  const auto deleted = LatestDeletedName(inode);
  return deleted ? std::optional(tree_.PlacementOf(*deleted)->claim) : std::nullopt;
}

absl::InlinedVector<NodeId, 2> TreeProjection::NamesEverOf(NodeId inode) const {
  absl::InlinedVector<NodeId, 2> names;
  if (schema::InodeOf(tree_, NameMadeWith(inode)) == inode) names.push_back(NameMadeWith(inode));
  if (const auto further = further_names_.find(inode); further != further_names_.end()) {
    const auto& dentries = further->second.dentries;
    names.insert(names.end(), dentries.begin(), dentries.end());
  }
  return names;
}

std::optional<NodeId> TreeProjection::ParentOf(NodeId directory) const {
  if (ShownTable(directory) == nullptr) return std::nullopt;
  return directory == crdt::kRoot ? crdt::kRoot : RepresentativeOf(ClaimedPlaceOf(directory)->parent);
}

std::optional<ShownPlace> TreeProjection::ShownAt(NodeId node) const {
  const auto sibling = siblings_.find(node);
  const std::optional<crdt::PlacementView> place =
      sibling == siblings_.end() ? ClaimedPlaceOf(node) : presences_.at(sibling->second).place;
  const Directory* table = place ? ShownTable(place->parent) : nullptr;
  if (table == nullptr) return std::nullopt;
  ShownPlace shown{RepresentativeOf(place->parent), std::string(place->name)};
  if (const View* view = ViewOf(*table)) {
    if (const auto name = view->name_of.find(node); name != view->name_of.end()) shown.name = name->second;
  }
  return shown;
}

std::vector<NodeId> TreeProjection::MembersOf(NodeId directory) const {
  const Directory* table = ShownTable(directory);
  if (table == nullptr) return {directory};
  const auto members = MembersOf(directory, *table);
  return {members.begin(), members.end()};
}

NodeId TreeProjection::RepresentativeOf(NodeId directory) const {
  const Directory* table = ShownTable(directory);
  return table == nullptr ? directory : MembersOf(directory, *table).front();
}

std::optional<crdt::Placement> TreeProjection::GhostPlaceOf(NodeId node) const {
  const auto ghost = ghosts_.find(node);
  return ghost == ghosts_.end() ? std::nullopt : std::optional(ghost->second);
}

FileVersions TreeProjection::VersionsOf(NodeId inode) const {
  const auto presence = presences_.find(inode);
  return presence == presences_.end() ? PresenceOf(inode).versions : presence->second.versions;
}

std::optional<Sibling> TreeProjection::SiblingOf(NodeId id) const {
  const auto inode = siblings_.find(id);
  if (inode == siblings_.end()) return std::nullopt;
  const FilePresence& presence = presences_.at(inode->second);
  if (ShownTable(presence.place.parent) == nullptr) return std::nullopt;
  const auto& siblings = presence.versions.siblings;
  return *std::find_if(siblings.begin(), siblings.end(), [&](const Sibling& sibling) { return sibling.id == id; });
}

std::unique_ptr<Projection> MakeProjection(const crdt::Tree& tree) { return std::make_unique<TreeProjection>(tree); }

}  // namespace copse::fs
