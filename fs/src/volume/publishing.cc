// How written contents become versions. Writing stays local and fast; a version is made when the last handle is closed,
// when an open file has rested, at fsync, and at Flush: its chunks are stored first, without any lock of the tree, then
// one op names them. Publication shows nothing new to this mount: size and times are afterwards what they were before.
// The bytes of an inode without a name are never published: they would bring the file back.
#include <algorithm>
#include <set>

#include "content/about_to_wait.h"
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

// A file without handles that is still written (truncate(2), a shared mapping written back late) rests for so long.
constexpr std::chrono::nanoseconds kRestWithoutHandle = std::chrono::milliseconds(100);
constexpr std::chrono::nanoseconds kRetryDelay = std::chrono::seconds(5);
// Whoever writes into a large file all the time still has a version made of it in the end.
constexpr unsigned kGivesWayMax = 8;
// fsync publishes at once what is small and was not published lately: one sync of the chunks and one of the feed,
// which is as cheap as staging. A program that syncs often has its bytes staged, and a version a second.
constexpr std::uint64_t kSmallBytes = 64 * 1024;
constexpr std::chrono::nanoseconds kPublicationInterval = std::chrono::seconds(1);
// Files closed within the first of these of each other are closed in a row, and wait if there are more than a few.
constexpr std::chrono::nanoseconds kInARow = std::chrono::milliseconds(20);
constexpr unsigned kFewInARow = 8;
constexpr std::chrono::nanoseconds kClosedWaitMax = std::chrono::seconds(1);
// Sealing takes about a second for so many bytes, on one processor.
constexpr std::uint64_t kBytesASecond = 256 << 20;

}  // namespace

absl::Status Volume::State::Publish(OpenFile& file, StagedFile::Precedence precedence) {
  Invalidations changed;
  bool shows_other = false;
  absl::Status status;
  COPSE_RETURN_IF_ERROR(SettleUnseenWrites(file));
  {
    std::unique_lock lock(file.publish_mutex, std::try_to_lock);
    if (!lock.owns_lock()) {
      AboutToWait();
      lock.lock();
    }
    if (!file.staged->dirty() || !MayPublish(file)) return absl::OkStatus();
    file.publish_soon = false;
    const std::uint64_t bytes = file.written_bytes;
    if (bytes > kSmallBytes) AboutToWait();
    if (file.gave_way >= kGivesWayMax) precedence = StagedFile::Precedence::kOverWriters;
    const std::chrono::nanoseconds began = env.clock.Monotonic();
    absl::StatusOr<Manifest> manifest = file.staged->Publish(precedence);
    file.publication_took = (env.clock.Monotonic() - began).count();
    if (absl::IsAborted(manifest.status())) ++file.gave_way;
    if (!manifest.ok()) return manifest.status();
    file.gave_way = 0;
    status = SubmitVersion(file, *std::move(manifest), changed);
    if (status.ok()) {
      if (file.staged->keeps_backing()) Keep(file);
      file.last_publication = env.clock.Monotonic().count();
      CountPublished(file, bytes);
      if (file.staged->dirty()) file.written_at_counter = counter.load(std::memory_order_acquire);
      shows_other = Follow(file);
    }
  }
  // The kernel has the bytes that were written. Only if the file shows another version now, they are not its any more.
  Announce(std::move(changed), {shows_other ? NodeId{} : file.key.load()});
  return status;
}

absl::Status Volume::State::SubmitVersion(OpenFile& file, Manifest manifest, Invalidations& changed) {
  std::vector<crdt::Timestamp> heads;
  bool is_to_keep = false;
  {
    const TreeWriteLock lock(tree_mutex);
    if (!MayPublishUnderTreeLock(file)) return absl::OkStatus();
    const NodeId inode = file.inode;
    heads = file.staged->base_heads();
    std::vector<crdt::Timestamp> base = heads;
    base.insert(base.end(), file.also_replaces.begin(), file.also_replaces.end());
    const Attributes shown = AttributesWith({file.key, file.key, inode}, &file);
    const auto [present, present_heads] = BaseOf({file.key, file.key, inode});
    const auto is_based_on = [&](crdt::Timestamp version) {
      return std::find(base.begin(), base.end(), version) != base.end();
    };
    const bool is_unchanged = present.PlainRoot() == manifest.PlainRoot() &&
                              std::any_of(present_heads.begin(), present_heads.end(), is_based_on);
    manifest.mtime = shown.mtime;
    std::vector<crdt::Field> fields;
    const Attributes published = PublishedAttributesOf(inode, Kind::kRegular);
    // What passed through and was touched by nobody.
    const bool is_same = is_unchanged && published.mtime == shown.mtime && published.ctime == shown.ctime &&
                         projection->LinksOf(inode) > 0;
    if (is_unchanged) {
      fields.push_back(schema::Set(schema::kMtime, schema::EncodeTime(shown.mtime)));
      heads = present_heads;
    } else {
      fields.push_back(schema::Replace(schema::kContent, EncodeManifest(manifest), base));
    }
    if (shown.ctime != shown.mtime) fields.push_back(schema::Set(schema::kCtime, schema::EncodeTime(shown.ctime)));
    Batch batch(replica);
    AppendRevival(batch, inode, env.clock.Now());
    // The time of a new head is that of its op, which follows what brings the file back.
    if (!is_unchanged) heads = {batch.TimeOfNext()};
    batch.Set(inode, std::move(fields));
    if (!is_same) {
      COPSE_ASSIGN_OR_RETURN(changed, Commit(std::move(batch)));
    }
    NotePublished(inode, base, heads);
    file.is_removed_here = false;
    is_to_keep = offers_passthrough && MayBeKept(file) && !space_is_short;
    // Should what follows fail, the next attempt goes on from this version.
    file.also_replaces = heads;
  }
  // What was synced lies in staging alone until the op that replaces it is as durable.
  if (file.staged->persisted()) COPSE_RETURN_IF_ERROR(env.journal.Sync());
  file.staged->KeepBacking(is_to_keep).IgnoreError();  // Space, at worst, until the file goes.
  absl::Status rebased = file.staged->Rebase(manifest, std::move(heads));
  if (rebased.ok() || !file.staged->dirty()) file.also_replaces.clear();
  return rebased;
}

void Volume::State::SettleStaging(NodeId number) {
  const Pin file = PinOpen(KeyOf(number));
  if (!file || !file->staged->persisted()) return;
  AboutToWait();
  // A log names the inode, so that has to be durable before it is; and what a log is gone for, before it goes.
  if (!env.journal.Sync().ok()) return;
  // Where this fails the log says what it said: after a crash the bytes are back where they were.
  (file->is_removed_here ? file->staged->Unpersist() : file->staged->Persist()).IgnoreError();
}

void Volume::State::SchedulePublication(OpenFile& file, std::chrono::nanoseconds delay) {
  const std::int64_t due = env.clock.Monotonic().count() + delay.count();
  const std::lock_guard lock(file.schedule_mutex);
  if (file.work != 0 && file.work_due <= due) return;
  if (file.work != 0) env.executor.Cancel(file.work);
  file.work_due = due;
  file.work = env.executor.Post(
      [held = lifeline, scheduled = file.weak_from_this()] {
        const std::lock_guard alive(held->mutex);
        const std::shared_ptr<OpenFile> posted = scheduled.lock();
        if (held->state != nullptr && posted != nullptr) held->state->RunPublication(posted);
      },
      delay);
}

void Volume::State::CountWritten(OpenFile& file, std::uint64_t bytes) {
  const std::uint64_t before = file.written_bytes.fetch_add(bytes);
  unpublished_bytes += std::min(before + bytes, kMemoryBytesMax) - std::min(before, kMemoryBytesMax);
}

void Volume::State::CountPublished(OpenFile& file, std::uint64_t bytes) {
  const std::uint64_t before = file.written_bytes.fetch_sub(bytes);
  unpublished_bytes -= std::min(before, kMemoryBytesMax) - std::min(before - bytes, kMemoryBytesMax);
}

std::chrono::nanoseconds Volume::State::TimeToPublish(std::uint64_t bytes) {
  constexpr std::uint64_t kNanoseconds = 1'000'000'000;
  return std::min<std::chrono::nanoseconds>(
      kClosedWaitMax, std::chrono::nanoseconds(std::min(bytes, kBytesASecond) * kNanoseconds / kBytesASecond));
}

// A program that writes many files, one after the other, wants the processor for itself: sealing one takes longer than
// writing it does. So they are published when it pauses, and after a second at the latest. One file alone is published
// as soon as it is closed, but a large one only when it has rested for about as long as sealing it takes: whoever has
// just written it may go on with it.
void Volume::State::PublishClosed(OpenFile& file) {
  const std::chrono::nanoseconds rest = TimeToPublish(file.written_bytes);
  if (rest > kInARow) return SchedulePublication(file, rest);
  const std::int64_t now = env.clock.Monotonic().count();
  const std::lock_guard lock(closed_mutex);
  closed.in_a_row = now - closed.last_at < kInARow.count() ? closed.in_a_row + 1 : 0;
  closed.last_at = now;
  if (closed.files.empty()) closed.first_at = now;
  closed.files.push_back(file.weak_from_this());
  if (closed.work != 0) return;
  ScheduleClosed(closed.in_a_row < kFewInARow ? std::chrono::nanoseconds(0) : kInARow);
}

void Volume::State::ScheduleClosed(std::chrono::nanoseconds delay) {
  closed.work = env.executor.Post(
      [held = lifeline] {
        const std::lock_guard alive(held->mutex);
        if (held->state != nullptr) held->state->RunClosed();
      },
      delay);
}

void Volume::State::RunClosed() {
  std::vector<std::weak_ptr<OpenFile>> files;
  {
    const std::int64_t now = env.clock.Monotonic().count();
    const std::lock_guard lock(closed_mutex);
    const bool go_on = closed.in_a_row >= kFewInARow && now - closed.last_at < kInARow.count();
    if (go_on && now - closed.first_at < kClosedWaitMax.count()) return ScheduleClosed(kInARow);
    closed.work = 0;
    files.swap(closed.files);
  }
  for (const std::weak_ptr<OpenFile>& one : files) {
    if (const std::shared_ptr<OpenFile> file = one.lock()) RunPublication(file);
  }
}

void Volume::State::RunPublication(const std::shared_ptr<OpenFile>& due) {
  const Pin file = PinFile(due);
  {
    const std::lock_guard lock(file->schedule_mutex);
    if (file->work != 0) env.executor.Cancel(file->work);  // Does nothing where this is that work.
    file->work = 0;
  }
  EndPassthrough(*file);
  NoteUnseenWrites(*file);
  if (file->passes_through) SchedulePublication(*file, options.publish_rest);
  DropOutdatedBacking(*file);
  if (!file->staged->dirty()) {
    if (!file->is_behind) return;
    Invalidations followed;
    if (Follow(*file)) followed.targets.push_back(file->key);
    Announce(std::move(followed), {});
    return;
  }
  if (!file->publish_soon) {
    const auto rest = file->handles > 0 ? std::chrono::nanoseconds(options.publish_rest)
                                        : std::min<std::chrono::nanoseconds>(options.publish_rest, kRestWithoutHandle);
    const auto rested = env.clock.Monotonic() - std::chrono::nanoseconds(file->last_write);
    // What passes through is found to be written just now whenever anybody writes it all the time.
    const auto since = env.clock.Monotonic() - std::chrono::nanoseconds(file->last_publication);
    const bool is_overdue = file->passes_through &&
                            since >= std::max<std::chrono::nanoseconds>(kGivesWayMax * rest, file->WaitsAfterReading());
    if (rested < rest && !is_overdue) {
      SchedulePublication(*file, rest - rested);
      return;
    }
  }
  const absl::Status status = Publish(*file, StagedFile::Precedence::kUnderWriters);
  if (absl::IsAborted(status)) {
    SchedulePublication(*file, std::max<std::chrono::nanoseconds>(options.publish_rest, file->WaitsAfterReading()));
  } else if (!status.ok()) {
    SchedulePublication(*file, kRetryDelay);
  }
}

absl::Status Volume::Fsync(NodeId node, Handle* handle) {
  {
    State::Pin file;
    if (handle == nullptr) {
      file = state_->PinOpen(state_->KeyOf(node));
    } else {
      COPSE_ASSIGN_OR_RETURN(file, state_->PinFor(node, handle));
    }
    if (file) COPSE_RETURN_IF_ERROR(state_->SettleUnseenWrites(*file));
    const bool may_publish = file && state_->MayPublish(*file);
    // What is found to be written here is not all that a program may have written, since a mapping tells nobody.
    const bool is_found_clean = file && file->passes_through && !file->staged->dirty();
    if (is_found_clean) COPSE_RETURN_IF_ERROR(file->staged->Persist());
    // What has no name yet may get one: it has to last, too.
    if (file && file->staged->dirty() && (may_publish || file->is_unnamed)) {
      const auto since = state_->env.clock.Monotonic() - std::chrono::nanoseconds(file->last_publication);
      const std::chrono::nanoseconds interval = std::max(kPublicationInterval, file->WaitsAfterReading());
      const bool is_due = since >= interval;
      // The kernel lets nobody write(2) while it waits for this, and otherwise perhaps all the time.
      const bool is_to_be_now = file->passes_through ? file->gave_way > 0 : file->written_bytes <= kSmallBytes;
      if (!may_publish || !is_due || !is_to_be_now || !state_->Publish(*file).ok()) {
        // Staged bytes name the version that they lie on, so its op must be durable before they are.
        COPSE_RETURN_IF_ERROR(state_->env.journal.Sync());
        COPSE_RETURN_IF_ERROR(file->staged->Persist());
        file->publish_soon = may_publish;
        const std::chrono::nanoseconds delay = is_due ? std::chrono::nanoseconds(0) : interval - since;
        if (may_publish) state_->SchedulePublication(*file, std::max(delay, State::TimeToPublish(file->written_bytes)));
      }
    }
  }
  return state_->env.journal.Sync();
}

absl::Status Volume::State::FlushAll() {
  std::set<std::pair<NodeId, std::shared_ptr<OpenFile>>> in_use;
  {
    const std::lock_guard lock(local_mutex);
    const auto add = [&](const std::shared_ptr<OpenFile>& file) {
      if (file != nullptr) in_use.emplace(file->key, file);
    };
    for (const auto& [node, local] : locals) add(local.open);
    for (const auto& [key, handle] : handles) add(handle->file());
    for (const std::shared_ptr<OpenFile>& file : displaced) add(file);
  }
  absl::Status first_error;
  for (const auto& [node, open] : in_use) {
    const Pin file = PinFile(open);
    const absl::Status status = Publish(*file);
    first_error.Update(status);
    // What can't become a version now (its chunk is not here, say, or the disk is full) is to outlive this process.
    if (!status.ok() && env.journal.Sync().ok()) first_error.Update(file->staged->Persist());
  }
  return first_error;
}

// A version that was being published when the process ended may be an op already, which then stands in place of the
// base heads: it is known by its plain root, and replaced with them.
absl::Status Volume::State::Recover(std::vector<std::string>& notes) {
  std::vector<std::string> left;
  const auto is_file = [&](NodeId node) { return schema::KindOf(tree(), node) == Kind::kRegular; };
  COPSE_ASSIGN_OR_RETURN(std::vector<StagingArea::Recovered> recovered, staging->Recover(is_file, left));
  for (const std::string& one : left) notes.push_back("left " + one);
  for (StagingArea::Recovered& found : recovered) {
    // What lies on other heads than the file shows was a sibling's.
    std::vector<crdt::Timestamp> heads = found.file->base_heads();
    // Of a journal that is older than the staging: nobody knows these versions, and no op may name what is later than
    // it.
    const auto is_unknown = [&](crdt::Timestamp head) { return head.counter() > replica.lamport_counter(); };
    if (std::erase_if(heads, is_unknown) > 0) found.file->Readdress(found.node, heads);
    const bool is_taken = locals.contains(found.node);
    const NodeId key = is_taken && !heads.empty() ? heads.back().node() : found.node;
    if (is_taken && locals.contains(key)) {
      notes.push_back("staged contents of inode " + std::to_string(found.node.value) + " wait for the next start");
      continue;
    }
    auto open = std::make_shared<OpenFile>(key, found.node, std::move(found.file));
    // A program goes on with it in a mount whose process is gone.
    const bool is_in_use = open->staged->passes_through();
    if (is_in_use) StayOpen(*open);
    open->passes_through = is_in_use;
    for (const crdt::RegisterVersionView& version : tree().Versions(found.node, schema::kContent)) {
      const auto manifest = DecodeManifest(*version.value);
      const auto& roots = found.publications;
      const bool is_own = version.time.actor() == replica.actor() && manifest.ok() &&
                          std::find(roots.begin(), roots.end(), manifest->PlainRoot()) != roots.end();
      if (is_own) open->also_replaces.push_back(version.time);
    }
    // Whether times were set after the last write is not recorded; the later of the two is taken to be the last.
    const bool is_newer = PublishedAttributesOf(found.node, Kind::kRegular).ctime <= open->staged->mtime();
    open->written_at_counter = is_newer ? counter.load() : 0;
    open->is_removed_here = WasRemovedHere(found.node, heads);
    locals[key].open = open;
    ++open->users;
    const Pin pin(*this, std::move(open));
    if (is_in_use) SchedulePublication(*pin, options.publish_rest);
    if (absl::Status status = Publish(*pin); !status.ok()) {
      notes.push_back("staged contents of inode " + std::to_string(found.node.value) +
                      " are not published yet: " + std::string(status.message()));
      SchedulePublication(*pin, kRetryDelay);
    }
  }
  return absl::OkStatus();
}

}  // namespace copse::fs
