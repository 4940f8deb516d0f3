// The volume's life, and what every call shares: the checks that come first, and the way of a batch through the
// replica into the projection. The calls themselves are in the files beside this one, by idea.
#include <utility>

#include "volume/volume_state.h"

namespace copse::fs {

Volume::State::State(Environment surroundings, crdt::TreeReplica& tree_replica, const Options& volume_options)
    : env(std::move(surroundings)),
      replica(tree_replica),
      options(volume_options),
      projection(MakeProjection(replica.tree())) {
  counter = replica.lamport_counter();
}

Volume::Volume(std::unique_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<Volume>> Volume::Open(Environment environment, crdt::TreeReplica& replica,
                                                     const Options& options, std::vector<std::string>& notes) {
  if (!options.label.empty() && !schema::IsLabel(options.label)) {
    return absl::InvalidArgumentError("the label '" + options.label + "' is not 1..16 of a-z and 0-9");
  }
  auto state = std::make_unique<State>(environment, replica, options);
  COPSE_ASSIGN_OR_RETURN(state->staging, StagingArea::Open(environment.storage, environment.content,
                                                           options.staging_directory, options.volume_key, {}));
  state->lifeline->state = state.get();
  std::unique_ptr<Volume> volume(new Volume(std::move(state)));
  if (options.read_only) return volume;
  COPSE_RETURN_IF_ERROR(volume->state_->WriteLabel());
  COPSE_RETURN_IF_ERROR(volume->state_->Recover(notes));
  const State::TreeWriteLock lock(volume->state_->tree_mutex);
  volume->state_->ScheduleTruncation();
  return volume;
}

Volume::~Volume() {
  if (!state_->options.read_only) state_->FlushAll().IgnoreError();
  const std::lock_guard lock(state_->lifeline->mutex);
  state_->lifeline->state = nullptr;
}

void Volume::set_invalidation_sink(InvalidationSink sink) {
  if (!sink) {
    const std::lock_guard lock(state_->names_mutex);
    state_->pending_names.clear();
    state_->has_pending_names = false;
  }
  const std::lock_guard lock(state_->sink_mutex);
  state_->sink = std::move(sink);
}

absl::Status Volume::State::CheckWritable() const {
  if (options.read_only) return PosixError(std::errc::read_only_file_system, "the volume is mounted read-only");
  return absl::OkStatus();
}

absl::Status Volume::State::CheckEntry(NodeId directory, std::string_view name) {
  COPSE_ASSIGN_OR_RETURN(const Subject subject, SubjectOf(directory));
  if (subject.kind != Kind::kDirectory) {
    return PosixError(std::errc::not_a_directory, "inode " + std::to_string(directory.value) + " is no directory");
  }
  if (name.size() > schema::kNameBytesMax) {
    return PosixError(std::errc::filename_too_long, "a name has at most 255 bytes");
  }
  return absl::OkStatus();
}

absl::Status Volume::State::CheckEntryForChange(NodeId directory, std::string_view name) {
  if (name.size() > schema::kNameBytesMax) return CheckEntry(directory, name);
  if (!schema::IsEntryName(name)) {
    return PosixError(std::errc::invalid_argument, "no entry can be called '" + std::string(name) + "'");
  }
  return CheckDirectoryForChange(directory);
}

absl::Status Volume::State::CheckDirectoryForChange(NodeId directory) {
  COPSE_ASSIGN_OR_RETURN(const Subject subject, SubjectOf(directory));
  if (subject.kind != Kind::kDirectory) {
    return PosixError(std::errc::not_a_directory, "inode " + std::to_string(directory.value) + " is no directory");
  }
  if (!projection->ParentOf(directory)) {
    return PosixError(std::errc::no_such_file_or_directory,
                      "directory " + std::to_string(directory.value) + " was removed");
  }
  return absl::OkStatus();
}

absl::StatusOr<Invalidations> Volume::State::Commit(Batch batch) {
  auto submitted = replica.Submit(std::move(batch).Take());
  if (!submitted.ok()) {
    COPSE_CHECK_SAYING(!absl::IsInvalidArgument(submitted.status()), submitted.status().ToString());
    return std::move(submitted).status();
  }
  counter.store(replica.lamport_counter(), std::memory_order_release);
  NoteNewVersions(submitted->events);
  ScheduleTruncation();
  Invalidations changed = projection->Update(submitted->events);
  NoteNames(changed);
  return changed;
}

absl::Status Volume::Ingest(crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
  Invalidations changed;
  {
    const State::TreeWriteLock lock(state_->tree_mutex);
    COPSE_ASSIGN_OR_RETURN(const std::vector<crdt::NetEvent> events, state_->replica.Ingest(actor, first, ops));
    state_->counter.store(state_->replica.lamport_counter(), std::memory_order_release);
    state_->NoteNewVersions(events);
    state_->NoteReplacedVersions(ops);
    const State::Served served = state_->ServedBefore(events);
    changed = state_->projection->Update(events);
    state_->ScheduleTruncation();
    state_->MoveWrittenSiblings(changed);
    state_->NoteNames(changed);
    state_->NotePending(changed, served);
  }
  state_->Announce(std::move(changed), {});
  return absl::OkStatus();
}

absl::Status Volume::State::WriteLabel() {
  const TreeWriteLock lock(tree_mutex);
  const bool is_known = !tree().Versions(crdt::kForest, schema::kLabel, schema::LabelKey(replica.actor())).empty();
  if (options.label.empty() || is_known) return absl::OkStatus();
  Batch batch(replica);
  batch.Set(crdt::kForest, {schema::SetLabel(replica.actor(), options.label)});
  return Commit(std::move(batch)).status();
}

void Volume::State::ForgetKnown(Invalidations& changed, NodeId directory, std::string_view name,
                                std::optional<NodeId> believed) {
  NoteServed(directory, name, believed);
  const Invalidations::Name known{directory, std::string(name)};
  const auto entry = projection->Lookup(directory, name);
  const bool is_right = believed ? entry && entry->target == *believed : !entry.has_value();
  std::erase(changed.names, known);
  if (!is_right) changed.names.push_back(known);
}

void Volume::State::Announce(Invalidations changed, std::initializer_list<NodeId> known) {
  FollowAll(changed);
  {
    const std::lock_guard lock(local_mutex);
    const std::size_t count = sibling_numbers.empty() ? 0 : changed.targets.size();
    for (std::size_t i = 0; i < count; ++i) {
      const auto numbers = sibling_numbers.find(changed.targets[i]);
      if (numbers == sibling_numbers.end()) continue;
      changed.targets.insert(changed.targets.end(), numbers->second.begin(), numbers->second.end());
    }
    const auto is_held = [&](NodeId number) { return number == crdt::kRoot || IsHeld(number); };
    std::erase_if(changed.names, [&](const Invalidations::Name& name) {
      if (is_held(name.directory)) return false;
      DropPending(name, changed.change);
      return true;
    });
    std::erase_if(changed.targets, [&](NodeId target) {
      return !is_held(target) || std::find(known.begin(), known.end(), target) != known.end();
    });
  }
  if (changed.names.empty() && changed.targets.empty()) return;
  InvalidationSink receiver;
  {
    const std::lock_guard lock(sink_mutex);
    receiver = sink;
  }
  if (receiver) return receiver(changed);
  for (const Invalidations::Name& name : changed.names) DropPending(name, changed.change);
}

absl::Status Volume::Flush() {
  COPSE_RETURN_IF_ERROR(state_->FlushAll());
  return state_->env.journal.Sync();
}

std::uint64_t Volume::ops() {
  const State::TreeReadLock lock(state_->tree_mutex);
  return state_->replica.version().Total();
}

std::string Volume::SaveReplica(crdt::VersionVector& known, const std::function<void()>& at_moment) {
  const State::TreeReadLock lock(state_->tree_mutex);
  at_moment();
  known = state_->replica.version();
  return state_->replica.Save();
}

bool Volume::IsLookedUp(NodeId node) {
  const std::lock_guard lock(state_->local_mutex);
  return state_->lookups.contains(node);
}

Volume::Usage Volume::GetUsage() {
  Usage usage;
  const State::TreeReadLock tree_lock(state_->tree_mutex);
  usage.entries = state_->projection->EntryCount();
  usage.trash_entries = state_->TrashNodes().size();
  usage.conflicts = state_->projection->Conflicts().size();
  const std::lock_guard local_lock(state_->local_mutex);
  usage.open_handles = state_->handles.size();
  for (const auto& [node, count] : state_->lookups) usage.lookups += count;
  for (const auto& [node, local] : state_->locals) {
    if (local.open != nullptr && local.open->staged->dirty()) ++usage.dirty_files;
  }
  usage.dirty_files += state_->displaced.size();
  return usage;
}

}  // namespace copse::fs
