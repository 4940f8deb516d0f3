#include <copse/base/status_macros.h>

#include <utility>

#include "content/publisher.h"
#include "content/staged_file_state.h"

// A file that passes through: programs read, write and map the data file, and nobody tells us. Three things follow.
//   What they change is found by its stamp, whenever somebody asks. It is noted under `mutex` alone, since a
//   publication may hold `writer` for long, and becomes a change of ours (TakeUnseenWrites) where `writer` is held,
//   too. What they sync is durable without us (msync(2), O_SYNC). So the log says in advance, durably, that all that
//   the data file holds counts; and the file is whole and synced before it says so. They may go on when we have ended,
//   and a mapping when its descriptor is closed. So nobody but who alone has the data file open takes it for his own
//   again.

namespace copse::fs {
namespace {

absl::Status BeingWritten() { return absl::AbortedError("the file is being written"); }

}  // namespace

bool StagedFile::State::may_pass_through() const {
  if (passes_through) return true;
  if (bytes.descriptor() < 0 || size < kPassthroughBytesMin || size > kPassthroughBytesMax) return false;
  return is_whole || (log && changes.shown_bytes() == 0);
}

absl::Status StagedFile::State::MakeWhole() {
  if (is_whole) return absl::OkStatus();
  for (std::uint64_t offset = 0; offset < size;) {
    const Span span = SpanAt(offset);
    if (span.source == Span::Source::kHole) COPSE_RETURN_IF_ERROR(bytes.Free(offset, span.end));
    offset = span.end;
  }
  COPSE_RETURN_IF_ERROR(bytes.Extend(size));
  const std::unique_lock lock(mutex);
  is_whole = true;
  return absl::OkStatus();
}

absl::StatusOr<int> StagedFile::State::BeginPassthrough() {
  if (passes_through) return bytes.descriptor();
  if (!may_pass_through() || !TellsOfWrites(bytes.descriptor()) || IsOpenElsewhere(bytes.descriptor()).value_or(true)) {
    return absl::FailedPreconditionError("the file cannot pass through");
  }
  COPSE_RETURN_IF_ERROR(MakeWhole());
  COPSE_RETURN_IF_ERROR(bytes.Cut(size));  // What a write has left that failed half way.
  // So that after a crash a file that nobody has changed bears the time that it had.
  SetModificationTime(bytes.descriptor(), mtime);
  COPSE_RETURN_IF_ERROR(bytes.Sync());
  std::vector<crdt::Timestamp> heads;
  bool is_new = false;
  {
    const std::unique_lock lock(mutex);
    heads = base_heads;
    is_new = !log || log_is_outdated || log_is_broken;
    passes_through = true;  // The log is to say so.
    has_unseen_writes = false;
    stamp = StampOf(bytes.descriptor());
    atime = AccessTimeOf(bytes.descriptor());
    is_settled = true;  // Nobody else has written it.
    is_rebased_beneath = false;
  }
  absl::Status logged;
  if (is_new) {
    logged = WriteLog(base->manifest(), heads, changes);
  } else if (!log_passes_through) {
    logged = AppendRecord(EncodeStagingPassthrough(), true);
    log_passes_through = logged.ok();
  }
  if (logged.ok()) return bytes.descriptor();
  {
    const std::unique_lock lock(mutex);
    passes_through = false;
  }
  // Nothing needs the log of a clean file, and a later file of that stem must not meet it.
  if (!dirty) RemoveLog().IgnoreError();
  return logged;
}

bool StagedFile::State::NoteUnseenWrites() {
  if (!passes_through) return false;
  const FileStamp present = StampOf(bytes.descriptor());
  const bool is_new = present != stamp;
  if (!is_new && is_settled) return false;
  stamp = present;
  is_settled = IsSettled(present);
  has_unseen_writes = true;
  return is_new;
}

void StagedFile::State::TakeUnseenWrites() {
  if (!std::exchange(has_unseen_writes, false)) return;
  ChangeSet all(0);
  if (stamp.size > 0) all.Set(0, stamp.size, RangeKind::kData);
  changes = all;
  unpersisted = all;
  if (unpublished) unpublished = all;
  bytes.NoteUnsynced();
  Touch(stamp.size, stamp.mtime);
}

void StagedFile::State::LookBeneath() {
  if (!passes_through) return;
  const std::unique_lock lock(mutex);
  NoteUnseenWrites();
  TakeUnseenWrites();
}

void StagedFile::State::TakeExtents() {
  const bool is_all = is_whole && size > 0 && changes.limit() == 0 && changes.data_bytes() == size;
  if (!is_all) return;
  ChangeSet extents(0);
  for (std::uint64_t offset = 0; offset < size;) {
    const Span span = SpanAt(offset);
    extents.Set(offset, span.end, span.source == Span::Source::kHole ? RangeKind::kHole : RangeKind::kData);
    offset = span.end;
  }
  const std::unique_lock lock(mutex);
  changes = std::move(extents);
}

absl::StatusOr<Manifest> StagedFile::State::StoreContents(Precedence precedence) {
  const bool gives_way = precedence == Precedence::kUnderWriters;
  if (passes_through) {
    // The next write through a mapping is then a page fault, and moves the time.
    bytes.NoteUnsynced();
    COPSE_RETURN_IF_ERROR(bytes.Sync());
  }
  LookBeneath();
  FileStamp before;
  {
    const std::shared_lock lock(mutex);
    before = stamp;
    if (gives_way && passes_through && (!is_settled || has_unseen_writes)) return BeingWritten();
  }
  const auto is_changed = [&] { return passes_through && StampOf(bytes.descriptor()) != before; };
  TakeExtents();
  absl::StatusOr<Manifest> manifest =
      PublishContents({context->content, context->chunker, *base, changes, size, mtime, fixed_chunks,
                       [this](std::uint64_t offset, std::span<char> out) { return ReadAll(offset, out); },
                       [&] { return gives_way && (waiting > 0 || is_changed()); }});
  // It may have been cut while it was read, and then it is not damaged.
  if ((gives_way || !manifest.ok()) && is_changed()) return BeingWritten();
  return manifest;
}

absl::Status StagedFile::State::RebaseBeneath(const Manifest& new_base, std::vector<crdt::Timestamp> heads) {
  COPSE_RETURN_IF_ERROR(WriteLog(new_base, heads, ChangeSet(new_base.size)));
  auto reader = std::make_shared<const ManifestReader>(context->content, context->cache, new_base);
  const std::unique_lock lock(mutex);
  base = std::move(reader);
  base_heads = std::move(heads);
  log_is_outdated = false;
  dirty = false;
  is_rebased_beneath = true;
  changes = ChangeSet(size);
  unpublished.reset();
  return absl::OkStatus();
}

absl::StatusOr<bool> StagedFile::State::EndPassthrough() {
  if (!passes_through) return true;
  if (IsOpenElsewhere(bytes.descriptor()).value_or(false)) return false;
  {
    const std::unique_lock lock(mutex);
    NoteUnseenWrites();
    // A write moves the time when it begins: one that was under way while a version was read does not show.
    has_unseen_writes = has_unseen_writes || is_rebased_beneath;
    TakeUnseenWrites();
  }
  if (!dirty) COPSE_RETURN_IF_ERROR(RemoveLog());
  {
    const std::unique_lock lock(mutex);
    passes_through = false;
    bytes.NoteUnsynced();
  }
  if (!dirty) COPSE_RETURN_IF_ERROR(Reset(base->manifest(), base_heads, keeps_backing));
  return true;
}

bool StagedFile::may_pass_through() const {
  const std::shared_lock lock(state_->mutex);
  return state_->may_pass_through();
}

bool StagedFile::passes_through() const {
  const std::shared_lock lock(state_->mutex);
  return state_->passes_through;
}

bool StagedFile::keeps_backing() const {
  const std::shared_lock lock(state_->mutex);
  return state_->keeps_backing;
}

absl::StatusOr<int> StagedFile::BeginPassthrough() {
  {
    // Who only joins does not wait for a publication.
    const std::shared_lock lock(state_->mutex);
    if (state_->passes_through) return state_->bytes.descriptor();
  }
  const std::unique_lock turn = state_->TakeTurn();
  return state_->BeginPassthrough();
}

bool StagedFile::NoteUnseenWrites() {
  const std::unique_lock lock(state_->mutex);
  return state_->NoteUnseenWrites();
}

bool StagedFile::NoteUnseenReads() {
  const std::unique_lock lock(state_->mutex);
  if (!state_->passes_through) return false;
  const base::UnixNanoseconds present = AccessTimeOf(state_->bytes.descriptor());
  return std::exchange(state_->atime, present) != present;
}

absl::StatusOr<bool> StagedFile::EndPassthrough() {
  const std::unique_lock turn = state_->TakeTurn();
  return state_->EndPassthrough();
}

absl::Status StagedFile::KeepBacking(bool keeps) {
  const std::unique_lock turn = state_->TakeTurn();
  const bool can = keeps && state_->may_pass_through() && state_->MakeWhole().ok();
  const bool is_needed = can || state_->dirty || state_->log || state_->passes_through;
  if (!is_needed) COPSE_RETURN_IF_ERROR(state_->RemoveLog());  // One that was written half way.
  const std::unique_lock lock(state_->mutex);
  state_->keeps_backing = can;
  if (is_needed) return absl::OkStatus();
  state_->is_whole = false;
  return state_->bytes.Clear();
}

}  // namespace copse::fs
