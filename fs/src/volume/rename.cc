// rename(2) and renameat2(2): a move of the nodes that give the name, without a guard, because a person's rename always
// counts. What stood at the new name goes to trash in the same batch; an exchange is two moves. A sibling that is
// renamed becomes a file of its own, or, over the file that it stands beside, that file.
#include <algorithm>

#include "volume/volume_state.h"

namespace copse::fs {
namespace {

bool IsDirectory(const EntryParts& parts) { return parts.entry.type == EntryType::kDirectory; }
bool IsSibling(const EntryParts& parts) { return parts.entry.type == EntryType::kSibling; }

}  // namespace

absl::Status Volume::State::CheckRename(const Renaming& renaming) const {
  const auto is_below = [&](NodeId place, const EntryParts& parts) {
    if (!IsDirectory(parts)) return false;
    for (std::optional<NodeId> at = projection->RepresentativeOf(place); at; at = projection->ParentOf(*at)) {
      if (*at == parts.entry.target) return true;
      if (*at == crdt::kRoot) break;
    }
    // What is shown elsewhere may still be below it in the tree, which would refuse the move.
    const NodeId into = projection->RepresentativeOf(place);
    return std::any_of(parts.nodes.begin(), parts.nodes.end(),
                       [&](NodeId node) { return node == into || tree().IsAncestor(node, into); });
  };
  const auto& [source, target, from, to, is_exchange] = renaming;
  if (is_below(to.parent, source) || (is_exchange && is_below(from.parent, *target))) {
    return PosixError(std::errc::invalid_argument, "a directory cannot be moved below itself");
  }
  if (is_exchange || !target) return absl::OkStatus();
  if (IsDirectory(source) && !IsDirectory(*target)) {
    return PosixError(std::errc::not_a_directory, "'" + target->entry.name + "' is no directory");
  }
  if (!IsDirectory(source) && IsDirectory(*target)) {
    return PosixError(std::errc::is_a_directory, "'" + target->entry.name + "' is a directory");
  }
  if (IsDirectory(*target) && !projection->IsEmpty(target->entry.target)) {
    return PosixError(std::errc::directory_not_empty, "'" + target->entry.name + "' is not empty");
  }
  return absl::OkStatus();
}

absl::StatusOr<Invalidations> Volume::State::Rename(const Renaming& renaming, const Pin& published) {
  const auto& [source, target, from, to, is_exchange] = renaming;
  const base::UnixNanoseconds now = env.clock.Now();
  const auto ghosts = GhostsFrom(from.parent);
  Batch batch(replica);
  const NodeId into = AppendPlacement(batch, to.parent, now);
  // What the numbers of siblings that become files lead to from then on.
  std::vector<std::tuple<NodeId, NodeId, std::vector<crdt::Timestamp>>> moved;
  const auto move = [&](const EntryParts& parts, const crdt::Place& place) {
    if (!IsSibling(parts)) return AppendMove(batch, parts, place, now);
    const Sibling sibling = *projection->SiblingOf(parts.entry.target);
    const auto old_place = projection->GhostPlaceOf(sibling.beside);
    const auto deleted = tree().PlacementBeforeTrash(sibling.beside);
    const bool is_old_place = !old_place && deleted && deleted->name == place.name &&
                              projection->RepresentativeOf(deleted->parent) == place.parent;
    if (is_old_place) {
      // The file that it stands beside was deleted, and its name is asked for: so it is that file again.
      batch.Move(sibling.beside, place, {});
      moved.emplace_back(sibling.id, sibling.inode, AppendAdoption(batch, sibling, now));
      return;
    }
    const OwnFile own = AppendOwnFile(batch, sibling, place, now);
    AppendDrop(batch, sibling, now);
    moved.emplace_back(sibling.id, own.inode, std::vector{own.head});
  };
  const bool adopts = IsSibling(source) && target && target->entry.type == EntryType::kFile &&
                      target->inode == source.inode && !is_exchange;
  if (adopts) {
    const Sibling sibling = *projection->SiblingOf(source.entry.target);
    AppendRevival(batch, sibling.inode, now);
    moved.emplace_back(sibling.id, sibling.inode, AppendAdoption(batch, sibling, now));
  } else {
    if (target && !is_exchange) AppendRemoval(batch, *target, now);
    move(source, {into, to.name});
  }
  if (is_exchange) move(*target, {AppendPlacement(batch, from.parent, now), from.name});
  batch.TouchDirectory(projection->RepresentativeOf(from.parent), now);
  batch.TouchDirectory(into, now);
  COPSE_ASSIGN_OR_RETURN(Invalidations changed, Commit(std::move(batch)));
  for (auto& [id, inode, heads] : moved) MoveSibling(id, inode, std::move(heads));
  if (target && !is_exchange && !adopts) NoteRemoval(target->entry, published);
  RememberEmptied(ghosts);
  ForgetName(from.parent, from.name);
  ForgetName(to.parent, to.name);
  ForgetKnown(changed, to.parent, to.name, source.entry.target);
  ForgetKnown(changed, from.parent, from.name, is_exchange ? std::optional(target->entry.target) : std::nullopt);
  return changed;
}

absl::Status Volume::Rename(const Caller&, NodeId parent, std::string_view name, NodeId new_parent,
                            std::string_view new_name, unsigned flags) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  const bool exchange = flags == kRenameExchange;
  if (flags != kRenamePlain && flags != kRenameNoReplace && !exchange) {
    return PosixError(std::errc::invalid_argument, "rename knows NOREPLACE and EXCHANGE, one at a time");
  }
  NodeId source_shown;
  NodeId target_shown;
  State::Pin unpublished;  // Held to the end: what it was shown as leads to it as long as it is in use.
  for (bool published = false;; published = true) {
    Invalidations changed;
    NodeId source_number;
    NodeId target_number;
    std::vector<NodeId> siblings;
    {
      const State::TreeWriteLock lock(state_->tree_mutex);
      COPSE_RETURN_IF_ERROR(state_->CheckEntry(parent, name));
      COPSE_RETURN_IF_ERROR(state_->CheckEntryForChange(new_parent, new_name));
      const auto find = [&](NodeId directory, std::string_view its_name, NodeId shown) {
        return published ? state_->FindAgain(directory, its_name, shown) : state_->FindEntry(directory, its_name);
      };
      auto source = find(parent, name, source_shown);
      auto target = find(new_parent, new_name, target_shown);
      if (!published) {
        if (source && !state_->IsAsServed(parent, name, source->entry.target)) source.reset();
        // What has come in the place of the victim is none: both claim the name.
        const bool is_new = target && !state_->IsAsServed(new_parent, new_name, target->entry.target);
        if (is_new && flags != kRenameNoReplace) target.reset();
      }
      if (source) source_shown = source->entry.target;
      if (target) target_shown = target->entry.target;
      if (!source || (exchange && !target)) {
        return PosixError(std::errc::no_such_file_or_directory,
                          "no entry '" + std::string(source ? new_name : name) + "'");
      }
      if (flags == kRenameNoReplace && target) {
        return PosixError(std::errc::file_exists, "there is an entry '" + std::string(new_name) + "'");
      }
      // Two names of one inode, or one name twice: POSIX says that nothing happens.
      if (target && source->entry.target == target->entry.target) return absl::OkStatus();
      // What one version of several is done to changes the others as well.
      const auto is_single = [&](const EntryParts& parts) {
        return state_->tree().Versions(parts.inode, schema::kContent).size() <= 1;
      };
      if (is_single(*source)) source_number = source->entry.target;
      if (target && is_single(*target)) target_number = target->entry.target;
      const State::Renaming renaming{*std::move(source),
                                     std::move(target),
                                     {parent, std::string(name)},
                                     {new_parent, std::string(new_name)},
                                     exchange};
      COPSE_RETURN_IF_ERROR(state_->CheckRename(renaming));
      if (renaming.target && !exchange && !published) unpublished = state_->PinUnpublished(renaming.target->entry);
      if (!unpublished || published) {
        if (IsSibling(renaming.source)) siblings.push_back(renaming.source.entry.target);
        if (renaming.target && IsSibling(*renaming.target)) siblings.push_back(renaming.target->entry.target);
        COPSE_ASSIGN_OR_RETURN(changed, state_->Rename(renaming, unpublished));
      }
    }
    if (unpublished && !published) {
      state_->Publish(*unpublished).IgnoreError();  // On a full disk, renaming goes on.
      continue;
    }
    for (const NodeId sibling : siblings) state_->SettleStaging(sibling);
    state_->Announce(std::move(changed), {parent, new_parent, source_number, target_number});
    return absl::OkStatus();
  }
}

}  // namespace copse::fs
