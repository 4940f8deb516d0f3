// The projection of random ops of several replicas, in any order and any pieces, against the model.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "projection_fixture.h"
#include "projection_model.h"
#include "projection_ops.h"

namespace copse::fs_test {
namespace {

using crdt::kRoot;
using crdt::kTrash;
using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;
using fs::EntryType;
using fs::Projection;
using fs::ShownEntry;

/// Every id that the ops name, or that a version has.
std::set<NodeId> IdsIn(const std::vector<Op>& ops) {
  std::set<NodeId> ids = {crdt::kForest, kRoot, crdt::kFileInodes, kTrash};
  for (const Op& op : ops) ids.insert({op.child, op.time.node()});
  return ids;
}

ModelEntry EntryOf(const fs::EntryParts& parts) {
  ModelEntry entry;
  entry.node = parts.entry.node;
  entry.target = parts.entry.target;
  entry.type = parts.entry.type;
  entry.is_generated = parts.entry.is_generated;
  entry.is_ghost = parts.entry.is_ghost;
  entry.nodes = parts.nodes;
  entry.inode = parts.inode;
  entry.heads = parts.heads;
  return entry;
}

/// All that `projection` says, asked for each of `ids`. What it says twice must agree.
Model ShownBy(const Projection& projection, const std::set<NodeId>& ids) {
  Model model;
  model.entries = projection.EntryCount();
  for (const NodeId id : ids) {
    if (const std::uint32_t links = projection.LinksOf(id)) model.links[id] = links;
    const auto names = projection.NamesOf(id);
    RC_ASSERT(std::is_sorted(names.begin(), names.end()));
    if (!names.empty()) model.names[id] = {names.begin(), names.end()};
    const bool is_ghost =
        std::any_of(names.begin(), names.end(), [&](NodeId name) { return projection.GhostPlaceOf(name).has_value(); });
    RC_ASSERT(projection.GhostNameOf(id) == (is_ghost ? std::optional(names.front()) : std::nullopt));
    if (is_ghost) RC_ASSERT(names.size() == 1u);
    if (const auto sibling = projection.SiblingOf(id)) model.siblings[id] = *sibling;
    const fs::FileVersions versions = projection.VersionsOf(id);
    if (!(versions == fs::FileVersions())) model.versions[id] = versions;
    const auto parent = projection.ParentOf(id);
    Model::Entries entries;
    std::uint64_t last = 0;
    projection.List(id, 0, [&](std::uint64_t position, const ShownEntry& entry) {
      RC_ASSERT(position > last);
      RC_ASSERT(position > 15u);
      RC_ASSERT(position < std::uint64_t{1} << 63);
      last = position;
      const auto parts = projection.PartsOf(id, entry.name);
      RC_ASSERT(parts.has_value());
      RC_ASSERT(parts->entry == entry);
      RC_ASSERT(projection.Lookup(id, entry.name) == entry);
      RC_ASSERT(entries.emplace(entry.name, EntryOf(*parts)).second);
      const fs::ShownPlace place{projection.RepresentativeOf(id), entry.name};
      if (entry.type == EntryType::kSibling) RC_ASSERT(projection.ShownAt(entry.target) == place);
      if (entry.type != EntryType::kSibling) {
        for (const NodeId node : parts->nodes) RC_ASSERT(projection.ShownAt(node) == place);
      }
      return true;
    });
    RC_ASSERT(projection.IsEmpty(id) == entries.empty());
    const auto members = projection.MembersOf(id);
    RC_ASSERT(members.front() == projection.RepresentativeOf(id));
    if (!parent) {
      RC_ASSERT(entries.empty());
      RC_ASSERT(members == std::vector<NodeId>{id});
      continue;
    }
    model.parents[id] = *parent;
    model.directories[id] = std::move(entries);
    model.members[id] = members;
  }
  return model;
}

/// Fails the property unless `projection` says what the model says.
void ExpectShows(const Projection& projection, Model expected, const std::set<NodeId>& ids) {
  std::map<std::pair<NodeId, std::string>, std::string> generated;  // To their stored names.
  for (auto& [directory, entries] : expected.directories) {
    for (auto& [name, entry] : entries) {
      if (entry.is_generated) generated[{directory, name}] = entry.stored;
      entry.stored.clear();
    }
  }
  std::erase_if(expected.versions, [](const auto& one) { return one.second == fs::FileVersions(); });
  const Model shown = ShownBy(projection, ids);
  if (shown.directories != expected.directories)
    RC_LOG() << "shown\n" << Describe(shown) << "expected\n" << Describe(expected);
  RC_ASSERT(shown.directories == expected.directories);
  RC_ASSERT(shown.members == expected.members);
  RC_ASSERT(shown.parents == expected.parents);
  RC_ASSERT(shown.names == expected.names);
  RC_ASSERT(shown.versions == expected.versions);
  RC_ASSERT(shown.siblings == expected.siblings);
  RC_ASSERT(shown.links == expected.links);
  RC_ASSERT(shown.entries == expected.entries);
  for (const auto& [place, stored] : generated) {
    const auto conflict = projection.ConflictOf(place.first, place.second);
    RC_ASSERT(conflict.has_value());
    RC_ASSERT(conflict->stored_name == stored);
  }
}

/// What stat(2), read(2) and readdir(3) tell of an id, as far as names decide it.
struct Meaning {
  std::uint32_t links = 0;
  std::map<std::string, NodeId> entries;
  NodeId attributes_of;
  std::vector<Timestamp> heads;
  friend bool operator==(const Meaning&, const Meaning&) = default;
};

Meaning MeaningOf(const Model& model, NodeId id) {
  Meaning meaning;
  meaning.attributes_of = id;
  if (const auto links = model.links.find(id); links != model.links.end()) meaning.links = links->second;
  if (const auto members = model.members.find(id); members != model.members.end()) {
    meaning.attributes_of = members->second.front();
  }
  if (const auto entries = model.directories.find(id); entries != model.directories.end()) {
    for (const auto& [name, entry] : entries->second) meaning.entries[name] = entry.target;
  }
  if (const auto versions = model.versions.find(id); versions != model.versions.end()) {
    meaning.heads = versions->second.file;
  }
  if (const auto sibling = model.siblings.find(id); sibling != model.siblings.end()) {
    meaning.attributes_of = sibling->second.inode;
    meaning.heads = sibling->second.heads;
  }
  return meaning;
}

void ExpectCovers(const fs::Invalidations& changed, const Model& before, const Model& after,
                  const std::set<NodeId>& ids) {
  RC_ASSERT(std::is_sorted(changed.names.begin(), changed.names.end()));
  RC_ASSERT(std::is_sorted(changed.targets.begin(), changed.targets.end()));
  for (const NodeId id : ids) {
    const Meaning was = MeaningOf(before, id);
    const Meaning is = MeaningOf(after, id);
    if (!(was == is)) RC_ASSERT(std::binary_search(changed.targets.begin(), changed.targets.end(), id));
    std::set<std::string> names;
    for (const auto& [name, target] : was.entries) names.insert(name);
    for (const auto& [name, target] : is.entries) names.insert(name);
    for (const std::string& name : names) {
      const auto was_entry = was.entries.find(name);
      const auto is_entry = is.entries.find(name);
      const bool same =
          was_entry != was.entries.end() && is_entry != is.entries.end() && was_entry->second == is_entry->second;
      const fs::Invalidations::Name one{id, name};
      if (!same) RC_ASSERT(std::binary_search(changed.names.begin(), changed.names.end(), one));
    }
  }
}

RC_GTEST_PROP(ProjectionProperty, ShowsWhatTheModelShowsAfterEveryPieceAndInvalidatesWhatChanged, ()) {
  const std::vector<Op> ops = RandomOps();
  const std::set<NodeId> ids = IdsIn(ops);
  Forest forest;
  crdt_test::Oracle oracle;
  Model before = ModelOf(oracle.Fold());
  const std::vector<std::vector<Op>> pieces = InRandomOrderAndPieces(ops);
  RC_LOG() << Describe(pieces);
  for (const std::vector<Op>& piece : pieces) {
    const fs::Invalidations changed = forest.Apply(piece);
    oracle.Learn(piece);
    Model after = ModelOf(oracle.Fold());
    ExpectShows(forest.projection(), after, ids);
    ExpectShows(*fs::MakeProjection(forest.tree()), after, ids);
    ExpectCovers(changed, before, after, ids);
    before = std::move(after);
  }
}

/// Whether `node` hangs, in the tree, under directories only: up to the root, or to one in trash.
bool IsWellPlaced(const Forest& forest, NodeId node) {
  for (auto place = forest.tree().PlacementOf(node); place;) {
    if (place->parent == kRoot) return true;
    if (fs::schema::KindOf(forest.tree(), place->parent) != fs::Kind::kDirectory) return false;
    const auto above = forest.tree().PlacementOf(place->parent);
    if (above && above->parent == kTrash) return true;
    place = above;
  }
  return false;
}

/// Of a dentry: its inode, if that is one.
std::optional<NodeId> InodeOf(const Forest& forest, NodeId dentry) {
  const auto inode = fs::schema::InodeOf(forest.tree(), dentry);
  const auto place = inode ? forest.tree().PlacementOf(*inode) : std::nullopt;
  return place && place->parent == crdt::kFileInodes ? inode : std::nullopt;
}

// Directories in trash may have been there, by another one's old place, below what breaks the types of nodes: so only
// histories that leave none such say that all is reachable.
RC_GTEST_PROP(ProjectionProperty, EveryLiveNameCanBeReached, ()) {
  Forest forest;
  const std::vector<std::vector<Op>> pieces = InRandomOrderAndPieces(RandomOps());
  RC_LOG() << Describe(pieces);
  for (const std::vector<Op>& piece : pieces) forest.Apply(piece);
  const std::vector<NodeId> nodes = forest.tree().Nodes();
  const auto is_directory = [&](NodeId node) {
    return !crdt::IsPermanent(node) && fs::schema::KindOf(forest.tree(), node) == fs::Kind::kDirectory;
  };
  RC_PRE(std::all_of(nodes.begin(), nodes.end(), [&](NodeId node) {
    const auto place = forest.tree().PlacementOf(node);
    return !is_directory(node) || !place || place->parent == kTrash || IsWellPlaced(forest, node);
  }));
  for (const NodeId node : nodes) {
    if (!IsWellPlaced(forest, node) || !(is_directory(node) || InodeOf(forest, node))) continue;
    // From it upward there is a shown name at each step.
    auto shown = forest.projection().ShownAt(node);
    RC_ASSERT(shown.has_value());
    for (std::size_t steps = 0; shown->directory != kRoot; ++steps) {
      RC_ASSERT(steps < nodes.size());
      RC_ASSERT(forest.projection().Lookup(shown->directory, shown->name).has_value());
      shown = forest.projection().ShownAt(shown->directory);
      RC_ASSERT(shown.has_value());
    }
  }
}

RC_GTEST_PROP(ProjectionProperty, EveryVersionIsShownOrWasDeletedOrReplaced, ()) {
  Forest forest;
  const std::vector<std::vector<Op>> pieces = InRandomOrderAndPieces(RandomOps());
  RC_LOG() << Describe(pieces);
  for (const std::vector<Op>& piece : pieces) forest.Apply(piece);
  for (const NodeId inode : forest.tree().Nodes()) {
    if (fs::schema::KindOf(forest.tree(), inode) != fs::Kind::kRegular) continue;
    const fs::FileVersions versions = forest.projection().VersionsOf(inode);
    std::vector<Timestamp> heads = versions.file;
    heads.insert(heads.end(), versions.dropped.begin(), versions.dropped.end());
    for (const fs::Sibling& sibling : versions.siblings) {
      heads.insert(heads.end(), sibling.heads.begin(), sibling.heads.end());
    }
    std::sort(heads.begin(), heads.end());
    RC_ASSERT(heads == fs::schema::HeadsOf(forest.tree(), inode));
  }
}

RC_GTEST_PROP(ProjectionProperty, OpsThatComeAgainInvalidateNothing, ()) {
  const std::vector<Op> ops = RandomOps();
  Forest forest;
  forest.Apply(ops);
  std::vector<Op> moves;  // TreeReplica skips the others, which it knows.
  std::copy_if(ops.begin(), ops.end(), std::back_inserter(moves), [](const Op& op) { return op.place.has_value(); });
  const fs::Invalidations changed = forest.Apply(moves);
  RC_ASSERT(changed.names.empty());
  RC_ASSERT(changed.targets.empty());
}

}  // namespace
}  // namespace copse::fs_test
