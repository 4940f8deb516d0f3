// Files whose bytes the kernel reads and writes by itself (FUSE_PASSTHROUGH): large ones that were written and synced
// here, so that all of them lies in one plain file. While one passes through it shows one version, and what programs
// change is found by looking: whenever its attributes are asked for, at fsync and at close, and every so often. It does
// until nobody has the plain file open any more: a mapping outlives the descriptor that it was made of, and a program
// the process of its mount.
//
// Afterwards the plain file is kept for a while, within a bound, or no file that is closed now and then would pass
// through again.
#include <algorithm>

#include "content/about_to_wait.h"
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

constexpr std::uint64_t kKeptBytesMax = std::uint64_t{1} << 30;
constexpr std::size_t kKeptFilesMax = 32;
// The kernel closes its side shortly after it has told us that a descriptor is closed.
constexpr std::chrono::nanoseconds kClosesSoon = std::chrono::milliseconds(20);

}  // namespace

bool Volume::State::MayBeKept(const OpenFile& file) const {
  return file.key.load() == file.inode.load() && !file.is_removed_here && projection->LinksOf(file.inode) > 0;
}

absl::StatusOr<int> Volume::State::BeginPassthrough(Handle& handle, const Pin& file) {
  const std::lock_guard lock(file->passthrough_mutex);
  if (!file->passes_through) {
    {
      const TreeReadLock tree_lock(tree_mutex);
      // The kernel would not say which writes take setuid away.
      if (!MayBeKept(*file) || file->is_behind || IsPrivileged(file->inode)) {
        return absl::FailedPreconditionError("the file cannot pass through");
      }
    }
    // A log names the inode and the version that it lies upon.
    COPSE_RETURN_IF_ERROR(env.journal.Sync());
  }
  COPSE_ASSIGN_OR_RETURN(const int descriptor, file->staged->BeginPassthrough());
  if (!file->passes_through.exchange(true)) StayOpen(*file);
  ++file->passing_handles;
  handle.set_passes_through();
  SchedulePublication(*file, options.publish_rest);
  return descriptor;
}

void Volume::State::StayOpen(OpenFile& file) {
  const std::lock_guard lock(local_mutex);
  ++file.users;
}

void Volume::State::EndPassthrough(OpenFile& file) {
  Pin no_longer;
  const std::lock_guard lock(file.passthrough_mutex);
  if (!file.passes_through || file.passing_handles > 0) return;
  NoteUnseenWrites(file);
  const absl::StatusOr<bool> ended = file.staged->EndPassthrough();
  if (!ended.ok() || !*ended) return SchedulePublication(file, options.publish_rest);
  file.passes_through = false;
  no_longer = Pin(*this, file.shared_from_this());
}

void Volume::State::NoteUnseenWrites(OpenFile& file) {
  if (!file.passes_through) return;
  const bool was_dirty = file.staged->dirty();
  if (!file.staged->NoteUnseenWrites()) return;
  file.has_unseen_writer = true;
  NoteWritten(file, was_dirty ? 0 : file.staged->size());
}

absl::Status Volume::State::SettleUnseenWrites(OpenFile& file) {
  NoteUnseenWrites(file);
  if (!file.has_unseen_writer.exchange(false)) return absl::OkStatus();
  // Whoever reads it otherwise, by the number of a version or while a program writes it in a mount that is gone.
  Announce({{}, {file.key}}, {});
  // Setuid was given while it passed through. Who wrote after that nobody knows.
  absl::Status cleared = ClearPrivileges(file, SetidRule{.clears = true});
  if (!cleared.ok()) file.has_unseen_writer = true;
  return cleared;
}

void Volume::State::Keep(OpenFile& file) {
  std::vector<Pin> gone;
  {
    const std::lock_guard lock(local_mutex);
    if (std::exchange(file.is_kept, true)) {
      kept.remove(file.shared_from_this());
    } else {
      ++file.users;
    }
    kept.push_back(file.shared_from_this());
    std::uint64_t bytes = 0;
    for (const std::shared_ptr<OpenFile>& one : kept) bytes += one->staged->size();
    while (kept.size() > kKeptFilesMax || bytes > kKeptBytesMax) {
      bytes -= std::min(bytes, kept.front()->staged->size());
      kept.front()->is_kept = false;
      gone.emplace_back(*this, kept.front());
      kept.pop_front();
    }
  }
  // What fails to be freed now is freed when the file goes.
  for (const Pin& one : gone) one->staged->KeepBacking(false).IgnoreError();
}

void Volume::State::KeepNoLonger(OpenFile& file) {
  Pin gone;
  {
    const std::lock_guard lock(local_mutex);
    if (!std::exchange(file.is_kept, false)) return;
    kept.remove(file.shared_from_this());
    gone = Pin(*this, file.shared_from_this());
  }
  AboutToWait();
  file.staged->KeepBacking(false).IgnoreError();
}

void Volume::State::DropOutdatedBacking(OpenFile& file) {
  bool is_outdated = file.is_behind;
  {
    const TreeReadLock lock(tree_mutex);
    is_outdated = is_outdated || !MayBeKept(file);
  }
  if (is_outdated) KeepNoLonger(file);
}

void Volume::OfferPassthrough(bool offered) { state_->offers_passthrough = offered; }

bool Volume::MayPassThrough(Handle* handle, NodeId node) {
  if (state_->options.read_only || !state_->offers_passthrough) return false;
  const State::Pin file = state_->PinHandle(handle);
  if (file->key.load() != node) return false;  // By the number of a version that has become the file.
  return file->passes_through || file->staged->may_pass_through();
}

bool Volume::PassesThrough(Handle* handle) {
  const std::lock_guard lock(state_->local_mutex);
  return handle->file()->passes_through;
}

absl::StatusOr<int> Volume::BeginPassthrough(Handle* handle) {
  AboutToWait();
  return state_->BeginPassthrough(*handle, state_->PinHandle(handle));
}

void Volume::EndPassthrough(Handle* handle) {
  if (!handle->reset_passes_through()) return;
  AboutToWait();
  const State::Pin file = state_->PinHandle(handle);
  if (file->staged->NoteUnseenReads()) state_->NoteAccess(file->key);
  {
    const std::lock_guard lock(file->passthrough_mutex);
    if (--file->passing_handles > 0) return;
  }
  state_->EndPassthrough(*file);
  if (file->passes_through) state_->SchedulePublication(*file, kClosesSoon);
}

}  // namespace copse::fs
