// Acting on what is shown. One entry can stand for several nodes, or for none: directories that are united, names of
// one inode that show once, what was deleted and is brought back, a further version of a file. Whoever acts on an entry
// acts on all that it stands for, in one batch.
#include <algorithm>

#include "volume/volume_state.h"

namespace copse::fs {
namespace {

bool IsInTrash(const crdt::Tree& tree, NodeId node) {
  const auto placement = tree.PlacementOf(node);
  return placement && placement->parent == crdt::kTrash;
}

std::vector<crdt::Field> Ctime(base::UnixNanoseconds now) {
  return {schema::Set(schema::kCtime, schema::EncodeTime(now))};
}

}  // namespace

std::optional<EntryParts> Volume::State::FindEntry(NodeId directory, std::string_view name) {
  if (auto parts = projection->PartsOf(directory, name)) {
    if (parts->entry.is_generated) Remember(directory, parts->entry);
    return parts;
  }
  const NodeId shown_as = projection->RepresentativeOf(directory);
  ServedName served;
  {
    const std::lock_guard lock(names_mutex);
    const auto found = served_names.find(Invalidations::Name{shown_as, std::string(name)});
    if (found == served_names.end()) return std::nullopt;
    served = found->second;
  }
  if (auto parts = FindShown(shown_as, served.target)) return parts;
  if (!served.is_emptied || !IsInTrash(tree(), served.target)) return std::nullopt;
  EntryParts emptied;
  emptied.entry.name = name;
  emptied.entry.node = emptied.entry.target = emptied.inode = served.target;
  emptied.entry.type = EntryType::kDirectory;
  emptied.entry.is_ghost = true;
  return emptied;
}

std::optional<EntryParts> Volume::State::FindShown(NodeId directory, NodeId target) {
  const NodeId shown_as = projection->RepresentativeOf(directory);
  const auto subject = SubjectOf(target);
  if (!subject.ok()) return std::nullopt;
  std::vector<NodeId> places = {subject->key};
  if (subject->kind != Kind::kDirectory && !subject->is_sibling()) places = projection->NamesOf(subject->inode);
  for (const NodeId node : places) {
    const auto place = projection->ShownAt(node);
    if (place && place->directory == shown_as) return projection->PartsOf(shown_as, place->name);
  }
  return std::nullopt;
}

std::optional<EntryParts> Volume::State::FindAgain(NodeId directory, std::string_view name, NodeId target) {
  // By its name if it has that still: it may have others here.
  if (auto parts = FindEntry(directory, name); parts && parts->entry.target == target) return parts;
  return FindShown(directory, target);
}

void Volume::State::Remember(NodeId directory, const ShownEntry& entry) {
  const NodeId shown_as = projection->RepresentativeOf(directory);
  const std::lock_guard lock(names_mutex);
  served_names[{shown_as, entry.name}] = ServedName{entry.target};
}

void Volume::State::ForgetName(NodeId directory, std::string_view name) {
  const NodeId shown_as = projection->RepresentativeOf(directory);
  const std::lock_guard lock(names_mutex);
  served_names.erase(Invalidations::Name{shown_as, std::string(name)});
}

std::vector<std::pair<Invalidations::Name, NodeId>> Volume::State::GhostsFrom(NodeId directory) const {
  std::vector<std::pair<Invalidations::Name, NodeId>> ghosts;
  for (NodeId at = projection->RepresentativeOf(directory); projection->GhostPlaceOf(at);) {
    const auto place = projection->ShownAt(at);
    if (!place) break;
    ghosts.emplace_back(Invalidations::Name{place->directory, place->name}, at);
    at = place->directory;
  }
  return ghosts;
}

void Volume::State::RememberEmptied(const std::vector<std::pair<Invalidations::Name, NodeId>>& ghosts) {
  const std::lock_guard lock(names_mutex);
  for (const auto& [name, node] : ghosts) {
    if (!projection->ParentOf(node)) served_names[name] = ServedName{node, /*is_emptied=*/true};
  }
}

NodeId Volume::State::AppendPlacement(Batch& batch, NodeId directory, base::UnixNanoseconds now) const {
  const NodeId representative = projection->RepresentativeOf(directory);
  for (NodeId at = representative; projection->GhostPlaceOf(at);) {
    const NodeId above = projection->GhostPlaceOf(at)->parent;
    for (const NodeId member : projection->MembersOf(at)) {
      const auto place = projection->GhostPlaceOf(member);
      if (place) batch.Move(member, {place->parent, place->name}, Ctime(now));
    }
    at = projection->RepresentativeOf(above);
  }
  return representative;
}

void Volume::State::AppendRevival(Batch& batch, NodeId inode, base::UnixNanoseconds now) const {
  const auto ghost = projection->GhostNameOf(inode);
  if (!ghost) return;
  const auto place = projection->GhostPlaceOf(*ghost);
  const NodeId parent = AppendPlacement(batch, place->parent, now);
  batch.Move(*ghost, {parent, place->name}, {});
  std::vector<crdt::Timestamp> dropped = projection->VersionsOf(inode).dropped;
  if (!dropped.empty()) batch.Set(inode, {schema::Replace(schema::kContent, std::nullopt, std::move(dropped))});
}

void Volume::State::AppendDrop(Batch& batch, const Sibling& sibling, base::UnixNanoseconds now) const {
  std::vector<crdt::Field> fields = Ctime(now);
  fields.push_back(schema::Replace(schema::kContent, std::nullopt, sibling.heads));
  batch.Set(sibling.inode, std::move(fields));
}

void Volume::State::AppendRemoval(Batch& batch, const EntryParts& parts, base::UnixNanoseconds now) const {
  if (parts.entry.type == EntryType::kSibling) {
    AppendDrop(batch, *projection->SiblingOf(parts.entry.target), now);
    return;
  }
  for (const NodeId node : parts.nodes) {
    if (!IsInTrash(tree(), node)) batch.Trash(node, now);
  }
  if (parts.entry.type == EntryType::kDirectory) return;
  std::vector<crdt::Field> fields = Ctime(now);
  const std::vector<crdt::Timestamp> heads = schema::HeadsOf(tree(), parts.inode);
  // Of files always: a staging that outlives a crash is judged by who removed the last name.
  const bool is_file = schema::KindOf(tree(), parts.inode) == Kind::kRegular;
  if (projection->LinksOf(parts.inode) == 1 && is_file) {
    // What is shown under the name goes with it; other versions that its author sees stay.
    const FileVersions versions = projection->VersionsOf(parts.inode);
    schema::Unlinked unlinked;
    for (const Sibling& sibling : versions.siblings) {
      unlinked.kept.insert(unlinked.kept.end(), sibling.heads.begin(), sibling.heads.end());
    }
    std::sort(unlinked.kept.begin(), unlinked.kept.end());
    std::set_difference(heads.begin(), heads.end(), unlinked.kept.begin(), unlinked.kept.end(),
                        std::back_inserter(unlinked.dropped));
    // Deletions that did not take the file away, since it had another name, have no say in this one.
    std::vector<crdt::Timestamp> outdated;
    const bool is_there = !projection->GhostNameOf(parts.inode);
    for (const auto& deletion : tree().Versions(parts.inode, schema::kUnlinked)) {
      if (is_there) outdated.push_back(deletion.time);
    }
    fields.push_back(schema::Replace(schema::kUnlinked, schema::EncodeUnlinked(unlinked), std::move(outdated)));
  }
  batch.Set(parts.inode, std::move(fields));
}

void Volume::State::AppendMove(Batch& batch, const EntryParts& parts, const crdt::Place& place,
                               base::UnixNanoseconds now) const {
  const bool is_directory = parts.entry.type == EntryType::kDirectory;
  // One after the other, the representative first: so those that are united stay so (projection_groups.cc).
  for (const NodeId node : parts.nodes) batch.Move(node, place, is_directory ? Ctime(now) : std::vector<crdt::Field>());
  if (is_directory) return;
  std::vector<crdt::Field> fields = Ctime(now);
  if (parts.entry.is_ghost) {
    std::vector<crdt::Timestamp> dropped = projection->VersionsOf(parts.inode).dropped;
    if (!dropped.empty()) fields.push_back(schema::Replace(schema::kContent, std::nullopt, std::move(dropped)));
  }
  batch.Set(parts.inode, std::move(fields));
}

std::string Volume::State::VersionValue(const Sibling& sibling) const {
  const auto versions = tree().Versions(sibling.inode, schema::kContent);
  const auto version = std::find_if(versions.begin(), versions.end(), [&](const crdt::RegisterVersionView& one) {
    return one.time == sibling.heads.back();
  });
  COPSE_CHECK(version != versions.end());  // What is shown is live.
  return std::string(*version->value);
}

Volume::State::OwnFile Volume::State::AppendOwnFile(Batch& batch, const Sibling& sibling, const crdt::Place& place,
                                                    base::UnixNanoseconds now) const {
  const Attributes shown = AttributesWith({sibling.id, sibling.id, sibling.inode}, nullptr);
  std::vector<crdt::Field> fields = {schema::Set(schema::kKind, schema::EncodeKind(Kind::kRegular)),
                                     schema::Set(schema::kMode, schema::EncodeUnsigned(shown.mode)),
                                     schema::Set(schema::kUid, schema::EncodeUnsigned(shown.uid)),
                                     schema::Set(schema::kGid, schema::EncodeUnsigned(shown.gid))};
  for (const crdt::FieldId& xattr : tree().FieldsOf(sibling.inode, schema::kXattr)) {
    const auto version = tree().Value(sibling.inode, schema::kXattr, xattr.key);
    fields.push_back(schema::SetXattr(xattr.key, crdt::RegisterVersion(*version).value));
  }
  OwnFile own;
  own.inode = batch.Make({crdt::kFileInodes, {}}, std::move(fields));
  batch.Make(place, {schema::Set(schema::kInode, schema::EncodeNode(own.inode))});
  own.head = batch.TimeOfNext();
  batch.Set(own.inode, {schema::Replace(schema::kContent, VersionValue(sibling), {}),
                        schema::Set(schema::kMtime, schema::EncodeTime(shown.mtime)),
                        schema::Set(schema::kCtime, schema::EncodeTime(now))});
  return own;
}

std::vector<crdt::Timestamp> Volume::State::AppendAdoption(Batch& batch, const Sibling& sibling,
                                                           base::UnixNanoseconds now) const {
  const FileVersions versions = projection->VersionsOf(sibling.inode);
  std::vector<crdt::Timestamp> replaced = versions.file;
  replaced.insert(replaced.end(), versions.dropped.begin(), versions.dropped.end());
  std::vector<crdt::Timestamp> heads = sibling.heads;
  std::optional<std::string> value;
  const bool is_highest = std::all_of(versions.siblings.begin(), versions.siblings.end(),
                                      [&](const Sibling& other) { return other.heads.back() <= sibling.heads.back(); });
  if (!is_highest) {
    // Further versions stay where they are, so this one has to be written again to be shown before them.
    value = VersionValue(sibling);
    replaced.insert(replaced.end(), heads.begin(), heads.end());
    heads = {batch.TimeOfNext()};
  }
  std::vector<crdt::Field> fields = Ctime(now);
  if (!replaced.empty()) fields.push_back(schema::Replace(schema::kContent, std::move(value), std::move(replaced)));
  batch.Set(sibling.inode, std::move(fields));
  return heads;
}

}  // namespace copse::fs
