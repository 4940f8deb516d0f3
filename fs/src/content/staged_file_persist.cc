#include <copse/base/status_macros.h>

#include <algorithm>
#include <utility>

#include "content/staged_file_state.h"

// What goes to disk, and what leaves it. The order of steps is what a crash leaves readable:
//   Persist  bytes before the log that names them; the first log comes whole, by rename.
//   Publish  where there is a log, it notes the version before anybody can make an op of it: recovery then knows the op
//            for its own, and replaces it.
//   Rebase   the op is durable (the caller saw to it), then the log goes, durably, then the bytes. A crash before the
//            log is gone recovers contents that are published already; whoever recovers them sees that by the plain
//            root and discards them. The log must not come back after later versions, hence the directory's sync.

namespace copse::fs {

void StagedFile::State::Resume(const std::string& stem, std::unique_ptr<base::File> data,
                               std::unique_ptr<base::File> its_log, const StagingLogContents& contents) {
  bytes.Open(stem, std::move(data));
  changes = contents.sum.changes;
  size = contents.sum.size;
  mtime = contents.sum.mtime;
  is_whole = contents.passes_through;
  log_passes_through = contents.passes_through;
  passes_through = is_whole && bytes.descriptor() >= 0 && IsOpenElsewhere(bytes.descriptor()).value_or(false);
  if (passes_through) stamp = StampOf(bytes.descriptor());
  dirty = true;
  log = std::move(its_log);
  log_bytes = contents.valid_bytes;
  unpersisted = ChangeSet(size);
  persisted_size = size;
  persisted_mtime = mtime;
}

absl::Status StagedFile::State::Persist() {
  LookBeneath();
  if (!dirty && !passes_through) return absl::OkStatus();
  if (passes_through) bytes.NoteUnsynced();
  if (!bytes.has_file()) {
    COPSE_ASSIGN_OR_RETURN(StagedBytes::Spilled spilled, bytes.Spill(changes));
    const std::unique_lock lock(mutex);
    bytes.Adopt(std::move(spilled));
  }
  COPSE_RETURN_IF_ERROR(bytes.Sync());
  std::vector<crdt::Timestamp> heads;
  bool is_new = false;
  {
    const std::shared_lock lock(mutex);
    heads = base_heads;
    is_new = !log || log_is_outdated || log_is_broken;
  }
  if (is_new) return WriteLog(base->manifest(), heads, changes);
  return log_passes_through ? absl::OkStatus() : AppendToLog();
}

absl::Status StagedFile::State::AppendToLog() {
  const bool anew = !unpersisted.ranges().empty() || unpersisted.limit() < persisted_size || size != persisted_size;
  if (!anew && mtime == persisted_mtime) return absl::OkStatus();
  const std::string record = EncodeStagingChange({size, mtime, unpersisted});
  // A new mtime alone is not worth a disk flush: it reaches the disk with the next one, or soon by itself.
  COPSE_RETURN_IF_ERROR(AppendRecord(record, anew));
  const std::unique_lock lock(mutex);
  unpersisted = ChangeSet(size);
  persisted_size = size;
  persisted_mtime = mtime;
  return absl::OkStatus();
}

absl::Status StagedFile::State::AppendRecord(const std::string& record, bool syncs) {
  absl::Status status = log->WriteAt(log_bytes, record);
  if (status.ok() && syncs) status = log->Sync();
  if (status.ok()) log_bytes += record.size();
  // Of a file whose sync has failed once nobody knows what is on the disk.
  log_is_broken = !status.ok();
  return status;
}

absl::Status StagedFile::State::WriteLog(const Manifest& the_base, const std::vector<crdt::Timestamp>& heads,
                                         const ChangeSet& sum) {
  const std::string path = context->LogPath(bytes.stem());
  std::string contents;
  {
    const std::shared_lock lock(mutex);
    contents = EncodeStagingHeader({node, the_base, fixed_chunks, heads}) + EncodeStagingChange({size, mtime, sum});
    // What was published on this base may become an op at any moment.
    const bool is_publishing = unpublished && heads == base_heads;
    if (is_publishing) contents += EncodeStagingPublication(published_root);
    if (passes_through) contents += EncodeStagingPassthrough();
  }
  log_is_broken = true;  // Where this fails half way, what lies there is not what `log` appends to.
  COPSE_RETURN_IF_ERROR(base::ReplaceFile(context->storage, path, contents));
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<base::File> file,
                         context->storage.Open(path, base::Storage::OpenMode::kReadWrite));
  const std::unique_lock lock(mutex);
  log = std::move(file);
  log_is_outdated = heads != base_heads;
  log_is_broken = false;
  log_passes_through = passes_through;
  log_bytes = contents.size();
  unpersisted = ChangeSet(size);
  persisted_size = size;
  persisted_mtime = mtime;
  return absl::OkStatus();
}

absl::StatusOr<Manifest> StagedFile::State::Publish(Precedence precedence) {
  // Whatever lies on the disk is to say what is being published: after a crash it would be taken for later bytes.
  if (log_is_broken) COPSE_RETURN_IF_ERROR(Persist());
  COPSE_ASSIGN_OR_RETURN(Manifest manifest, StoreContents(precedence));
  // Or what was written since the last sync, and is published, would be taken back by a power cut.
  if (passes_through) bytes.NoteUnsynced();
  if (log) {
    // The disk may take no more of this file, and the version all the same: then the version is what is left of it.
    const absl::Status synced = bytes.Sync();
    if (passes_through) COPSE_RETURN_IF_ERROR(synced);
  }
  const base::Hash plain_root = manifest.PlainRoot();
  if (log) COPSE_RETURN_IF_ERROR(AppendRecord(EncodeStagingPublication(plain_root), true));
  const std::unique_lock lock(mutex);
  unpublished = ChangeSet(size);
  published_root = plain_root;
  touched_since_publish = false;
  NoteUnseenWrites();
  TakeUnseenWrites();
  return manifest;
}

absl::Status StagedFile::State::Rebase(const Manifest& new_base, std::vector<crdt::Timestamp> heads) {
  LookBeneath();
  if (dirty && !unpublished) return absl::FailedPreconditionError("the file is dirty and was not published");
  if (!dirty || !touched_since_publish) {
    if (passes_through) return RebaseBeneath(new_base, std::move(heads));
    return Reset(new_base, std::move(heads), keeps_backing && dirty);
  }
  // A range that is in no change since the publication was in none before either, or is in the published version: so
  // what came later means the same on top of that version as on top of the old base.
  if (log) {
    COPSE_RETURN_IF_ERROR(bytes.Sync());
    COPSE_RETURN_IF_ERROR(WriteLog(new_base, heads, *unpublished));
  } else {
    COPSE_RETURN_IF_ERROR(RemoveLog());  // One that was written half way, and is of the old base.
  }
  auto reader = std::make_shared<const ManifestReader>(context->content, context->cache, new_base);
  const std::unique_lock lock(mutex);
  base = std::move(reader);
  base_heads = std::move(heads);
  log_is_outdated = false;
  const ChangeSet before = std::exchange(changes, *std::exchange(unpublished, std::nullopt));
  if (!is_whole) FreeUnused(before, changes);
  return absl::OkStatus();
}

bool StagedFile::State::Follow(const Manifest& new_base, std::vector<crdt::Timestamp> heads) {
  {
    const std::shared_lock lock(mutex);
    if (!dirty && !has_unseen_writes && heads == base_heads) return true;
  }
  // Clean, it has nothing on disk, so this takes no time.
  if (dirty || log || bytes.has_file()) return false;
  return Reset(new_base, std::move(heads), false).ok();
}

absl::Status StagedFile::State::Discard() {
  if (passes_through) return absl::FailedPreconditionError("the file passes through");
  return Reset(base->manifest(), base_heads, false);
}

absl::Status StagedFile::State::RemoveLog() {
  if (!log && !log_is_broken) return absl::OkStatus();
  const absl::Status removed = context->storage.Remove(context->LogPath(bytes.stem()));
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  {
    const std::unique_lock lock(mutex);
    log.reset();
  }
  log_passes_through = false;
  log_is_broken = true;  // Until the removal is durable it may come back.
  COPSE_RETURN_IF_ERROR(context->storage.SyncDirectory(context->directory));
  log_is_broken = false;
  return absl::OkStatus();
}

absl::Status StagedFile::State::Reset(const Manifest& new_base, std::vector<crdt::Timestamp> heads, bool keeps_bytes) {
  COPSE_RETURN_IF_ERROR(RemoveLog());
  const auto reader = std::make_shared<const ManifestReader>(context->content, context->cache, new_base);
  const std::unique_lock lock(mutex);
  base = reader;  // `new_base` may have been the old one's.
  base_heads = std::move(heads);
  size = reader->manifest().size;
  mtime = reader->manifest().mtime;
  dirty = false;
  changes = ChangeSet(size);
  unpublished.reset();
  if (keeps_bytes) return absl::OkStatus();
  is_whole = false;
  keeps_backing = false;
  return bytes.Clear();
}

void StagedFile::State::FreeUnused(const ChangeSet& before, const ChangeSet& after) {
  for (const auto& [begin, tail] : before.ranges()) {
    if (tail.kind != RangeKind::kData) continue;
    for (std::uint64_t offset = begin; offset < tail.end;) {
      const std::optional<ChangeSet::Range> range = after.FirstFrom(offset);
      const bool inside = range && range->begin <= offset;
      const std::uint64_t end = std::min(tail.end, inside ? range->end : range ? range->begin : tail.end);
      // All that a failure costs is space, until the staging goes.
      if (!inside || range->kind != RangeKind::kData) (void)bytes.Free(offset, end);
      offset = end;
    }
  }
}

}  // namespace copse::fs
