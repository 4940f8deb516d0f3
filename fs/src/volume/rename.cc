// rename(2) and renameat2(2): a move of the node that gives the name, without a guard, because a person's rename always
// counts. What stood at the new name goes to trash in the same batch; an exchange is two moves.
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

bool IsDirectory(const ShownEntry& entry) { return entry.node == entry.target; }

}  // namespace

absl::Status Volume::State::CheckRename(NodeId new_parent, const ShownEntry& source,
                                        const std::optional<ShownEntry>& target, bool exchange, NodeId parent) const {
  const auto is_below = [&](NodeId place, const ShownEntry& entry) {
    return IsDirectory(entry) && (place == entry.node || tree().IsAncestor(entry.node, place));
  };
  if (is_below(new_parent, source) || (exchange && is_below(parent, *target))) {
    return PosixError(std::errc::invalid_argument, "a directory cannot be moved below itself");
  }
  if (exchange || !target) return absl::OkStatus();
  if (IsDirectory(source) && !IsDirectory(*target)) {
    return PosixError(std::errc::not_a_directory, "'" + target->name + "' is no directory");
  }
  if (!IsDirectory(source) && IsDirectory(*target)) {
    return PosixError(std::errc::is_a_directory, "'" + target->name + "' is a directory");
  }
  if (IsDirectory(*target) && !projection->IsEmpty(target->target)) {
    return PosixError(std::errc::directory_not_empty, "'" + target->name + "' is not empty");
  }
  return absl::OkStatus();
}

absl::Status Volume::Rename(const Caller&, NodeId parent, std::string_view name, NodeId new_parent,
                            std::string_view new_name, unsigned flags) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  const bool exchange = flags == kRenameExchange;
  if (flags != kRenamePlain && flags != kRenameNoReplace && !exchange) {
    return PosixError(std::errc::invalid_argument, "rename knows NOREPLACE and EXCHANGE, one at a time");
  }
  for (bool published = false;; published = true) {
    State::Pin unpublished;
    Invalidations changed;
    {
      const State::TreeWriteLock lock(state_->tree_mutex);
      COPSE_RETURN_IF_ERROR(state_->CheckEntry(parent, name));
      COPSE_RETURN_IF_ERROR(state_->CheckEntryForChange(new_parent, new_name));
      const auto source = state_->projection->Lookup(parent, name);
      const auto target = state_->projection->Lookup(new_parent, new_name);
      if (!source || (exchange && !target)) {
        return PosixError(std::errc::no_such_file_or_directory,
                          "no entry '" + std::string(source ? new_name : name) + "'");
      }
      if (flags == kRenameNoReplace && target) {
        return PosixError(std::errc::file_exists, "there is an entry '" + std::string(new_name) + "'");
      }
      // Two names of one inode, or one name twice: POSIX says that nothing happens.
      if (target && source->target == target->target) return absl::OkStatus();
      COPSE_RETURN_IF_ERROR(state_->CheckRename(new_parent, *source, target, exchange, parent));
      if (target && !exchange && !published && !IsDirectory(*target)) {
        unpublished = state_->PinUnpublished(target->target);
      }
      if (!unpublished) {
        const base::UnixNanoseconds now = state_->env.clock.Now();
        Batch batch(state_->replica);
        const auto move = [&](const ShownEntry& entry, NodeId directory, std::string_view to) {
          std::vector<crdt::Field> ctime = {schema::Set(schema::kCtime, schema::EncodeTime(now))};
          if (IsDirectory(entry)) {
            batch.Move(entry.node, {directory, std::string(to)}, std::move(ctime));
          } else {
            batch.Move(entry.node, {directory, std::string(to)}, {});
            batch.Set(entry.target, std::move(ctime));
          }
        };
        if (target && !exchange) state_->AppendRemoval(batch, *target, now);
        move(*source, new_parent, new_name);
        if (exchange) move(*target, parent, name);
        batch.TouchDirectory(parent, now);
        batch.TouchDirectory(new_parent, now);
        COPSE_ASSIGN_OR_RETURN(changed, state_->Commit(std::move(batch)));
      }
    }
    if (unpublished) {
      state_->Publish(*unpublished).IgnoreError();  // On a full disk, renaming goes on.
      continue;
    }
    const Invalidations::Name known[] = {{parent, std::string(name)}, {new_parent, std::string(new_name)}};
    state_->Announce(std::move(changed), known);
    return absl::OkStatus();
  }
}

}  // namespace copse::fs
