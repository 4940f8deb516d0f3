#include "exchange/random_user.h"

#include <copse/fs/error.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <optional>

namespace copse::test {

using fs::NodeId;
using fs::Volume;

std::string RandomUser::DrawName() {
  return std::string(1, static_cast<char>('a' + Draw(8))) + (Draw(2) == 0 ? ".txt" : "");
}

std::string RandomUser::DrawContent() {
  std::string content = name_ + " " + std::to_string(++written_) + "\n";
  // Some lie in the op, some in one chunk, few in several.
  const std::size_t size = Draw(100) == 0 ? Draw(300'000) : Draw(10) == 0 ? Draw(5'000) : 0;
  while (content.size() < size) content += std::to_string(random_());
  return content;
}

NodeId RandomUser::DrawDirectory() {
  NodeId directory = crdt::kRoot;
  for (std::size_t depth = Draw(4); depth > 0; --depth) {
    std::vector<NodeId> below;
    const absl::Status listed =
        volume_->List(directory, 0, [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind kind) {
          if (kind == fs::Kind::kDirectory) below.push_back(entry.target);
          return true;
        });
    Check(listed);
    if (below.empty()) break;
    directory = below[Draw(below.size())];
  }
  return directory;
}

void RandomUser::Check(const absl::Status& status) const {
  if (status.ok()) return;
  switch (static_cast<int>(fs::PosixErrorOf(status))) {
    case ENOENT:
    case EEXIST:
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EINVAL:
    case EPERM:
    case ENODATA:
      return;
    default:
      ADD_FAILURE() << name_ << ": " << status;
  }
}

void RandomUser::Write(NodeId directory, const std::string& name) {
  const std::string content = DrawContent();
  Volume::Handle* handle = nullptr;
  NodeId node;
  auto created = volume_->Create(caller_, directory, name, 0644, {.write = true});
  if (created.ok()) {
    handle = created->handle;
    node = created->entry.node;
  } else {
    Check(created.status());
    const auto entry = volume_->Lookup(directory, name);
    if (!entry.ok()) return Check(entry.status());
    node = entry->node;
    const auto opened = volume_->Open(node, {.write = true, .truncate = true});
    if (!opened.ok()) {
      volume_->Forget(node, 1);
      return Check(opened.status());
    }
    handle = *opened;
  }
  Check(volume_->Write(node, handle, 0, content).status());
  volume_->Release(handle);
  volume_->Forget(node, 1);
}

void RandomUser::Rename() {
  const NodeId from = DrawDirectory();
  const NodeId to = DrawDirectory();
  const unsigned flags[] = {Volume::kRenamePlain, Volume::kRenamePlain, Volume::kRenamePlain, Volume::kRenameNoReplace,
                            Volume::kRenameExchange};
  Check(volume_->Rename(caller_, from, DrawName(), to, DrawName(), flags[Draw(5)]));
}

void RandomUser::Step() {
  const NodeId directory = DrawDirectory();
  const std::string name = DrawName();
  const auto forget = [&](const absl::StatusOr<Volume::Entry>& made) {
    if (made.ok()) volume_->Forget(made->node, 1);
    Check(made.status());
  };
  switch (Draw(16)) {
    case 0:
    case 1:
      return forget(volume_->MakeDirectory(caller_, directory, name, 0755));
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
      return Write(directory, name);
    case 7:
    case 8:
    case 9:
      return Rename();
    case 10:
    case 11:
      return Check(volume_->Unlink(caller_, directory, name));
    case 12:
      return Check(volume_->RemoveDirectory(caller_, directory, name));
    case 13:
      return forget(volume_->MakeSymlink(caller_, directory, name, "to " + DrawName()));
    default:
      break;
  }
  const auto entry = volume_->Lookup(directory, name);
  if (!entry.ok()) return Check(entry.status());
  fs::AttributeChanges changes;
  changes.mode = 0600 + static_cast<std::uint32_t>(Draw(64));
  if (Draw(3) == 0) {
    forget(volume_->Link(caller_, entry->node, DrawDirectory(), DrawName()));
  } else if (Draw(2) == 0) {
    Check(volume_->SetAttributes(caller_, entry->node, changes).status());
  } else {
    Check(volume_->SetXattr(caller_, entry->node, "user." + DrawName(), name_, Volume::XattrMode::kSet));
  }
  volume_->Forget(entry->node, 1);
}

}  // namespace copse::test
