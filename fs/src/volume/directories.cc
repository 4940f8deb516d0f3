// Listings, in the order of node ids, which no change disturbs.
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

absl::Status CheckDirectory(const crdt::Tree& tree, NodeId node) {
  const auto kind = schema::KindOf(tree, node);
  if (kind == Kind::kDirectory) return absl::OkStatus();
  if (!kind) return PosixError(std::errc::no_such_file_or_directory, "no inode " + std::to_string(node.value));
  return PosixError(std::errc::not_a_directory, "inode " + std::to_string(node.value) + " is no directory");
}

}  // namespace

absl::Status Volume::List(NodeId directory, std::uint64_t after, const ListVisitor& visit) {
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_RETURN_IF_ERROR(CheckDirectory(state_->tree(), directory));
  state_->projection->List(directory, after, [&](std::uint64_t position, const ShownEntry& entry) {
    if (entry.is_generated) state_->Remember(directory, entry);
    ShownEntry numbered = entry;
    numbered.target = state_->NumberOf(entry);
    return visit(position, numbered, state_->KindOf(entry));
  });
  return absl::OkStatus();
}

absl::Status Volume::ListPlus(NodeId directory, std::uint64_t after, const ListPlusVisitor& visit) {
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_RETURN_IF_ERROR(CheckDirectory(state_->tree(), directory));
  state_->projection->List(directory, after, [&](std::uint64_t position, const ShownEntry& shown) {
    if (shown.is_generated) state_->Remember(directory, shown);
    const auto subject = state_->SubjectOf(state_->NumberOf(shown));
    COPSE_CHECK(subject.ok());  // What is shown leads to something.
    if (!visit(position, shown.name, Entry{subject->number, state_->AttributesOf(*subject)})) return false;
    state_->CountLookup(*subject);
    state_->NoteServed(directory, shown.name, shown.target);
    return true;
  });
  return absl::OkStatus();
}

absl::Status Volume::FsyncDirectory(NodeId directory) {
  {
    const State::TreeReadLock lock(state_->tree_mutex);
    COPSE_RETURN_IF_ERROR(CheckDirectory(state_->tree(), directory));
  }
  return state_->env.journal.Sync();
}

absl::StatusOr<NodeId> Volume::Parent(NodeId directory) {
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_RETURN_IF_ERROR(CheckDirectory(state_->tree(), directory));
  const auto parent = state_->projection->ParentOf(directory);
  if (!parent) {
    return PosixError(std::errc::no_such_file_or_directory,
                      "directory " + std::to_string(directory.value) + " was removed");
  }
  return *parent;
}

}  // namespace copse::fs
