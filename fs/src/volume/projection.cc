// Which names are shown. For each directory there is a table from stored name to those who claim it, kept up to date
// by the net events of the tree; nearly always one claimant a name, shown as stored. Where there are several, the
// first in the order (directories before the rest, then the highest claim) has the name, and the others get generated
// names, computed anew for the whole directory with each change to it: no state survives that the tree does not give,
// so that every replica shows the same and a rebuilt projection equals one kept by events.
//
// Positions of a listing are the node ids squeezed into 63 bits, so that the tree's own ordered children serve as the
// listing and nothing is kept twice. Whether a directory can be reached from the root is a flag, carried down its
// subtree when it changes, which makes link counts cheap.
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>
#include <absl/container/node_hash_map.h>
#include <copse/fs/projection.h>

#include <algorithm>
#include <map>
#include <set>

#include "volume/generated_name.h"
#include "volume/position.h"
#include "volume/schema.h"

namespace copse::fs {
namespace {

using crdt::Placement;

// Who shows a name: the node whose place gives it, and what it leads to. A directory leads to itself.
struct Claimant {
  NodeId node;
  NodeId target;
  bool is_directory() const { return node == target; }
};
using Group = absl::InlinedVector<Claimant, 1>;  // The winner first; never empty.

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};

// Names that several claim in one directory, and what the losers are called.
struct Contest {
  std::set<std::string> names;
  std::map<std::string, Claimant, std::less<>> by_name;
  absl::flat_hash_map<NodeId, std::string> by_node;
};

struct Directory {
  absl::flat_hash_map<std::string, Group, NameHash, std::equal_to<>> groups;
  std::unique_ptr<Contest> contest;  // Nearly always absent.
  std::size_t entries = 0;           // Shown ones.
  std::uint32_t subdirectories = 0;
  bool reachable = false;  // From the root, through directories only.
};

// Two names of one inode that are stored alike show once: whether an earlier claimant shows what the one at `index`
// does.
bool IsFolded(const Group& group, std::size_t index) {
  return std::any_of(group.begin(), group.begin() + static_cast<std::ptrdiff_t>(index),
                     [&](const Claimant& earlier) { return earlier.target == group[index].target; });
}

std::size_t ShownIn(const Group& group) {
  std::size_t shown = 0;
  for (std::size_t i = 0; i < group.size(); ++i) shown += IsFolded(group, i) ? 0 : 1;
  return shown;
}

bool HasField(const crdt::NetEvent& event, std::uint32_t number) {
  return std::any_of(event.fields.begin(), event.fields.end(),
                     [&](const crdt::FieldId& field) { return field.number == number; });
}

class TreeProjection final : public Projection {
 public:
  explicit TreeProjection(const crdt::Tree& tree) : tree_(tree) {
    directories_[crdt::kRoot].reachable = true;
    std::vector<crdt::NetEvent> events;
    for (const NodeId node : tree.Nodes()) {
      crdt::NetEvent event;
      event.node = node;
      if (const Placement* placement = tree.PlacementOf(node)) event.after = *placement;
      for (const auto number : {schema::kKind, schema::kInode}) {
        if (tree.Value(node, number) != nullptr) event.fields.push_back({number, {}});
      }
      events.push_back(std::move(event));
    }
    Update(events);
  }

  Invalidations Update(std::span<const crdt::NetEvent> events) override {
    Invalidations changed;
    std::vector<NodeId> moved_directories;
    for (const crdt::NetEvent& event : events) {
      changed.targets.push_back(event.node);
      if (HasField(event, schema::kInode)) Remember(event.node);
      const bool typed = HasField(event, schema::kKind) || HasField(event, schema::kInode);
      if (crdt::IsPermanent(event.node) || (!event.moved() && !typed)) continue;
      Reindex(event.node, event.before ? &*event.before : nullptr, changed);
      if (schema::KindOf(tree_, event.node) == Kind::kDirectory) moved_directories.push_back(event.node);
      if (const auto names = names_.find(event.node); names != names_.end()) {
        for (const NodeId dentry : names->second) Reindex(dentry, nullptr, changed);
      }
    }
    for (const NodeId directory : moved_directories) UpdateReachable(directory, changed);
    for (const NodeId directory : contested_) UpdateContest(directory, changed);
    contested_.clear();
    SortUnique(changed.names);
    SortUnique(changed.targets);
    return changed;
  }

  std::optional<ShownEntry> Lookup(NodeId directory, std::string_view name) const override {
    const Directory* table = TableOf(directory);
    if (table == nullptr) return std::nullopt;
    if (const auto group = table->groups.find(name); group != table->groups.end()) {
      const Claimant& winner = group->second.front();
      return Entry(std::string(name), winner, false);
    }
    if (table->contest == nullptr) return std::nullopt;
    const auto generated = table->contest->by_name.find(name);
    if (generated == table->contest->by_name.end()) return std::nullopt;
    return Entry(generated->first, generated->second, true);
  }

  void List(NodeId directory, std::uint64_t after,
            const std::function<bool(std::uint64_t, const ShownEntry&)>& visit) const override {
    const Directory* table = TableOf(directory);
    if (table == nullptr) return;
    const std::set<NodeId>& children = tree_.ChildrenOf(directory);
    for (auto child = children.upper_bound(NodeAtPosition(after)); child != children.end(); ++child) {
      const auto entry = EntryOf(*table, *child);
      if (entry && !visit(PositionOf(*child), *entry)) return;
    }
  }

  bool IsEmpty(NodeId directory) const override {
    const Directory* table = TableOf(directory);
    return table == nullptr || table->groups.empty();
  }

  std::uint32_t LinksOf(NodeId target) const override {
    if (const Directory* table = TableOf(target)) return table->reachable ? 2 + table->subdirectories : 0;
    std::uint32_t links = 0;
    ForEachName(target, [&](NodeId) { ++links; });
    return links;
  }

  std::vector<NodeId> NamesOf(NodeId inode) const override {
    std::vector<NodeId> names;
    ForEachName(inode, [&](NodeId dentry) { names.push_back(dentry); });
    std::sort(names.begin(), names.end());
    return names;
  }

  std::optional<NodeId> ParentOf(NodeId directory) const override {
    const Directory* table = TableOf(directory);
    if (table == nullptr || !table->reachable) return std::nullopt;
    return directory == crdt::kRoot ? crdt::kRoot : tree_.PlacementOf(directory)->parent;
  }

  std::optional<EntryParts> PartsOf(NodeId directory, std::string_view name) const override {
    auto entry = Lookup(directory, name);
    if (!entry) return std::nullopt;
    EntryParts parts;
    parts.nodes = {entry->node};
    parts.inode = entry->target;
    parts.heads = VersionsOf(entry->target).file;
    parts.entry = *std::move(entry);
    return parts;
  }

  std::optional<ShownPlace> ShownAt(NodeId node) const override {
    const Placement* placement = tree_.PlacementOf(node);
    if (placement == nullptr || crdt::IsPermanent(node)) return std::nullopt;
    const Directory* table = TableOf(placement->parent);
    if (table == nullptr || !table->reachable) return std::nullopt;
    auto entry = EntryOf(*table, node);
    if (!entry) return std::nullopt;
    return ShownPlace{placement->parent, std::move(entry->name)};
  }

  std::vector<NodeId> MembersOf(NodeId directory) const override { return {directory}; }
  NodeId RepresentativeOf(NodeId directory) const override { return directory; }
  std::optional<Placement> GhostPlaceOf(NodeId) const override { return std::nullopt; }

  FileVersions VersionsOf(NodeId inode) const override {
    FileVersions versions;
    const std::vector<crdt::Timestamp> heads = schema::HeadsOf(tree_, inode);
    if (!heads.empty()) versions.file = {heads.back()};
    return versions;
  }

  std::optional<Sibling> SiblingOf(NodeId) const override { return std::nullopt; }
  std::vector<Conflict> Conflicts() const override { return {}; }
  std::optional<Conflict> ConflictOf(NodeId, std::string_view) const override { return std::nullopt; }

  std::uint64_t EntryCount() const override { return reachable_entries_; }

 private:
  static ShownEntry Entry(std::string name, const Claimant& claimant, bool is_generated) {
    ShownEntry entry;
    entry.name = std::move(name);
    entry.node = claimant.node;
    entry.target = claimant.target;
    entry.type = claimant.is_directory() ? EntryType::kDirectory : EntryType::kFile;
    entry.is_generated = is_generated;
    return entry;
  }

  template <typename T>
  static void SortUnique(std::vector<T>& values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
  }

  // The table of what is a directory; tables of other nodes wait for what may be wrongly placed there, and show
  // nothing.
  const Directory* TableOf(NodeId node) const {
    const auto found = directories_.find(node);
    if (found == directories_.end() || schema::KindOf(tree_, node) != Kind::kDirectory) return nullptr;
    return &found->second;
  }

  void Remember(NodeId dentry) {
    const auto inode = schema::InodeOf(tree_, dentry);
    if (!inode) return;
    auto& names = names_[*inode];
    if (std::find(names.begin(), names.end(), dentry) == names.end()) names.push_back(dentry);
  }

  // What `node` leads to where its place shows it; nothing if it is in trash or breaks the types of nodes.
  std::optional<NodeId> TargetOf(NodeId node, const Placement& placement) const {
    if (crdt::IsPermanent(placement.parent) && placement.parent != crdt::kRoot) return std::nullopt;
    if (node.actor() == 0 || !HasPosition(node)) return std::nullopt;
    if (const auto kind = schema::KindOf(tree_, node)) {
      return *kind == Kind::kDirectory ? std::optional(node) : std::nullopt;
    }
    const auto inode = schema::InodeOf(tree_, node);
    if (!inode) return std::nullopt;
    const Placement* inode_placement = tree_.PlacementOf(*inode);
    if (inode_placement == nullptr || inode_placement->parent != crdt::kFileInodes) return std::nullopt;
    const auto kind = schema::KindOf(tree_, *inode);
    return kind && *kind != Kind::kDirectory ? inode : std::nullopt;
  }

  // Takes `node` out of the tables, where `before` and the tree have it, and puts it where it belongs now.
  void Reindex(NodeId node, const Placement* before, Invalidations& changed) {
    const Placement* placement = tree_.PlacementOf(node);
    if (before != nullptr) Remove(before->parent, before->name, node, changed);
    if (placement == nullptr) return;
    Remove(placement->parent, placement->name, node, changed);
    if (const auto target = TargetOf(node, *placement))
      Add(placement->parent, placement->name, {node, *target}, changed);
    if (schema::KindOf(tree_, node) == Kind::kDirectory) directories_.try_emplace(node);
  }

  void Remove(NodeId parent, const std::string& name, NodeId node, Invalidations& changed) {
    const auto directory = directories_.find(parent);
    if (directory == directories_.end()) return;
    Directory& table = directory->second;
    const auto group = table.groups.find(name);
    if (group == table.groups.end()) return;
    Group& claimants = group->second;
    const auto claimant =
        std::find_if(claimants.begin(), claimants.end(), [&](const Claimant& c) { return c.node == node; });
    if (claimant == claimants.end()) return;
    changed.names.push_back({parent, name});
    changed.targets.push_back(parent);
    changed.targets.push_back(claimant->target);
    if (claimant->is_directory()) --table.subdirectories;
    const std::size_t shown_before = ShownIn(claimants);
    claimants.erase(claimant);
    CountEntries(table, shown_before, ShownIn(claimants));
    if (claimants.empty()) table.groups.erase(group);
    if (table.contest != nullptr) NoteContest(parent, table, name);
  }

  void Add(NodeId parent, const std::string& name, Claimant claimant, Invalidations& changed) {
    Directory& table = directories_[parent];
    Group& claimants = table.groups[name];
    const std::size_t shown_before = ShownIn(claimants);
    claimants.push_back(claimant);
    if (claimants.size() > 1) {
      std::sort(claimants.begin(), claimants.end(), [&](const Claimant& a, const Claimant& b) {
        if (a.is_directory() != b.is_directory()) return a.is_directory();
        return tree_.PlacementOf(a.node)->claim > tree_.PlacementOf(b.node)->claim;
      });
      if (table.contest == nullptr) table.contest = std::make_unique<Contest>();
    }
    if (claimant.is_directory()) ++table.subdirectories;
    CountEntries(table, shown_before, ShownIn(claimants));
    changed.names.push_back({parent, name});
    changed.targets.push_back(parent);
    changed.targets.push_back(claimant.target);
    if (table.contest != nullptr) NoteContest(parent, table, name);
  }

  void CountEntries(Directory& table, std::size_t before, std::size_t after) {
    table.entries += after - before;
    if (table.reachable) reachable_entries_ += after - before;
  }

  // Makes the contest of a directory follow its table when the batch has been taken in.
  void NoteContest(NodeId directory, Directory& table, const std::string& name) {
    const auto group = table.groups.find(name);
    if (group != table.groups.end() && group->second.size() > 1) {
      table.contest->names.insert(name);
    } else {
      table.contest->names.erase(name);
    }
    contested_.insert(directory);
  }

  void UpdateContest(NodeId directory, Invalidations& changed) {
    Directory& table = directories_.at(directory);
    Contest next;
    next.names = std::move(table.contest->names);
    for (const std::string& name : next.names) NameLosers(table, name, next);
    for (const auto* names : {&table.contest->by_name, &next.by_name}) {
      const auto& others = names == &next.by_name ? table.contest->by_name : next.by_name;
      for (const auto& [name, claimant] : *names) {
        const auto other = others.find(name);
        if (other == others.end() || other->second.node != claimant.node) changed.names.push_back({directory, name});
      }
    }
    if (next.names.empty()) {
      table.contest.reset();
    } else {
      *table.contest = std::move(next);
    }
  }

  void NameLosers(const Directory& table, const std::string& stored, Contest& contest) const {
    const Group& group = table.groups.find(stored)->second;
    std::vector<Claimant> losers;
    for (std::size_t i = 1; i < group.size(); ++i) {
      if (!IsFolded(group, i)) losers.push_back(group[i]);
    }
    const auto claim = [&](const Claimant& c) { return tree_.PlacementOf(c.node)->claim; };
    std::sort(losers.begin(), losers.end(), [&](const Claimant& a, const Claimant& b) {
      return std::pair(claim(a), a.node) < std::pair(claim(b), b.node);
    });
    for (const Claimant& loser : losers) {
      for (unsigned attempt = 1;; ++attempt) {
        std::string name = GeneratedName(stored, loser.is_directory(), schema::LabelOf(tree_, claim(loser).actor()),
                                         claim(loser), attempt);
        if (table.groups.contains(name) || !contest.by_name.try_emplace(name, loser).second) continue;
        contest.by_node.emplace(loser.node, std::move(name));
        break;
      }
    }
  }

  std::optional<ShownEntry> EntryOf(const Directory& table, NodeId child) const {
    const Placement* placement = tree_.PlacementOf(child);
    const auto group = table.groups.find(placement->name);
    if (group == table.groups.end()) return std::nullopt;
    if (const Claimant& winner = group->second.front(); winner.node == child) {
      return Entry(placement->name, winner, false);
    }
    if (table.contest == nullptr) return std::nullopt;
    const auto generated = table.contest->by_node.find(child);
    if (generated == table.contest->by_node.end()) return std::nullopt;
    return Entry(generated->second, table.contest->by_name.find(generated->second)->second, true);
  }

  // Whether `dentry` is one of the entries of its directory, and not folded into another.
  bool IsShown(NodeId dentry) const {
    const Placement* placement = tree_.PlacementOf(dentry);
    if (placement == nullptr) return false;
    const auto directory = directories_.find(placement->parent);
    if (directory == directories_.end() || !directory->second.reachable) return false;
    const auto group = directory->second.groups.find(placement->name);
    if (group == directory->second.groups.end()) return false;
    for (std::size_t i = 0; i < group->second.size(); ++i) {
      if (group->second[i].node == dentry) return !IsFolded(group->second, i);
    }
    return false;
  }

  template <typename Visit>
  void ForEachName(NodeId inode, const Visit& visit) const {
    const auto names = names_.find(inode);
    if (names == names_.end()) return;
    for (const NodeId dentry : names->second) {
      if (IsShown(dentry)) visit(dentry);
    }
  }

  // Sets the flag of `directory` by its parent's, and carries a change down. A parent that changes later in the same
  // batch carries its own change down again, so the order in which the moved directories are visited does not matter.
  void UpdateReachable(NodeId directory, Invalidations& changed) {
    std::vector<NodeId> pending = {directory};
    while (!pending.empty()) {
      const NodeId node = pending.back();
      pending.pop_back();
      const Placement* placement = tree_.PlacementOf(node);
      if (placement == nullptr) continue;
      const Directory* parent = TableOf(placement->parent);
      const bool reachable = parent != nullptr && parent->reachable && TargetOf(node, *placement).has_value();
      Directory& table = directories_[node];
      if (table.reachable == reachable) continue;
      table.reachable = reachable;
      reachable_entries_ += reachable ? table.entries : -table.entries;
      changed.targets.push_back(node);
      for (const auto& [name, group] : table.groups) {
        for (const Claimant& claimant : group) {
          changed.targets.push_back(claimant.target);
          if (claimant.is_directory()) pending.push_back(claimant.node);
        }
      }
    }
  }

  const crdt::Tree& tree_;
  absl::node_hash_map<NodeId, Directory> directories_;
  // Every dentry that names the inode, wherever it lies.
  absl::flat_hash_map<NodeId, absl::InlinedVector<NodeId, 2>> names_;
  std::set<NodeId> contested_;  // Directories with a contest that the present update touched.
  std::uint64_t reachable_entries_ = 0;
};

}  // namespace

std::unique_ptr<Projection> MakeProjection(const crdt::Tree& tree) { return std::make_unique<TreeProjection>(tree); }

}  // namespace copse::fs
