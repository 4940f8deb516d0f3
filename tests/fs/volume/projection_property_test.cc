// The projection of random ops of several replicas, in any order and any pieces, against the model.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "projection_fixture.h"
#include "projection_model.h"

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

/// Makes ops over few nodes and few names, so that they meet. Each is made as if its author had seen some of the
/// others.
class OpMaker {
 public:
  std::vector<Op> Make() {
    const int count = *rc::gen::inRange(1, 45);
    for (int i = 0; i < count; ++i) MakeOne();
    return std::move(ops_);
  }

 private:
  static bool OneIn(int n) { return *rc::gen::inRange(0, n) == 0; }
  template <typename T>
  static T OneOf(const std::vector<T>& values) {
    return values[*rc::gen::inRange<std::size_t>(0, values.size())];
  }
  template <typename T>
  static std::vector<T> SomeOf(const std::vector<T>& values) {
    std::vector<T> some;
    for (const T& value : values) {
      if (OneIn(2)) some.push_back(value);
    }
    return some;
  }
  static std::string Name() { return OneOf<std::string>({"a", "b.c", "a", "a-0001", "a-x"}); }

  Timestamp Tick(crdt::ActorId actor) { return At(++counter_, actor); }
  static crdt::ActorId Actor() { return *rc::gen::inRange<crdt::ActorId>(1, 4); }
  NodeId AnyDirectory() { return OneIn(3) || directories_.empty() ? kRoot : OneOf(directories_); }

  void Add(Op op) {
    if (op.place) claims_[op.child].push_back(op.time);
    ops_.push_back(std::move(op));
  }

  void MakeOne() {
    const crdt::ActorId actor = Actor();
    switch (*rc::gen::inRange(0, 11)) {
      case 0: {
        const NodeId inode = Tick(actor).node();
        Add(Inode(At(inode.counter(), actor), OneIn(8) ? fs::Kind::kSymlink : fs::Kind::kRegular));
        inodes_.push_back(inode);
        AddDentry(actor, inode);
        if (!OneIn(3)) AddEdit(actor, inode);
        break;
      }
      case 1:
      case 2: {
        const Timestamp time = Tick(actor);
        Add(Directory(time, AnyDirectory(), Name()));
        directories_.push_back(time.node());
        break;
      }
      case 3:
        if (!inodes_.empty()) AddDentry(actor, OneOf(inodes_));
        break;
      case 4:
        if (!directories_.empty()) Add(Rename(Tick(actor), OneOf(directories_), AnyDirectory(), Name()));
        break;
      case 5:
        if (!dentries_.empty()) Add(Rename(Tick(actor), OneOf(dentries_).first, AnyParent(), Name()));
        break;
      case 6:  // Rename of what is united.
        if (directories_.size() > 1) {
          const NodeId parent = AnyDirectory();
          const std::string name = Name();
          for (const NodeId node : SomeOf(directories_)) Add(Rename(Tick(actor), node, parent, name));
        }
        break;
      case 7:
        if (!directories_.empty()) AddDeletion(actor, OneOf(directories_));
        break;
      case 8:
        if (!dentries_.empty()) AddUnlink(actor);
        break;
      case 9:
        if (!inodes_.empty()) AddEdit(actor, OneOf(inodes_));
        break;
      default:
        AddRareOne(actor);
    }
  }

  // Mostly a directory; sometimes what breaks the types of nodes.
  NodeId AnyParent() { return OneIn(12) ? OneOf(dentries_).first : AnyDirectory(); }

  void AddDentry(crdt::ActorId actor, NodeId inode) {
    const Timestamp time = Tick(actor);
    Add(Dentry(time, AnyDirectory(), Name(), inode));
    dentries_.emplace_back(time.node(), inode);
  }

  void AddEdit(crdt::ActorId actor, NodeId inode) {
    const Timestamp time = Tick(actor);
    Add(Edit(time, inode, OneOf<std::string>({"one", "two", "three"}), SomeOf(heads_[inode])));
    heads_[inode].push_back(time);
  }

  void AddDeletion(crdt::ActorId actor, NodeId node) {
    Op op = Delete(Tick(actor), node, Name(), OneIn(3) ? OneOf(claims_[node]) : claims_[node].back());
    if (OneIn(4)) op.guard.reset();
    Add(std::move(op));
  }

  void AddUnlink(crdt::ActorId actor) {
    const auto [dentry, inode] = OneOf(dentries_);
    AddDeletion(actor, dentry);
    if (OneIn(3)) return;
    std::vector<Timestamp> dropped = SomeOf(heads_[inode]);
    std::vector<Timestamp> kept = OneIn(2) ? SomeOf(heads_[inode]) : std::vector<Timestamp>();
    const Timestamp time = Tick(actor);
    Add(Unlinked(time, inode, std::move(dropped), std::move(kept),
                 OneIn(5) ? unlinked_[inode] : std::vector<Timestamp>()));
    unlinked_[inode].push_back(time);
  }

  void AddRareOne(crdt::ActorId actor) {
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        Add(Label(Tick(actor), OneOf<std::string>({"x", "y", "laptop"})));
        break;
      case 1:
        if (!dentries_.empty()) {
          const auto [dentry, inode] = OneOf(dentries_);
          Add(Purge(Tick(actor), dentry, OneOf(claims_[dentry]), OneIn(2) ? heads_[inode] : SomeOf(heads_[inode])));
        }
        break;
      case 2:  // An inode where none belongs, and back.
        if (!inodes_.empty()) {
          const NodeId inode = OneOf(inodes_);
          Add(Rename(Tick(actor), inode, kTrash, "x"));
          if (OneIn(2)) Add(Rename(Tick(actor), inode, crdt::kFileInodes, ""));
        }
        break;
      default:
        if (!directories_.empty() && !dentries_.empty()) {
          Add(Rename(Tick(actor), OneOf(directories_), AnyParent(), Name()));
        }
    }
  }

  std::uint64_t counter_ = 0;
  std::vector<Op> ops_;
  std::vector<NodeId> directories_;
  std::vector<NodeId> inodes_;
  std::vector<std::pair<NodeId, NodeId>> dentries_;  // With their inodes.
  std::map<NodeId, std::vector<Timestamp>> claims_;
  std::map<NodeId, std::vector<Timestamp>> heads_;
  std::map<NodeId, std::vector<Timestamp>> unlinked_;
};

std::vector<std::vector<Op>> InAnyOrderAndPieces(std::vector<Op> ops) {
  if (*rc::gen::inRange(0, 3) > 0) {
    for (std::size_t i = ops.size(); i > 1; --i) std::swap(ops[i - 1], ops[*rc::gen::inRange<std::size_t>(0, i)]);
  }
  std::vector<std::vector<Op>> pieces;
  for (std::size_t at = 0; at < ops.size();) {
    const std::size_t end = std::min(ops.size(), at + *rc::gen::inRange<std::size_t>(1, 6));
    pieces.emplace_back(ops.begin() + static_cast<std::ptrdiff_t>(at), ops.begin() + static_cast<std::ptrdiff_t>(end));
    at = end;
  }
  return pieces;
}

std::string Describe(const std::vector<std::vector<Op>>& pieces) {
  std::ostringstream out;
  const auto id = [](NodeId node) { return std::to_string(node.counter()) + "@" + std::to_string(node.actor()); };
  for (const auto& piece : pieces) {
    out << "piece\n";
    for (const Op& op : piece) {
      out << "  " << id(op.time.node()) << ": " << id(op.child);
      if (op.place) out << " to " << id(op.place->parent) << " '" << op.place->name << "'";
      if (op.guard) out << " guard " << id(op.guard->node());
      for (const crdt::Field& field : op.fields) {
        out << " register " << field.id.number;
        if (field.id.number == fs::schema::kUnlinked) {
          const auto unlinked = fs::schema::DecodeUnlinked(*field.value);
          for (const Timestamp head : unlinked->dropped) out << " dropped " << id(head.node());
          for (const Timestamp head : unlinked->kept) out << " kept " << id(head.node());
        }
        for (const Timestamp one : field.replaces.value_or(std::vector<Timestamp>()))
          out << " replaces " << id(one.node());
      }
      out << "\n";
    }
  }
  return out.str();
}

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
  const std::vector<Op> ops = OpMaker().Make();
  const std::set<NodeId> ids = IdsIn(ops);
  Forest forest;
  crdt_test::Oracle oracle;
  Model before = ModelOf(oracle.Fold());
  const std::vector<std::vector<Op>> pieces = InAnyOrderAndPieces(ops);
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

}  // namespace
}  // namespace copse::fs_test
