#pragma once

#include <copse/fs/content.h>
#include <copse/fs/projection.h>
#include <copse/fs/volume.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "volume/schema.h"

namespace copse::fs_test {

/// A tree that takes ops as they come, with the projection kept beside it.
class Forest {
 public:
  fs::Invalidations Apply(const std::vector<crdt::Op>& ops) {
    for (const crdt::Op& op : ops) {
      EXPECT_TRUE(fs::ValidateFileSystemOp(op).ok()) << fs::ValidateFileSystemOp(op);
    }
    return projection_->Update(tree_.Apply(ops));
  }
  const crdt::Tree& tree() const { return tree_; }
  const fs::Projection& projection() const { return *projection_; }

 private:
  crdt::Tree tree_;
  std::unique_ptr<fs::Projection> projection_ = fs::MakeProjection(tree_);
};

inline crdt::Timestamp At(std::uint64_t counter, crdt::ActorId actor) { return crdt::Timestamp::Of(counter, actor); }

// The ops of system calls, one by one.
inline crdt::Op MakeOp(crdt::Timestamp time, crdt::NodeId child, std::optional<crdt::Place> place,
                       std::vector<crdt::Field> fields = {}) {
  crdt::Op op;
  op.time = time;
  op.child = child;
  op.place = std::move(place);
  op.fields = std::move(fields);
  return op;
}
inline crdt::Op Directory(crdt::Timestamp time, crdt::NodeId parent, const std::string& name) {
  return MakeOp(time, time.node(), crdt::Place{parent, name},
                {fs::schema::Set(fs::schema::kKind, fs::schema::EncodeKind(fs::Kind::kDirectory))});
}
inline crdt::Op Inode(crdt::Timestamp time, fs::Kind kind = fs::Kind::kRegular) {
  return MakeOp(time, time.node(), crdt::Place{crdt::kFileInodes, ""},
                {fs::schema::Set(fs::schema::kKind, fs::schema::EncodeKind(kind))});
}
inline crdt::Op Dentry(crdt::Timestamp time, crdt::NodeId parent, const std::string& name, crdt::NodeId inode) {
  return MakeOp(time, time.node(), crdt::Place{parent, name},
                {fs::schema::Set(fs::schema::kInode, fs::schema::EncodeNode(inode))});
}
inline crdt::Op Rename(crdt::Timestamp time, crdt::NodeId node, crdt::NodeId parent, const std::string& name) {
  return MakeOp(time, node, crdt::Place{parent, name});
}
inline crdt::Op Delete(crdt::Timestamp time, crdt::NodeId node, const std::string& name, crdt::Timestamp guard) {
  crdt::Op op = MakeOp(time, node, crdt::Place{crdt::kTrash, name});
  op.guard = guard;
  return op;
}
inline crdt::Op Edit(crdt::Timestamp time, crdt::NodeId inode, const std::string& bytes,
                     std::vector<crdt::Timestamp> replaces = {}) {
  fs::Manifest manifest;
  manifest.size = bytes.size();
  manifest.mtime = static_cast<base::UnixNanoseconds>(time.counter());  // Equal bytes fold whenever they were written.
  manifest.inline_bytes = bytes;
  return MakeOp(time, inode, std::nullopt,
                {fs::schema::Replace(fs::schema::kContent, fs::EncodeManifest(manifest), std::move(replaces))});
}
/// What the deletion of a last name says of the heads that its author saw.
inline crdt::Op Unlinked(crdt::Timestamp time, crdt::NodeId inode, std::vector<crdt::Timestamp> dropped,
                         std::vector<crdt::Timestamp> kept = {}, std::vector<crdt::Timestamp> replaces = {}) {
  const std::string value = fs::schema::EncodeUnlinked({std::move(dropped), std::move(kept)});
  return MakeOp(time, inode, std::nullopt, {fs::schema::Replace(fs::schema::kUnlinked, value, std::move(replaces))});
}
inline crdt::Op Purge(crdt::Timestamp time, crdt::NodeId node, crdt::Timestamp claim,
                      std::vector<crdt::Timestamp> heads = {}) {
  const std::string value = fs::schema::EncodePurged({claim, std::move(heads)});
  return MakeOp(time, node, std::nullopt, {fs::schema::Set(fs::schema::kPurged, value)});
}
inline crdt::Op Label(crdt::Timestamp time, const std::string& label) {
  return MakeOp(time, crdt::kForest, std::nullopt, {fs::schema::SetLabel(time.actor(), label)});
}

/// What a directory shows: name to target.
inline std::map<std::string, crdt::NodeId> Shown(const fs::Projection& projection, crdt::NodeId directory) {
  std::map<std::string, crdt::NodeId> shown;
  projection.List(directory, 0, [&](std::uint64_t, const fs::ShownEntry& entry) {
    EXPECT_TRUE(shown.emplace(entry.name, entry.target).second) << entry.name << " twice";
    return true;
  });
  return shown;
}

}  // namespace copse::fs_test
