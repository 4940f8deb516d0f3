// What stat(2) shows and setattr changes. Mode and owner are registers; the size of a file belongs to its contents, to
// the staged ones while there are any. Of the times, mtime is that of the last change of contents unless a later
// utimens set it, and ctime is the time written by whichever op changed the inode last: so an ordinary change writes
// one time only, and both follow from it.
#include <sys/stat.h>

#include <algorithm>

#include "volume/volume_state.h"

namespace copse::fs {
namespace {

constexpr std::uint32_t kDefaultDirectoryMode = 0755;
constexpr std::uint32_t kDefaultFileMode = 0644;
constexpr std::uint64_t kDirectoryBytes = 4096;  // As ext4 shows a small one.
constexpr std::uint64_t kStatBlockBytes = 512;   // The unit of st_blocks (stat(2)).
constexpr std::uint64_t kFileBytesMax = INT64_MAX;
constexpr base::UnixNanoseconds kDay = 86'400'000'000'000;

std::uint64_t BlocksOf(std::uint64_t bytes) { return (bytes + kStatBlockBytes - 1) / kStatBlockBytes; }

// Bytes of a version that are no holes. Pages of a longer list are not fetched for it: their holes count as data.
std::uint64_t AllocatedBytes(const Manifest& manifest) {
  std::uint64_t holes = 0;
  for (const ManifestEntry& entry : manifest.entries) holes += entry.is_hole ? entry.length : 0;
  return manifest.size - std::min(holes, manifest.size);
}

// The times of an inode as its ops are looked at one after the other.
struct Times {
  base::UnixNanoseconds mtime = 0;
  base::UnixNanoseconds ctime = 0;
  crdt::Timestamp mtime_op;
  crdt::Timestamp ctime_op;

  void TakeMtime(crdt::Timestamp op, base::UnixNanoseconds time) {
    if (op >= mtime_op) mtime = time, mtime_op = op;
    TakeCtime(op, time);
  }
  void TakeCtime(crdt::Timestamp op, base::UnixNanoseconds time) {
    if (op >= ctime_op) ctime = time, ctime_op = op;
  }
};

void TakeTimeRegisters(const crdt::Tree& tree, NodeId node, Times& times) {
  // ctime last: within one op it has the last word.
  if (const auto mtime = tree.Value(node, schema::kMtime); mtime && mtime->value) {
    times.TakeMtime(mtime->time, schema::DecodeTime(*mtime->value).value_or(0));
  }
  if (const auto ctime = tree.Value(node, schema::kCtime); ctime && ctime->value) {
    times.TakeCtime(ctime->time, schema::DecodeTime(*ctime->value).value_or(0));
  }
}

}  // namespace

Attributes Volume::State::AttributesOf(const Subject& subject) {
  std::shared_ptr<OpenFile> open;
  std::optional<AccessTimes::Access> access;
  {
    const std::lock_guard lock(local_mutex);
    if (const auto local = locals.find(subject.key); local != locals.end()) open = local->second.open;
    access = access_times.Of(subject.key);
  }
  if (open != nullptr) NoteUnseenWrites(*open);
  // A sibling that is removed has nothing but what is open of it.
  const bool is_gone = subject.is_sibling() && !projection->SiblingOf(subject.key);
  const bool is_staged = open != nullptr && (open->staged->dirty() || open->is_behind || is_gone);
  Attributes shown = AttributesWith(subject, is_staged ? open.get() : nullptr);
  shown.passes_through = open != nullptr && open->passes_through;
  if (access) shown.atime = access->time;
  if (access && access->set_at) shown.ctime = std::max(shown.ctime, *access->set_at);
  return shown;
}

Attributes Volume::State::PublishedAttributesOf(NodeId node, Kind kind) const {
  return AttributesWith({node, node, node, kind}, nullptr);
}

Attributes Volume::State::AttributesWith(const Subject& subject, const OpenFile* staged) const {
  const NodeId node = subject.inode;
  const Kind kind = subject.kind;
  Attributes shown;
  shown.node = subject.number;
  shown.kind = kind;
  const bool is_directory = kind == Kind::kDirectory;
  shown.mode = static_cast<std::uint32_t>(schema::UnsignedOf(tree(), node, schema::kMode)
                                              .value_or(is_directory ? kDefaultDirectoryMode : kDefaultFileMode));
  shown.uid = static_cast<std::uint32_t>(schema::UnsignedOf(tree(), node, schema::kUid).value_or(0));
  shown.gid = static_cast<std::uint32_t>(schema::UnsignedOf(tree(), node, schema::kGid).value_or(0));
  shown.links = projection->LinksOf(subject.key);

  Times times;
  switch (kind) {
    case Kind::kDirectory:
      shown.size = kDirectoryBytes;
      break;
    case Kind::kSymlink:
      if (const auto target = tree().Value(node, schema::kSymlinkTarget); target && target->value) {
        shown.size = target->value->size();
      }
      break;
    case Kind::kRegular:
      if (staged != nullptr) {
        shown.size = staged->staged->size();
        shown.blocks = BlocksOf(staged->staged->allocated_bytes());
      } else if (subject.is_sibling()) {
        const auto [version, heads] = BaseOf(subject);
        shown.size = version.size;
        shown.blocks = BlocksOf(AllocatedBytes(version));
        times.TakeMtime(heads.empty() ? crdt::Timestamp() : heads.back(), version.mtime);
      } else if (const auto head = HeadOf(node)) {
        shown.size = head->second.size;
        shown.blocks = BlocksOf(AllocatedBytes(head->second));
        times.TakeMtime(head->first, head->second.mtime);
      }
      break;
    case Kind::kCharacterDevice:
    case Kind::kBlockDevice:
      shown.device = schema::UnsignedOf(tree(), node, schema::kDevice).value_or(0);
      break;
    case Kind::kFifo:
    case Kind::kSocket:
      break;
  }
  if (is_directory) shown.blocks = BlocksOf(shown.size);
  // Staged contents changed after every op up to this counter, and before every later one.
  if (staged != nullptr && staged->staged->dirty()) {
    times.TakeMtime(crdt::Timestamp::Of(staged->written_at_counter, UINT16_MAX), staged->staged->mtime());
  } else if (staged != nullptr) {
    const std::vector<crdt::Timestamp> heads = staged->staged->base_heads();
    if (!heads.empty()) times.TakeMtime(heads.back(), staged->staged->mtime());
  }
  TakeTimeRegisters(tree(), node, times);
  shown.mtime = times.mtime;
  shown.ctime = times.ctime;
  shown.atime = times.mtime;
  return shown;
}

void Volume::State::CountLookup(const Subject& subject) {
  const auto sibling = subject.is_sibling() ? projection->SiblingOf(subject.key) : std::nullopt;
  const std::lock_guard lock(local_mutex);
  ++lookups[subject.number];
  if (sibling) SetServedVersion(subject.number, locals[subject.number], {sibling->inode, sibling->heads});
}

Volume::Entry Volume::State::LookedUp(const Subject& subject) {
  CountLookup(subject);
  return Entry{subject.number, AttributesOf(subject)};
}

// As relatime does (mount(8)): often enough for programs that ask "read since it was changed?", seldom enough to cost
// nothing. Only in memory: an access is no change to tell other replicas of.
void Volume::State::NoteAccess(NodeId node) {
  const base::UnixNanoseconds now = env.clock.Now();
  const TreeReadLock tree_lock(tree_mutex);
  const auto subject = SubjectOf(node);
  if (!subject.ok()) return;
  const Attributes shown = AttributesOf(*subject);
  if (shown.atime > shown.mtime && shown.atime > shown.ctime && now - shown.atime < kDay) return;
  const std::lock_guard lock(local_mutex);
  access_times.NoteRead(node, now);
}

std::uint32_t ModeAfter(const SetidRule& rule, std::uint32_t mode, std::uint32_t gid) {
  if (!rule.clears) return mode;
  const auto is_stranger = [&] { return rule.is_member && !rule.is_member(gid); };
  // Of a file that its group may not execute the bit meant mandatory locking once: members keep it.
  const bool takes_setgid = (mode & S_ISGID) != 0 && ((mode & S_IXGRP) != 0 || is_stranger());
  return mode & ~std::uint32_t{S_ISUID} & ~(takes_setgid ? std::uint32_t{S_ISGID} : 0);
}

absl::StatusOr<Attributes> Volume::GetAttributes(NodeId node) {
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_ASSIGN_OR_RETURN(const State::Subject subject, state_->SubjectOf(node));
  return state_->AttributesOf(subject);
}

absl::StatusOr<Attributes> Volume::SetAttributes(const Caller&, NodeId node, const AttributeChanges& changes) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  const base::UnixNanoseconds now = state_->env.clock.Now();
  State::Pin file;
  std::optional<base::UnixNanoseconds> mtime = changes.mtime_now ? std::optional(now) : changes.mtime;
  const std::optional<base::UnixNanoseconds> atime = changes.atime_now ? std::optional(now) : changes.atime;
  if (changes.size) {
    if (*changes.size > kFileBytesMax) return PosixError(std::errc::file_too_large, "a file has at most 2^63-1 bytes");
    COPSE_ASSIGN_OR_RETURN(file, state_->PinRegular(node));
    COPSE_ASSIGN_OR_RETURN(const bool is_changed, state_->TruncateTo(*file, *changes.size, now));
    if (!is_changed && !mtime) mtime = now;  // Truncating to the same size is a change of contents to POSIX.
  }
  // What was written before, and found after, would look as if it came later.
  if (const State::Pin open = state_->PinOpen(state_->KeyOf(node))) {
    COPSE_RETURN_IF_ERROR(state_->SettleUnseenWrites(*open));
  }
  Invalidations changed;
  Attributes shown;
  {
    const State::TreeWriteLock lock(state_->tree_mutex);
    COPSE_ASSIGN_OR_RETURN(const State::Subject subject, state_->SubjectOf(node));
    const Kind kind = subject.kind;
    std::vector<crdt::Field> fields;
    if (changes.mode) {
      fields.push_back(schema::Set(schema::kMode, schema::EncodeUnsigned(*changes.mode & schema::kModeMask)));
    } else if (kind != Kind::kDirectory && (changes.uid || changes.gid || changes.size || changes.setid.clears)) {
      fields = state_->PrivilegesToClear(subject.inode, changes.setid);
    }
    if (changes.uid) fields.push_back(schema::Set(schema::kUid, schema::EncodeUnsigned(*changes.uid)));
    if (changes.gid) fields.push_back(schema::Set(schema::kGid, schema::EncodeUnsigned(*changes.gid)));
    if (mtime) fields.push_back(schema::Set(schema::kMtime, schema::EncodeTime(*mtime)));
    const base::UnixNanoseconds ctime = changes.ctime.value_or(now);
    // chown(2) to nobody in particular asks for nothing, and is a change of status all the same.
    const bool asks_for_nothing = fields.empty() && !changes.size && !atime;
    if (changes.ctime || asks_for_nothing || (!fields.empty() && mtime != ctime)) {
      fields.push_back(schema::Set(schema::kCtime, schema::EncodeTime(ctime)));
    }
    if (!fields.empty()) {
      COPSE_ASSIGN_OR_RETURN(changed, state_->SetRegisters(subject, fields, now));
    }
    if (atime) {
      const std::lock_guard local_lock(state_->local_mutex);
      state_->access_times.NoteSet(subject.key, *atime, now);
    }
    shown = state_->AttributesOf(subject);
  }
  state_->Announce(std::move(changed), {node});
  return shown;
}

absl::StatusOr<Invalidations> Volume::State::SetRegisters(const Subject& subject,
                                                          const std::vector<crdt::Field>& fields,
                                                          base::UnixNanoseconds now) {
  Batch batch(replica);
  if (subject.kind == Kind::kDirectory) {
    AppendPlacement(batch, subject.inode, now);
    for (const NodeId member : projection->MembersOf(subject.inode)) batch.Set(member, fields);
  } else {
    AppendRevival(batch, subject.inode, now);
    batch.Set(subject.inode, fields);
  }
  return Commit(std::move(batch));
}

absl::StatusOr<std::string> Volume::ReadLink(NodeId node) {
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_ASSIGN_OR_RETURN(const State::Subject subject, state_->SubjectOf(node));
  const auto target = state_->tree().Value(subject.inode, schema::kSymlinkTarget);
  if (subject.kind != Kind::kSymlink || !target || !target->value) {
    return PosixError(std::errc::invalid_argument, "inode " + std::to_string(node.value) + " is no symbolic link");
  }
  return std::string(*target->value);
}

}  // namespace copse::fs
