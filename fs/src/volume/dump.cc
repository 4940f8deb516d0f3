// The tree as text, byte-equal on replicas that hold the same ops: what is published, nothing that is local.
// docs/format/dump.md.
#include <copse/base/hash.h>
#include <copse/crdt/dump.h>

#include <nlohmann/json.hpp>

#include "volume/printable.h"
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

using Json = nlohmann::ordered_json;

const char* NameOfKind(Kind kind) {
  switch (kind) {
    case Kind::kDirectory:
      return "directory";
    case Kind::kRegular:
      return "file";
    case Kind::kSymlink:
      return "symlink";
    case Kind::kFifo:
      return "fifo";
    case Kind::kSocket:
      return "socket";
    case Kind::kCharacterDevice:
      return "character_device";
    case Kind::kBlockDevice:
      return "block_device";
  }
  return "unknown";
}

std::string NameOfNode(const crdt::Tree& tree, NodeId node) {
  if (node == crdt::kRoot) return "root";
  if (node == crdt::kFileInodes) return "fileinodes";
  if (node == crdt::kTrash) return "trash";
  const auto placement = tree.PlacementOf(node);
  return placement ? Printable(placement->name) : "";
}

}  // namespace

std::string Volume::Dump(crdt::VersionVector* known) {
  const State::TreeReadLock lock(state_->tree_mutex);
  if (known != nullptr) *known = state_->replica.version();
  const crdt::Tree& tree = state_->tree();
  return crdt::Dump(tree, [&](NodeId node) {
    Json json;
    const auto kind = schema::KindOf(tree, node);
    const auto inode = schema::InodeOf(tree, node);
    const bool is_structure = crdt::IsPermanent(node);
    if (kind == Kind::kDirectory || is_structure) {
      const Attributes shown = state_->PublishedAttributesOf(node, Kind::kDirectory);
      json["name"] = NameOfNode(tree, node);
      json["size"] = shown.size;
      json["ctime"] = shown.ctime;
      json["mtime"] = shown.mtime;
      json["kind"] = NameOfKind(Kind::kDirectory);
    } else if (kind) {
      const Attributes shown = state_->PublishedAttributesOf(node, *kind);
      const auto head = state_->HeadOf(node);
      json["size"] = shown.size;
      json["ctime"] = shown.ctime;
      json["mtime"] = shown.mtime;
      json["kind"] = NameOfKind(*kind);
      json["links"] = shown.links;
      json["content"] = head ? base::Hex(base::AsBytes(head->second.PlainRoot())) : "";
    } else {
      json["name"] = NameOfNode(tree, node);
      json["inode_id"] = inode ? Json(inode->value) : Json(nullptr);
    }
    return json.dump();
  });
}

}  // namespace copse::fs
