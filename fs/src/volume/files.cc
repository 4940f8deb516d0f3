// Which files are in use. A regular file that somebody reads or writes has one OpenFile, shared by its handles and by
// the calls that work on it; it goes when nobody uses it and nothing written waits for publication. The bytes of an
// inode without a name are thrown away with its last handle and its last lookup.
#include "content/about_to_wait.h"
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

constexpr const char* kChunkingXattr = "user.copse.chunking";
constexpr const char* kFixedChunking = "fixed";

bool HasFixedChunks(const crdt::Tree& tree, NodeId node) {
  const auto chunking = tree.Value(node, schema::kXattr, kChunkingXattr);
  return chunking && chunking->value == kFixedChunking;
}

}  // namespace

Volume::State::Pin Volume::State::PinOpen(NodeId node) {
  const std::lock_guard lock(local_mutex);
  const auto local = locals.find(node);
  if (local == locals.end() || local->second.open == nullptr) return {};
  ++local->second.open->users;
  return Pin(*this, local->second.open);
}

Volume::State::Pin Volume::State::PinFile(const std::shared_ptr<OpenFile>& file) {
  const std::lock_guard lock(local_mutex);
  ++file->users;
  return Pin(*this, file);
}

Volume::State::Pin Volume::State::PinHandle(Handle* handle) {
  const std::lock_guard lock(local_mutex);
  ++handle->file()->users;
  return Pin(*this, handle->file());
}

NodeId Volume::State::KeyOf(NodeId number) {
  const TreeReadLock lock(tree_mutex);
  const auto subject = SubjectOf(number);
  return subject.ok() ? subject->key : number;
}

Volume::State::Pin Volume::State::PinUnderTreeLock(const Subject& subject) {
  std::unique_lock lock(local_mutex);
  std::shared_ptr<OpenFile>& open = locals[subject.key].open;
  if (open == nullptr) {
    auto [base, heads] = BaseOf(subject);
    const bool is_fixed = HasFixedChunks(tree(), subject.inode);
    open = std::make_shared<OpenFile>(subject.key, subject.inode,
                                      staging->OpenFile(subject.inode, base, std::move(heads), is_fixed));
    // A descriptor that was opened with O_PATH, or a file handle, leads to a file that nobody had open when it went.
    open->is_removed_here = !subject.is_sibling() && WasRemovedHere(subject.inode, open->staged->base_heads());
  }
  ++open->users;
  Pin pin(*this, open);
  lock.unlock();
  NoteUnseenWrites(*pin);
  return pin;
}

absl::StatusOr<Volume::State::Pin> Volume::State::PinRegular(NodeId node) {
  const TreeReadLock lock(tree_mutex);
  COPSE_ASSIGN_OR_RETURN(const Subject subject, SubjectOf(node));
  if (subject.kind == Kind::kDirectory) {
    return PosixError(std::errc::is_a_directory, "inode " + std::to_string(node.value) + " is a directory");
  }
  if (subject.kind != Kind::kRegular) {
    return PosixError(std::errc::invalid_argument, "inode " + std::to_string(node.value) + " is no regular file");
  }
  return PinUnderTreeLock(subject);
}

absl::StatusOr<Volume::State::Pin> Volume::State::PinFor(NodeId node, Handle* handle) {
  if (handle == nullptr) return PinRegular(node);
  Pin file;
  bool is_right = false;
  {
    const std::lock_guard lock(local_mutex);
    const std::shared_ptr<OpenFile>& held = handle->file();
    ++held->users;
    file = Pin(*this, held);
    const auto local = locals.find(held->key);
    const bool is_in_place = local != locals.end() && local->second.open == held;
    is_right = is_in_place && held->key.load() == node && held->inode.load() == node;
  }
  NoteUnseenWrites(*file);
  if (is_right) return file;
  // By the number of a sibling, or of one that another file has taken the place of: where it is clean, the handle goes
  // over to what its number leads to now.
  if (file->is_written()) return file;
  Pin there;
  {
    const TreeReadLock lock(tree_mutex);
    const auto subject = SubjectOf(node);
    if (subject.ok()) there = PinUnderTreeLock(*subject);
  }
  if (there && &*there != &*file) MoveHandle(handle, *file, there);
  return there ? std::move(there) : std::move(file);
}

void Volume::State::MoveHandle(Handle* handle, OpenFile& from, const Pin& to) {
  const std::lock_guard lock(local_mutex);
  if (handle->file().get() != &from) return;
  // The use of `from` that is over is not its last: the caller has a pin.
  --from.users;
  --from.handles;
  handle->file() = to.file();
  ++to->users;
  ++to->handles;
}

void Volume::State::DropIfUnused(absl::flat_hash_map<NodeId, Local>::iterator local) {
  Local& entry = local->second;
  if (entry.open != nullptr && entry.open->users == 0) {
    if (entry.open->is_behind.exchange(false)) --files_behind;
    entry.open.reset();
  }
  if (entry.open == nullptr && !lookups.contains(local->first)) EraseLocal(local);
}

bool Volume::State::IsInPlace(const OpenFile& file) const {
  const auto local = locals.find(file.key);
  return local != locals.end() && local->second.open.get() == &file;
}

void Volume::State::LetGo(OpenFile& file) {
  if (IsInPlace(file)) {
    DropIfUnused(locals.find(file.key));
  } else {
    displaced.erase(file.shared_from_this());
  }
}

void Volume::State::Unpin(OpenFile& file) {
  bool is_newly_displaced = false;
  {
    const std::lock_guard lock(local_mutex);
    if (--file.users > 0) return;
    if (!file.staged->dirty()) return LetGo(file);
    const bool is_in_place = IsInPlace(file);
    if (is_in_place && lookups.contains(file.key)) return;  // A shared mapping may still read it. Forget asks again.
    if (!is_in_place) is_newly_displaced = displaced.insert(file.shared_from_this()).second;
  }
  if (MayPublish(file)) {
    // Publication is posted and asks again; but what it is posted for may have gone from its place meanwhile.
    if (is_newly_displaced) SchedulePublication(file, std::chrono::nanoseconds(0));
    return;
  }
  {
    const std::lock_guard lock(local_mutex);
    if (file.users > 0 || (IsInPlace(file) && lookups.contains(file.key))) return;
    ++file.users;
  }
  AboutToWait();
  file.staged->Discard().IgnoreError();  // What remains of it on disk is found and dropped by the next Recover.
  CountPublished(file, file.written_bytes);
  const std::lock_guard lock(local_mutex);
  if (--file.users == 0) LetGo(file);
}

Volume::Handle* Volume::State::MakeHandle(Pin pin, OpenFlags flags) {
  ++pin->handles;
  auto handle = std::make_unique<Handle>(std::move(pin).Keep(), flags);
  Handle* const given_out = handle.get();
  const std::lock_guard lock(local_mutex);
  handles.emplace(given_out, std::move(handle));
  return given_out;
}

absl::StatusOr<Volume::Created> Volume::Create(const Caller& caller, NodeId parent, std::string_view name,
                                               std::uint32_t mode, OpenFlags flags) {
  State::Pin pin;
  COPSE_ASSIGN_OR_RETURN(Entry entry, state_->MakeInode(caller, parent, name, Kind::kRegular, mode, {}, &pin));
  return Created{entry, state_->MakeHandle(std::move(pin), flags)};
}

absl::StatusOr<Volume::Handle*> Volume::Open(NodeId node, OpenFlags flags, const SetidRule& setid) {
  if (flags.write || flags.truncate) COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_ASSIGN_OR_RETURN(State::Pin pin, state_->PinRegular(node));
  if (flags.truncate) {
    const base::UnixNanoseconds now = state_->env.clock.Now();
    COPSE_ASSIGN_OR_RETURN(const bool is_changed, state_->TruncateTo(*pin, 0, now));
    if (!is_changed) COPSE_RETURN_IF_ERROR(state_->SetModificationTime(node, now));
    COPSE_RETURN_IF_ERROR(state_->ClearPrivileges(*pin, setid));
  }
  return state_->MakeHandle(std::move(pin), flags);
}

void Volume::Release(Handle* handle) {
  // More in memory and not published than this: who closes a file waits for its publication, so that memory stays
  // bounded when programs write faster than chunks can be sealed.
  constexpr std::uint64_t kUnpublishedBytesMax = 64 << 20;
  EndPassthrough(handle);
  State::Pin last;
  {
    const std::lock_guard lock(state_->local_mutex);
    last = State::Pin(*state_, handle->file());  // Ends the handle's use.
    COPSE_CHECK(state_->handles.erase(handle) == 1);
  }
  if (--last->handles > 0 || !last->staged->dirty()) return;
  last->publish_soon = true;
  const bool is_in_memory = last->written_bytes <= State::kMemoryBytesMax;
  if (is_in_memory ? state_->unpublished_bytes > kUnpublishedBytesMax
                   : state_->staging->files_on_disk() > state_->options.staged_files_max) {
    AboutToWait();
    if (state_->Publish(*last, StagedFile::Precedence::kUnderWriters).ok()) return;
  }
  state_->PublishClosed(*last);
}

}  // namespace copse::fs
