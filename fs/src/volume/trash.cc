// The trash: what is placed under the trash node, with the place it had before. Restoring is an ordinary move back, so
// it can meet other changes like any rename; purging is an op that says what its author saw, and that anything unseen
// voids.
#include <absl/container/flat_hash_set.h>

#include <algorithm>

#include "volume/volume_state.h"

namespace copse::fs {
namespace {

absl::Status NotInTrash(NodeId node) {
  return PosixError(std::errc::no_such_file_or_directory,
                    "nothing in the trash has node " + std::to_string(node.value));
}

// `NAME-restored`, `NAME-restored_2`, ...; cut where it would be too long.
std::string RestoredName(std::string_view name, unsigned attempt) {
  const std::string suffix = attempt == 1 ? "-restored" : "-restored_" + std::to_string(attempt);
  std::size_t stem = std::min(name.size(), schema::kNameBytesMax - suffix.size());
  while (stem < name.size() && stem > 0 && (static_cast<unsigned char>(name[stem]) & 0xc0) == 0x80) --stem;
  return std::string(name.substr(0, stem)) + suffix;
}

// The inode that holds the attributes of what a node in trash was.
NodeId TargetOf(const crdt::Tree& tree, NodeId node) { return schema::InodeOf(tree, node).value_or(node); }

// Where `node` is, or was before it came to trash.
std::optional<crdt::PlacementView> LastPlace(const crdt::Tree& tree, NodeId node) {
  const auto placement = tree.PlacementOf(node);
  if (!placement || placement->parent != crdt::kTrash) return placement;
  return tree.PlacementBeforeTrash(node);
}

std::string JoinPath(const std::vector<std::string>& names_upward) {
  std::string path;
  for (auto name = names_upward.rbegin(); name != names_upward.rend(); ++name) {
    if (!path.empty()) path += '/';
    path += *name;
  }
  return path;
}

}  // namespace

bool Volume::State::IsTrashNode(NodeId node) const {
  const auto placement = tree().PlacementOf(node);
  if (!placement || placement->parent != crdt::kTrash) return false;
  if (!tree().PlacementBeforeTrash(node) || schema::IsPurged(tree(), node)) return false;
  if (projection->GhostPlaceOf(node)) return false;  // Shown, where it was.
  // Directories and names; an inode that somebody moved here by itself is neither.
  const auto kind = schema::KindOf(tree(), TargetOf(tree(), node));
  const bool is_name = schema::InodeOf(tree(), node).has_value() || kind == Kind::kDirectory;
  return kind && is_name;
}

std::vector<NodeId> Volume::State::TrashNodes() const {
  std::vector<NodeId> nodes = tree().ChildrenOf(crdt::kTrash);
  std::erase_if(nodes, [&](NodeId node) { return !IsTrashNode(node); });
  return nodes;
}

std::string Volume::State::OldPathOf(NodeId node) const {
  std::vector<std::string> names;
  absl::flat_hash_set<NodeId> seen;  // Old places may go round in a circle.
  for (NodeId at = node; at != crdt::kRoot && seen.insert(at).second;) {
    const auto place = LastPlace(tree(), at);
    if (!place) break;
    names.emplace_back(place->name);
    at = place->parent;
  }
  return JoinPath(names);
}

std::vector<Volume::TrashEntry> Volume::ListTrash() {
  const State::TreeReadLock lock(state_->tree_mutex);
  const crdt::Tree& tree = state_->tree();
  std::vector<TrashEntry> entries;
  for (const NodeId node : state_->TrashNodes()) {
    const NodeId target = TargetOf(tree, node);
    TrashEntry& entry = entries.emplace_back();
    entry.node = node;
    entry.path = state_->OldPathOf(node);
    entry.kind = *schema::KindOf(tree, target);
    const Attributes attributes = state_->AttributesOf({target, target, target, entry.kind});
    entry.size = entry.kind == Kind::kDirectory ? 0 : attributes.size;
    if (const auto deleted = tree.Value(node, schema::kCtime); deleted && deleted->value) {
      entry.deleted_at = schema::DecodeTime(*deleted->value).value_or(0);
    }
  }
  return entries;
}

absl::StatusOr<std::string> Volume::RestoreFromTrash(NodeId node) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  const base::UnixNanoseconds now = state_->env.clock.Now();
  Invalidations changed;
  std::string path;
  {
    const State::TreeWriteLock lock(state_->tree_mutex);
    if (!state_->IsTrashNode(node)) return NotInTrash(node);
    const std::vector<crdt::Field> ctime = {schema::Set(schema::kCtime, schema::EncodeTime(now))};
    Batch batch(state_->replica);
    absl::flat_hash_set<NodeId> seen;
    std::vector<std::string> names;  // Of what is restored, upward.
    NodeId at = node;
    // Upward to the first directory that is there; each one missing is put back where it was.
    for (; !state_->projection->ParentOf(at);) {
      const auto place = LastPlace(state_->tree(), at);
      const bool is_lost = !place || !seen.insert(at).second;
      if (is_lost) break;
      const NodeId parent = seen.contains(place->parent) ? crdt::kRoot : place->parent;
      std::string name(place->name);
      for (unsigned attempt = 1; state_->projection->Lookup(parent, name); ++attempt) {
        name = RestoredName(place->name, attempt);
      }
      const bool is_in_trash = state_->tree().PlacementOf(at)->parent == crdt::kTrash;
      if (is_in_trash || parent != place->parent) batch.Move(at, {parent, name}, ctime);
      batch.TouchDirectory(parent, now);
      names.push_back(std::move(name));
      at = parent;
    }
    if (const auto inode = schema::InodeOf(state_->tree(), node)) {
      std::vector<crdt::Timestamp> known;
      for (const auto& version : state_->tree().Versions(*inode, schema::kUnlinked)) known.push_back(version.time);
      std::vector<crdt::Field> fields = ctime;
      // The inode has a name again: what its deletions knew is taken back.
      if (!known.empty()) fields.push_back(schema::Replace(schema::kUnlinked, std::nullopt, std::move(known)));
      batch.Set(*inode, std::move(fields));
    }
    const std::string above = state_->OldPathOf(at);
    path = above + (above.empty() ? "" : "/") + JoinPath(names);
    COPSE_ASSIGN_OR_RETURN(changed, state_->Commit(std::move(batch)));
  }
  state_->Announce(std::move(changed), {});
  return path;
}

absl::Status Volume::PurgeFromTrash(NodeId node) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  Invalidations changed;
  {
    const State::TreeWriteLock lock(state_->tree_mutex);
    if (!state_->IsTrashNode(node)) return NotInTrash(node);
    schema::Purged purged;
    purged.claim = state_->tree().PlacementOf(node)->claim;
    purged.heads = schema::HeadsOf(state_->tree(), TargetOf(state_->tree(), node));
    Batch batch(state_->replica);
    batch.Set(node, {schema::Set(schema::kPurged, schema::EncodePurged(purged))});
    COPSE_ASSIGN_OR_RETURN(changed, state_->Commit(std::move(batch)));
  }
  state_->Announce(std::move(changed), {});
  return absl::OkStatus();
}

}  // namespace copse::fs
