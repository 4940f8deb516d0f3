// Listings, in the order of node ids, which no change disturbs.
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

absl::Status CheckDirectory(const absl::StatusOr<Kind>& kind, NodeId node) {
  if (!kind.ok()) return kind.status();
  if (*kind == Kind::kDirectory) return absl::OkStatus();
  return PosixError(std::errc::not_a_directory, "inode " + std::to_string(node.value) + " is no directory");
}

}  // namespace

absl::Status Volume::List(NodeId directory, std::uint64_t after, const ListVisitor& visit) {
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_RETURN_IF_ERROR(CheckDirectory(state_->KindOrError(directory), directory));
  state_->projection->List(directory, after, [&](std::uint64_t position, const ShownEntry& entry) {
    const auto kind = schema::KindOf(state_->tree(), entry.target);
    COPSE_CHECK(kind.has_value());  // A shown entry leads to an inode with a kind.
    return visit(position, entry, *kind);
  });
  return absl::OkStatus();
}

absl::Status Volume::ListPlus(NodeId directory, std::uint64_t after, const ListPlusVisitor& visit) {
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_RETURN_IF_ERROR(CheckDirectory(state_->KindOrError(directory), directory));
  state_->projection->List(directory, after, [&](std::uint64_t position, const ShownEntry& shown) {
    const auto kind = schema::KindOf(state_->tree(), shown.target);
    COPSE_CHECK(kind.has_value());  // A shown entry leads to an inode with a kind.
    const Entry entry{shown.target, state_->AttributesOf(shown.target, *kind)};
    if (!visit(position, shown.name, entry)) return false;
    const std::lock_guard local_lock(state_->local_mutex);
    ++state_->locals[shown.target].lookups;
    return true;
  });
  return absl::OkStatus();
}

absl::Status Volume::FsyncDirectory(NodeId directory) {
  {
    const State::TreeReadLock lock(state_->tree_mutex);
    COPSE_RETURN_IF_ERROR(CheckDirectory(state_->KindOrError(directory), directory));
  }
  return state_->env.journal.Sync();
}

absl::StatusOr<NodeId> Volume::Parent(NodeId directory) {
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_RETURN_IF_ERROR(CheckDirectory(state_->KindOrError(directory), directory));
  const auto parent = state_->projection->ParentOf(directory);
  if (!parent) {
    return PosixError(std::errc::no_such_file_or_directory,
                      "directory " + std::to_string(directory.value) + " was removed");
  }
  return *parent;
}

}  // namespace copse::fs
