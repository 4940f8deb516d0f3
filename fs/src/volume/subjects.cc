// What numbers lead to, and which version an open file shows. A number is nearly always an inode's own. A sibling has
// the id of the op that wrote it; when that version becomes the file, or a file of its own, the number goes on leading
// there, for as long as the kernel has it. All members of a united directory show the representative's attributes.
//
// A file that is open and clean follows what its inode shows. One that is written keeps its base until it is published.
//
// Two numbers of one file are two inodes to the kernel, with pages of their own: what changes one is announced for all.
#include <algorithm>
#include <optional>

#include "volume/volume_state.h"

namespace copse::fs {
namespace {

bool HaveCommon(const std::vector<crdt::Timestamp>& a, const std::vector<crdt::Timestamp>& b) {
  return std::find_first_of(a.begin(), a.end(), b.begin(), b.end()) != a.end();
}

}  // namespace

Kind Volume::State::KindOf(const ShownEntry& entry) const {
  if (entry.type == EntryType::kDirectory) return Kind::kDirectory;
  if (entry.type == EntryType::kSibling) return Kind::kRegular;
  const auto kind = schema::KindOf(tree(), entry.target);
  COPSE_CHECK(kind.has_value());  // A shown entry leads to an inode with a kind.
  return *kind;
}

absl::StatusOr<Volume::State::Subject> Volume::State::SubjectOf(NodeId number) {
  if (const auto kind = schema::KindOf(tree(), number)) {
    const NodeId inode = *kind == Kind::kDirectory ? projection->RepresentativeOf(number) : number;
    return Subject{number, inode, inode, *kind};
  }
  const auto sibling = projection->SiblingOf(number);
  ServedVersion served;
  bool is_open = false;
  const std::lock_guard lock(local_mutex);
  if (const auto local = locals.find(number); local != locals.end()) {
    is_open = local->second.open != nullptr;
    if (is_open) served = {local->second.open->inode, local->second.open->staged->base_heads()};
    // What is written to it is shown by nothing else yet.
    if (is_open && local->second.open->staged->dirty()) return Subject{number, number, served.inode};
    if (local->second.version) served = *local->second.version;
    if (const OpenFile* const file = WrittenUpon(served)) return ServedAs({number, file->key, served.inode});
  }
  if (sibling) return ServedAs({number, number, sibling->inode});
  if (const auto shown = ShownAs(number, served.inode, served.heads)) return ServedAs(*shown);
  if (is_open) return Subject{number, number, served.inode};
  // Of a version that had become the file, and was dropped: it shows what came in its place.
  const bool is_file = served.is_file && schema::KindOf(tree(), served.inode).has_value();
  if (is_file) return Subject{number, served.inode, served.inode};
  return PosixError(std::errc::no_such_file_or_directory, "no inode " + std::to_string(number.value));
}

std::optional<Volume::State::Subject> Volume::State::ShownAs(NodeId number, NodeId inode,
                                                             const std::vector<crdt::Timestamp>& heads) const {
  const FileVersions versions = projection->VersionsOf(inode);
  if (HaveCommon(versions.file, heads)) return Subject{number, inode, inode};
  for (const Sibling& other : versions.siblings) {
    if (HaveCommon(other.heads, heads)) return Subject{number, other.id, inode};
  }
  return std::nullopt;
}

Volume::State::Subject Volume::State::ServedAs(const Subject& subject) {
  const auto local = locals.find(subject.number);
  if (local != locals.end() && local->second.version) local->second.version->is_file = !subject.is_sibling();
  return subject;
}

const OpenFile* Volume::State::WrittenUpon(const ServedVersion& version) const {
  // By its inode, or, beside it, by one of the versions that it is based upon.
  std::vector<NodeId> keys = {version.inode};
  for (const crdt::Timestamp head : version.heads) keys.push_back(head.node());
  for (const NodeId key : keys) {
    const auto local = locals.find(key);
    const OpenFile* const file = local == locals.end() ? nullptr : local->second.open.get();
    const bool is_written = file != nullptr && file->inode.load() == version.inode && file->is_written();
    if (is_written && HaveCommon(file->staged->base_heads(), version.heads)) return file;
  }
  return nullptr;
}

std::optional<std::pair<crdt::Timestamp, Manifest>> Volume::State::HeadOf(NodeId inode) const {
  const auto versions = tree().Versions(inode, schema::kContent);
  if (versions.size() <= 1) return schema::ShownHead(tree(), inode);
  const std::vector<crdt::Timestamp> shown = projection->VersionsOf(inode).file;
  for (const crdt::RegisterVersionView& version : versions) {
    if (shown.empty() || version.time != shown.back()) continue;
    auto manifest = DecodeManifest(*version.value);
    if (manifest.ok()) return std::pair{version.time, *std::move(manifest)};
  }
  return std::nullopt;
}

std::pair<Manifest, std::vector<crdt::Timestamp>> Volume::State::BaseOf(const Subject& subject) const {
  std::vector<crdt::Timestamp> heads;
  if (const auto sibling = subject.is_sibling() ? projection->SiblingOf(subject.key) : std::nullopt) {
    heads = sibling->heads;
  } else {
    heads = projection->VersionsOf(subject.inode).file;
  }
  for (const crdt::RegisterVersionView& version : tree().Versions(subject.inode, schema::kContent)) {
    if (heads.empty() || version.time != heads.back()) continue;
    auto manifest = DecodeManifest(*version.value);
    if (manifest.ok()) return {*std::move(manifest), std::move(heads)};
  }
  return {};
}

void Volume::State::NoteNewVersions(std::span<const crdt::NetEvent> events) {
  const std::lock_guard lock(local_mutex);
  for (const crdt::NetEvent& event : events) {
    const bool has_versions = std::any_of(event.fields.begin(), event.fields.end(), [](const crdt::FieldId& field) {
      return field.number == schema::kContent || field.number == schema::kUnlinked;
    });
    if (!has_versions) continue;
    const auto local = locals.find(event.node);
    if (local == locals.end() || local->second.open == nullptr) continue;
    if (!local->second.open->is_behind.exchange(true)) ++files_behind;
  }
}

void Volume::State::NoteReplacedVersions(std::span<const crdt::Op> ops) {
  if (!has_sibling_numbers) return;
  const std::lock_guard lock(local_mutex);
  for (const crdt::Op& op : ops) {
    const auto numbers = sibling_numbers.find(op.child);
    if (numbers == sibling_numbers.end()) continue;
    for (const crdt::Field& field : op.fields) {
      if (field.id.number != schema::kContent || !field.value || !field.replaces) continue;
      for (const NodeId number : numbers->second) {
        ServedVersion& version = *locals.at(number).version;
        // What is being written upon it is still what the number shows, and a version of its own once published.
        if (WrittenUpon(version) != nullptr) continue;
        std::vector<crdt::Timestamp>& heads = version.heads;
        const bool is_replaced = std::erase_if(heads, [&](crdt::Timestamp head) {
                                   return std::binary_search(field.replaces->begin(), field.replaces->end(), head);
                                 }) > 0;
        if (is_replaced && heads.empty()) heads.push_back(op.time);
      }
    }
  }
}

void Volume::State::NotePublished(NodeId inode, const std::vector<crdt::Timestamp>& base,
                                  const std::vector<crdt::Timestamp>& heads) {
  if (!has_sibling_numbers) return;
  const std::lock_guard lock(local_mutex);
  const auto numbers = sibling_numbers.find(inode);
  if (numbers == sibling_numbers.end()) return;
  for (const NodeId number : numbers->second) {
    ServedVersion& version = *locals.at(number).version;
    if (HaveCommon(version.heads, base)) version.heads = heads;
  }
}

bool Volume::State::Follow(OpenFile& file) {
  const TreeReadLock lock(tree_mutex);
  const NodeId inode = file.inode;
  // A removed file's handles keep the version that they have.
  if (!file.is_behind || projection->LinksOf(inode) == 0) return false;
  auto [base, heads] = BaseOf({inode, inode, inode});
  const base::Hash before = file.staged->base_root();
  const base::Hash after = base.PlainRoot();
  if (!file.staged->Follow(base, std::move(heads))) return false;
  if (file.is_behind.exchange(false)) --files_behind;
  return before != after;
}

void Volume::State::FollowAll(const Invalidations& changed) {
  if (files_behind == 0) return;
  for (const NodeId target : changed.targets) {
    const Pin file = PinOpen(target);
    if (!file || !file->is_behind) continue;
    Follow(*file);
    // Published, it follows; and whoever holds it up at this moment is done soon.
    if (file->is_behind && !file->staged->dirty()) SchedulePublication(*file, std::chrono::milliseconds(10));
  }
}

// Where nobody had the file open, and after a restart, the tree tells whose deletion it was: the first that dropped the
// version which the bytes lie upon (later ones name it again), and where another has replaced that, the last. What a
// deletion kept, a version beside the file, it did not remove. An own one has no say where it came to nothing, since
// the file had been renamed or linked elsewhere: then somebody else moved the last name to the trash, and later.
bool Volume::State::WasRemovedHere(NodeId inode, const std::vector<crdt::Timestamp>& base) const {
  if (projection->LinksOf(inode) > 0) return false;
  const auto is_own = [this](crdt::Timestamp time) { return time.actor() == replica.actor(); };
  const std::optional<crdt::Timestamp> deleted = projection->DeletedAt(inode);
  // What never had a name was removed nowhere else.
  bool latest_is_own = !deleted || is_own(*deleted);
  bool is_kept = false;
  std::optional<bool> of_base_is_own;
  for (const crdt::RegisterVersionView& deletion : tree().Versions(inode, schema::kUnlinked)) {
    if (is_own(deletion.time) && deleted && !is_own(*deleted) && deletion.time < *deleted) continue;
    latest_is_own = is_own(deletion.time);
    const auto unlinked = schema::DecodeUnlinked(*deletion.value);
    if (!unlinked) continue;
    if (!of_base_is_own && HaveCommon(unlinked->dropped, base)) of_base_is_own = latest_is_own;
    is_kept = is_kept || HaveCommon(unlinked->kept, base);
  }
  return of_base_is_own.value_or(latest_is_own && !is_kept);
}

bool Volume::State::MayPublishUnderTreeLock(const OpenFile& file) const {
  return !file.is_removed_here || projection->LinksOf(file.key) > 0;
}

bool Volume::State::MayPublish(const OpenFile& file) {
  const TreeReadLock lock(tree_mutex);
  return MayPublishUnderTreeLock(file);
}

void Volume::State::MoveSibling(NodeId id, NodeId to, std::vector<crdt::Timestamp> heads) {
  const std::lock_guard lock(local_mutex);
  const auto local = locals.find(id);
  if (local == locals.end()) return;
  SetServedVersion(id, local->second, {to, heads, true});
  const std::shared_ptr<OpenFile> file = local->second.open;
  if (file == nullptr) return;
  std::shared_ptr<OpenFile>& there = locals[to].open;
  if (there != nullptr && there->is_written()) return;  // Two that are written: each becomes a version.
  // Handles of what was open there, and is clean, go over when they are used next.
  if (there != nullptr && there->is_behind.exchange(false)) --files_behind;
  there = file;
  locals[id].open.reset();
  file->key = to;
  file->inode = to;
  file->staged->Readdress(to, std::move(heads));
}

void Volume::State::MoveWrittenSiblings(const Invalidations& changed) {
  if (!has_sibling_numbers) return;
  std::vector<std::pair<NodeId, NodeId>> moved;
  {
    const std::lock_guard lock(local_mutex);
    for (const NodeId inode : changed.targets) {
      const auto numbers = sibling_numbers.find(inode);
      if (numbers == sibling_numbers.end()) continue;
      const std::vector<crdt::Timestamp> heads = projection->VersionsOf(inode).file;
      for (const NodeId number : numbers->second) {
        const auto local = locals.find(number);
        const OpenFile* const open = local == locals.end() ? nullptr : local->second.open.get();
        const bool is_written = open != nullptr && open->key.load() == number && open->staged->dirty();
        if (!is_written || projection->SiblingOf(number)) continue;
        if (HaveCommon(heads, open->staged->base_heads())) moved.emplace_back(number, inode);
      }
    }
  }
  for (const auto& [number, inode] : moved) MoveSibling(number, inode, projection->VersionsOf(inode).file);
}

void Volume::State::SetServedVersion(NodeId number, Local& local, ServedVersion version) {
  ForgetServedVersion(number, local);
  sibling_numbers[version.inode].insert(number);
  has_sibling_numbers = true;
  local.version = std::move(version);
}

void Volume::State::ForgetServedVersion(NodeId number, Local& local) {
  if (!local.version) return;
  const auto numbers = sibling_numbers.find(local.version->inode);
  numbers->second.erase(number);
  if (numbers->second.empty()) sibling_numbers.erase(numbers);
  local.version.reset();
}

void Volume::State::EraseLocal(absl::flat_hash_map<NodeId, Local>::iterator local) {
  ForgetServedVersion(local->first, local->second);
  locals.erase(local);
}

void Volume::State::NoteRemoval(const ShownEntry& removed, const Pin& published) {
  if (projection->LinksOf(removed.target) > 0) return;
  const std::lock_guard lock(local_mutex);
  const auto local = locals.find(removed.target);
  if (local == locals.end() || local->second.open == nullptr) return;
  OpenFile& file = *local->second.open;
  // A version that was published first can have become its file by that. What is being written to the file upon another
  // version is not what was removed.
  if (published && &*published != &file && file.staged->dirty()) return;
  // Its number can have come to stand for the version that was removed while it is written upon another, which is still
  // shown: then that is what it goes on with.
  const std::vector<crdt::Timestamp> base = file.staged->base_heads();
  const FileVersions versions = projection->VersionsOf(file.inode);
  const bool is_of_another = std::any_of(versions.siblings.begin(), versions.siblings.end(), [&](const Sibling& one) {
    return std::find_first_of(one.heads.begin(), one.heads.end(), base.begin(), base.end()) != one.heads.end();
  });
  if (!is_of_another) file.is_removed_here = true;
}

void Volume::State::NoteNames(const Invalidations& changed) {
  const std::lock_guard lock(local_mutex);
  for (const NodeId target : changed.targets) {
    const auto local = locals.find(target);
    if (local == locals.end() || local->second.open == nullptr || projection->LinksOf(target) == 0) continue;
    OpenFile& file = *local->second.open;
    // Should that name go as well, then who took it decides, not who took the one before. Without a name it was not
    // published when it had rested.
    if (file.is_removed_here.exchange(false) && file.staged->dirty()) SchedulePublication(file, options.publish_rest);
    // What went with a name comes back with one, though no version is new.
    const bool is_sibling = file.key.load() != target || file.inode.load() != target;
    if (is_sibling || projection->VersionsOf(target).file == file.staged->base_heads()) continue;
    if (!file.is_behind.exchange(true)) ++files_behind;
  }
}

}  // namespace copse::fs
