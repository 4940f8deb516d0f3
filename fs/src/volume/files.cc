// Which files are in use. A regular file that somebody reads or writes has one OpenFile, shared by its handles and by
// the calls that work on it; it goes when nobody uses it and nothing written waits for publication. The bytes of an
// inode without a name are thrown away with its last handle and its last lookup.
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

constexpr const char* kChunkingXattr = "user.copse.chunking";
constexpr const char* kFixedChunking = "fixed";

bool HasFixedChunks(const crdt::Tree& tree, NodeId node) {
  const crdt::RegisterVersion* chunking = tree.Value(node, schema::kXattr, kChunkingXattr);
  return chunking != nullptr && chunking->value == kFixedChunking;
}

// The version shown, and the heads that it stands for: its own, and those with equal bytes.
std::pair<Manifest, std::vector<crdt::Timestamp>> BaseOf(const crdt::Tree& tree, NodeId inode) {
  auto head = schema::ShownHead(tree, inode);
  if (!head) return {};
  std::vector<crdt::Timestamp> heads;
  for (const crdt::RegisterVersion& version : tree.Versions(inode, schema::kContent)) {
    const auto manifest = DecodeManifest(*version.value);
    if (manifest.ok() && manifest->plain_root == head->second.plain_root) heads.push_back(version.time);
  }
  return {std::move(head->second), std::move(heads)};
}

}  // namespace

Volume::State::Pin Volume::State::PinOpen(NodeId node) {
  const std::lock_guard lock(local_mutex);
  const auto local = locals.find(node);
  if (local == locals.end() || local->second.open == nullptr) return {};
  ++local->second.open->users;
  return Pin(*this, local->second.open);
}

Volume::State::Pin Volume::State::PinUnderTreeLock(NodeId node) {
  const std::lock_guard lock(local_mutex);
  std::shared_ptr<OpenFile>& open = locals[node].open;
  if (open == nullptr) {
    auto [base, heads] = BaseOf(tree(), node);
    open =
        std::make_shared<OpenFile>(node, staging->OpenFile(node, base, std::move(heads), HasFixedChunks(tree(), node)));
  }
  ++open->users;
  return Pin(*this, open);
}

absl::StatusOr<Volume::State::Pin> Volume::State::PinRegular(NodeId node) {
  const TreeReadLock lock(tree_mutex);
  COPSE_ASSIGN_OR_RETURN(const Kind kind, KindOrError(node));
  if (kind == Kind::kDirectory) {
    return PosixError(std::errc::is_a_directory, "inode " + std::to_string(node.value) + " is a directory");
  }
  if (kind != Kind::kRegular) {
    return PosixError(std::errc::invalid_argument, "inode " + std::to_string(node.value) + " is no regular file");
  }
  return PinUnderTreeLock(node);
}

absl::StatusOr<Volume::State::Pin> Volume::State::PinFor(NodeId node, Handle* handle) {
  if (handle == nullptr) return PinRegular(node);
  const std::lock_guard lock(local_mutex);
  ++handle->file()->users;
  return Pin(*this, handle->file());
}

void Volume::State::DropIfUnused(absl::flat_hash_map<NodeId, Local>::iterator local) {
  Local& entry = local->second;
  if (entry.open != nullptr && entry.open->users == 0) entry.open.reset();
  if (entry.is_idle()) locals.erase(local);
}

void Volume::State::Unpin(OpenFile& file) {
  {
    const std::lock_guard lock(local_mutex);
    if (--file.users > 0) return;
    const auto local = locals.find(file.node);
    if (!file.staged->dirty()) {
      DropIfUnused(local);
      return;
    }
    if (local->second.lookups > 0) return;  // A shared mapping may still read it. Forget asks again.
  }
  if (HasName(file.node)) return;  // Publication is posted and asks again.
  {
    const std::lock_guard lock(local_mutex);
    const auto local = locals.find(file.node);
    const bool is_ours = local != locals.end() && local->second.open.get() == &file;
    if (!is_ours || file.users > 0 || local->second.lookups > 0) return;
    ++file.users;
  }
  file.staged->Discard().IgnoreError();  // What remains of it on disk is found and dropped by the next Recover.
  unpublished_bytes -= file.written_bytes.exchange(0);
  const std::lock_guard lock(local_mutex);
  --file.users;
  DropIfUnused(locals.find(file.node));
}

bool Volume::State::HasName(NodeId inode) {
  const TreeReadLock lock(tree_mutex);
  return projection->LinksOf(inode) > 0;
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

absl::StatusOr<Volume::Handle*> Volume::Open(NodeId node, OpenFlags flags) {
  if (flags.write || flags.truncate) COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_ASSIGN_OR_RETURN(State::Pin pin, state_->PinRegular(node));
  if (flags.truncate) {
    const base::UnixNanoseconds now = state_->env.clock.Now();
    COPSE_ASSIGN_OR_RETURN(const bool is_changed, state_->TruncateTo(*pin, 0, now));
    if (!is_changed) {
      const State::TreeWriteLock lock(state_->tree_mutex);
      Batch batch(state_->replica);
      batch.Set(node, {schema::Set(schema::kMtime, schema::EncodeTime(now))});
      COPSE_RETURN_IF_ERROR(state_->Commit(std::move(batch)).status());
    }
  }
  return state_->MakeHandle(std::move(pin), flags);
}

void Volume::Release(Handle* handle) {
  // More written and not published than this: who closes a file waits for its publication, so that memory stays bounded
  // when programs write faster than chunks can be sealed.
  constexpr std::uint64_t kUnpublishedBytesMax = 64 << 20;
  const State::Pin last(*state_, handle->file());  // Ends the handle's use.
  {
    const std::lock_guard lock(state_->local_mutex);
    COPSE_CHECK(state_->handles.erase(handle) == 1);
  }
  if (--last->handles > 0 || !last->staged->dirty()) return;
  last->publish_soon = true;
  const bool is_behind = state_->unpublished_bytes > kUnpublishedBytesMax;
  if (is_behind && state_->Publish(*last).ok()) return;
  state_->SchedulePublication(*last, std::chrono::nanoseconds(0));
}

}  // namespace copse::fs
