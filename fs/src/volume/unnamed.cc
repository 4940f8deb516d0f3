// Files without a name (open(2), O_TMPFILE): an inode that no dentry leads to. What is written to it stays in staging,
// like that of a file whose last name was removed: published it would show up. Link makes it a file like any other.
#include "volume/volume_state.h"

namespace copse::fs {

absl::StatusOr<Volume::Created> Volume::CreateUnnamed(const Caller& caller, NodeId directory, std::uint32_t mode,
                                                      OpenFlags flags) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(state_->EnsureSpace(0));
  const base::UnixNanoseconds now = state_->env.clock.Now();
  State::Pin pin;
  Entry entry;
  {
    const State::TreeWriteLock lock(state_->tree_mutex);
    COPSE_RETURN_IF_ERROR(state_->CheckDirectoryForChange(directory));
    std::vector<crdt::Field> fields = state_->RightsOfNew(caller, directory, Kind::kRegular, mode);
    fields.push_back(schema::Set(schema::kKind, schema::EncodeKind(Kind::kRegular)));
    fields.push_back(schema::Set(schema::kMtime, schema::EncodeTime(now)));
    Batch batch(state_->replica);
    const NodeId inode = batch.Make({crdt::kFileInodes, {}}, std::move(fields));
    COPSE_RETURN_IF_ERROR(state_->Commit(std::move(batch)).status());
    const State::Subject subject{inode, inode, inode, Kind::kRegular};
    pin = state_->PinUnderTreeLock(subject);
    pin->is_unnamed = true;
    pin->is_removed_here = true;
    entry = state_->LookedUp(subject);
  }
  return Created{entry, state_->MakeHandle(std::move(pin), flags)};
}

bool Volume::State::IsUnnamed(NodeId key) {
  const std::lock_guard lock(local_mutex);
  const auto local = locals.find(key);
  return local != locals.end() && local->second.open != nullptr && local->second.open->is_unnamed;
}

void Volume::State::NoteNamed(NodeId key) {
  const std::lock_guard lock(local_mutex);
  const auto local = locals.find(key);
  if (local == locals.end() || local->second.open == nullptr || !local->second.open->is_unnamed) return;
  OpenFile& file = *local->second.open;
  file.is_unnamed = false;
  file.is_removed_here = false;
  if (file.staged->dirty()) SchedulePublication(file, options.publish_rest);
}

}  // namespace copse::fs
