// Finding, making and removing names. A name is a node that is placed in its directory; a file's name refers to its
// inode, a node of its own, so that several names are as easy as one. Removing moves the name to trash, guarded by the
// claim that the caller saw.
#include <sys/stat.h>

#include <algorithm>
#include <iterator>

#include "volume/volume_state.h"

namespace copse::fs {
namespace {

absl::Status NoEntry(std::string_view name) {
  return PosixError(std::errc::no_such_file_or_directory, "no entry '" + std::string(name) + "'");
}

absl::Status EntryExists(std::string_view name) {
  return PosixError(std::errc::file_exists, "there is an entry '" + std::string(name) + "'");
}

}  // namespace

absl::StatusOr<Volume::Entry> Volume::Lookup(NodeId parent, std::string_view name) {
  const State::TreeReadLock lock(state_->tree_mutex);
  if (name == "." || name == "..") return state_->LookUpByNode(parent, name);
  COPSE_RETURN_IF_ERROR(state_->CheckEntry(parent, name));
  auto entry = state_->projection->Lookup(parent, name);
  if (entry && entry->is_generated) state_->Remember(parent, *entry);
  if (!entry) {
    const auto served = state_->FindEntry(parent, name);
    state_->NoteServed(parent, name, served ? std::optional(served->entry.target) : std::nullopt);
    if (!served) return NoEntry(name);
    entry = served->entry;
  }
  state_->NoteServed(parent, name, entry->target);
  COPSE_ASSIGN_OR_RETURN(const State::Subject subject, state_->SubjectOf(state_->NumberOf(*entry)));
  return state_->LookedUp(subject);
}

NodeId Volume::State::NumberOf(const ShownEntry& entry) {
  if (entry.type != EntryType::kDirectory) return entry.target;
  const std::vector<NodeId> members = projection->MembersOf(entry.target);
  if (members.size() == 1) return entry.target;
  const std::lock_guard lock(local_mutex);
  for (const NodeId member : members) {
    if (lookups.contains(member)) return member;
  }
  return entry.target;
}

absl::StatusOr<Volume::Entry> Volume::State::LookUpByNode(NodeId node, std::string_view name) {
  COPSE_ASSIGN_OR_RETURN(Subject subject, SubjectOf(node));
  if (projection->LinksOf(subject.key) == 0) return NoEntry(name);
  if (name == ".") return LookedUp(subject);
  const auto parent = projection->ParentOf(node);
  if (subject.kind != Kind::kDirectory || !parent) return NoEntry(name);
  COPSE_ASSIGN_OR_RETURN(subject, SubjectOf(*parent));
  return LookedUp(subject);
}

std::pair<std::uint32_t, bool> Volume::State::GroupFor(const Caller& caller, NodeId directory) const {
  directory = projection->RepresentativeOf(directory);
  const std::uint64_t mode = schema::UnsignedOf(tree(), directory, schema::kMode).value_or(0);
  if ((mode & S_ISGID) == 0) return {caller.gid, false};
  return {static_cast<std::uint32_t>(schema::UnsignedOf(tree(), directory, schema::kGid).value_or(0)), true};
}

absl::StatusOr<Volume::Entry> Volume::State::MakeInode(const Caller& caller, NodeId parent, std::string_view name,
                                                       Kind kind, std::uint32_t mode, std::vector<crdt::Field> extra,
                                                       Pin* pin) {
  COPSE_RETURN_IF_ERROR(CheckWritable());
  COPSE_RETURN_IF_ERROR(EnsureSpace(0));
  const base::UnixNanoseconds now = env.clock.Now();
  Invalidations changed;
  Entry entry;
  {
    const TreeWriteLock lock(tree_mutex);
    COPSE_RETURN_IF_ERROR(CheckEntryForChange(parent, name));
    if (projection->Lookup(parent, name)) return EntryExists(name);
    std::vector<crdt::Field> fields = std::move(extra);
    fields.push_back(schema::Set(schema::kKind, schema::EncodeKind(kind)));
    std::ranges::move(RightsOfNew(caller, parent, kind, mode), std::back_inserter(fields));
    fields.push_back(schema::Set(schema::kMtime, schema::EncodeTime(now)));
    Batch batch(replica);
    const NodeId into = AppendPlacement(batch, parent, now);
    const NodeId inode = batch.Make({crdt::kFileInodes, {}}, std::move(fields));
    batch.Make({into, std::string(name)}, {schema::Set(schema::kInode, schema::EncodeNode(inode))});
    batch.TouchDirectory(into, now);
    COPSE_ASSIGN_OR_RETURN(changed, Commit(std::move(batch)));
    const Subject subject{inode, inode, inode, kind};
    entry = LookedUp(subject);
    if (pin != nullptr) *pin = PinUnderTreeLock(subject);
    ForgetName(parent, name);
    ForgetKnown(changed, parent, name, inode);
  }
  Announce(std::move(changed), {parent, entry.node});
  return entry;
}

absl::StatusOr<Volume::Entry> Volume::MakeNode(const Caller& caller, NodeId parent, std::string_view name, Kind kind,
                                               std::uint32_t mode, std::uint64_t device) {
  if (kind == Kind::kDirectory || kind == Kind::kSymlink) {
    return PosixError(std::errc::operation_not_permitted, "mknod makes no directories and no symbolic links");
  }
  std::vector<crdt::Field> extra;
  if (kind == Kind::kCharacterDevice || kind == Kind::kBlockDevice) {
    extra.push_back(schema::Set(schema::kDevice, schema::EncodeUnsigned(device)));
  }
  return state_->MakeInode(caller, parent, name, kind, mode, std::move(extra), nullptr);
}

absl::StatusOr<Volume::Entry> Volume::MakeSymlink(const Caller& caller, NodeId parent, std::string_view name,
                                                  std::string_view target) {
  if (target.empty()) return PosixError(std::errc::no_such_file_or_directory, "a symbolic link has a target");
  if (target.size() > schema::kSymlinkBytesMax) {
    return PosixError(std::errc::filename_too_long, "the target of a symbolic link has at most 4095 bytes");
  }
  if (target.find('\0') != std::string_view::npos) {
    return PosixError(std::errc::invalid_argument, "the target of a symbolic link has no NUL");
  }
  return state_->MakeInode(caller, parent, name, Kind::kSymlink, 0777,
                           {schema::Set(schema::kSymlinkTarget, std::string(target))}, nullptr);
}

absl::StatusOr<Volume::Entry> Volume::MakeDirectory(const Caller& caller, NodeId parent, std::string_view name,
                                                    std::uint32_t mode) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(state_->EnsureSpace(0));
  const base::UnixNanoseconds now = state_->env.clock.Now();
  Invalidations changed;
  Entry entry;
  {
    const State::TreeWriteLock lock(state_->tree_mutex);
    COPSE_RETURN_IF_ERROR(state_->CheckEntryForChange(parent, name));
    if (state_->projection->Lookup(parent, name)) return EntryExists(name);
    std::vector<crdt::Field> fields = state_->RightsOfNew(caller, parent, Kind::kDirectory, mode);
    fields.push_back(schema::Set(schema::kKind, schema::EncodeKind(Kind::kDirectory)));
    fields.push_back(schema::Set(schema::kMtime, schema::EncodeTime(now)));
    Batch batch(state_->replica);
    const NodeId into = state_->AppendPlacement(batch, parent, now);
    const NodeId node = batch.Make({into, std::string(name)}, std::move(fields));
    batch.TouchDirectory(into, now);
    COPSE_ASSIGN_OR_RETURN(changed, state_->Commit(std::move(batch)));
    entry = state_->LookedUp({node, node, node, Kind::kDirectory});
    state_->ForgetName(parent, name);
    state_->ForgetKnown(changed, parent, name, node);
  }
  state_->Announce(std::move(changed), {parent, entry.node});
  return entry;
}

absl::StatusOr<Volume::Entry> Volume::Link(const Caller&, NodeId node, NodeId new_parent, std::string_view new_name) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(state_->EnsureSpace(0));
  const base::UnixNanoseconds now = state_->env.clock.Now();
  Invalidations changed;
  Entry entry;
  State::Pin written;
  for (bool published = false;; published = true) {
    // A version with a name of its own is another file from then on: it has to have what was written until now.
    if (published) COPSE_RETURN_IF_ERROR(state_->Publish(*written));
    const State::TreeWriteLock lock(state_->tree_mutex);
    COPSE_ASSIGN_OR_RETURN(State::Subject subject, state_->SubjectOf(node));
    if (!published && (written = state_->PinWrittenSibling(subject))) continue;
    // What was published may be written again by now, and is shown as something else.
    if (published) subject = state_->ShownAs(node, written->inode, written->staged->base_heads()).value_or(subject);
    if (subject.kind == Kind::kDirectory) {
      return PosixError(std::errc::operation_not_permitted, "a directory has one name only");
    }
    COPSE_RETURN_IF_ERROR(state_->CheckEntryForChange(new_parent, new_name));
    if (state_->projection->Lookup(new_parent, new_name)) return EntryExists(new_name);
    const bool is_gone = state_->projection->LinksOf(subject.key) == 0 && !state_->IsUnnamed(subject.key);
    if (is_gone) return NoEntry(new_name);
    Batch batch(state_->replica);
    const NodeId into = state_->AppendPlacement(batch, new_parent, now);
    if (const auto sibling = state_->projection->SiblingOf(subject.key)) {
      // A further version has no names of its own: the new name makes a file of it, which stays beside the other too.
      const NodeId own = state_->AppendOwnFile(batch, *sibling, {into, std::string(new_name)}, now).inode;
      subject = {own, own, own, Kind::kRegular};
    } else {
      state_->AppendRevival(batch, subject.inode, now);
      batch.Make({into, std::string(new_name)}, {schema::Set(schema::kInode, schema::EncodeNode(subject.inode))});
      batch.Set(subject.inode, {schema::Set(schema::kCtime, schema::EncodeTime(now))});
    }
    batch.TouchDirectory(into, now);
    COPSE_ASSIGN_OR_RETURN(changed, state_->Commit(std::move(batch)));
    state_->NoteNamed(subject.key);
    entry = state_->LookedUp(subject);
    state_->ForgetName(new_parent, new_name);
    state_->ForgetKnown(changed, new_parent, new_name, entry.node);
    break;
  }
  state_->Announce(std::move(changed), {new_parent, entry.node});
  return entry;
}

Volume::State::Pin Volume::State::PinWrittenSibling(const Subject& subject) {
  if (!subject.is_sibling()) return {};
  const std::lock_guard lock(local_mutex);
  const auto local = locals.find(subject.key);
  if (local == locals.end() || local->second.open == nullptr || !local->second.open->staged->dirty()) return {};
  ++local->second.open->users;
  return Pin(*this, local->second.open);
}

Volume::State::Pin Volume::State::PinUnpublished(const ShownEntry& entry) {
  if (entry.type == EntryType::kDirectory) return {};
  const std::lock_guard lock(local_mutex);
  const auto local = locals.find(entry.target);
  if (local == locals.end() || local->second.open == nullptr) return {};
  const std::shared_ptr<OpenFile>& file = local->second.open;
  // What a process has open when the name goes dies with the last handle, as on any POSIX system.
  if (file->handles > 0 || !file->staged->dirty() || projection->LinksOf(entry.target) != 1) return {};
  ++file->users;
  return Pin(*this, file);
}

absl::Status Volume::State::Remove(NodeId parent, std::string_view name, bool directory) {
  COPSE_RETURN_IF_ERROR(CheckWritable());
  NodeId removed;
  NodeId sibling;
  Pin unpublished;  // Held to the end: what it was shown as leads to it as long as it is in use.
  for (bool published = false;; published = true) {
    Invalidations changed;
    {
      const TreeWriteLock lock(tree_mutex);
      COPSE_RETURN_IF_ERROR(CheckEntry(parent, name));
      const auto parts = published ? FindAgain(parent, name, removed) : FindEntry(parent, name);
      if (!parts || (!published && !IsAsServed(parent, name, parts->entry.target))) return NoEntry(name);
      const ShownEntry& entry = parts->entry;
      removed = entry.target;
      const bool is_directory = entry.type == EntryType::kDirectory;
      if (directory && !is_directory) {
        return PosixError(std::errc::not_a_directory, "'" + std::string(name) + "' is no directory");
      }
      if (!directory && is_directory) {
        return PosixError(std::errc::is_a_directory, "'" + std::string(name) + "' is a directory");
      }
      if (is_directory && !projection->IsEmpty(removed)) {
        return PosixError(std::errc::directory_not_empty, "'" + std::string(name) + "' is not empty");
      }
      if (!published) unpublished = PinUnpublished(entry);
      if (!unpublished || published) {
        const base::UnixNanoseconds now = env.clock.Now();
        const auto ghosts = GhostsFrom(parent);
        Batch batch(replica);
        AppendRemoval(batch, *parts, now);
        // Nothing, for a directory that was deleted before and is emptied now.
        if (!batch.empty()) batch.TouchDirectory(projection->RepresentativeOf(parent), now);
        COPSE_ASSIGN_OR_RETURN(changed, Commit(std::move(batch)));
        NoteRemoval(entry, unpublished);
        if (entry.type == EntryType::kSibling) sibling = removed;
        // Shown all the same: the kernel, which takes one name off it, does not know how.
        if (tree().Versions(parts->inode, schema::kContent).size() > 1) removed = NodeId{};
        RememberEmptied(ghosts);
        ForgetName(parent, name);
        ForgetKnown(changed, parent, name, std::nullopt);
      }
    }
    if (unpublished && !published) {
      Publish(*unpublished).IgnoreError();  // On a full disk, deleting goes on.
      continue;
    }
    if (sibling != NodeId{}) SettleStaging(sibling);
    Announce(std::move(changed), {parent, removed});
    return absl::OkStatus();
  }
}

absl::Status Volume::Unlink(const Caller&, NodeId parent, std::string_view name) {
  return state_->Remove(parent, name, /*directory=*/false);
}

absl::Status Volume::RemoveDirectory(const Caller&, NodeId parent, std::string_view name) {
  return state_->Remove(parent, name, /*directory=*/true);
}

void Volume::Forget(NodeId node, std::uint64_t count) {
  State::Pin last_use;  // Its end drops what only the lookups kept.
  const std::lock_guard lock(state_->local_mutex);
  if (const auto lookups = state_->lookups.find(node); lookups != state_->lookups.end()) {
    lookups->second -= std::min(count, lookups->second);
    if (lookups->second > 0) return;
    state_->lookups.erase(lookups);
  }
  const auto local = state_->locals.find(node);
  if (local == state_->locals.end()) return;
  if (local->second.open == nullptr) {
    state_->EraseLocal(local);
  } else if (local->second.open->users == 0) {
    ++local->second.open->users;
    last_use = State::Pin(*state_, local->second.open);
  }
}

}  // namespace copse::fs
