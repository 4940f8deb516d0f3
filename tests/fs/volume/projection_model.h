#pragma once

#include <copse/fs/projection.h>
#include <crdt/oracle.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace copse::fs_test {

/// What people should see of a set of ops, by the rules of docs/semantics.md, in the slowest and most obvious way: from
/// the oracle's plain world, with maps and loops, everything anew. Shares nothing with the projection but value types
/// and the decoders of registers, so that both can hardly be wrong alike.
struct ModelEntry {
  crdt::NodeId node;
  crdt::NodeId target;
  fs::EntryType type = fs::EntryType::kFile;
  bool is_generated = false;
  bool is_ghost = false;
  std::vector<crdt::NodeId> nodes;
  crdt::NodeId inode;
  std::vector<crdt::Timestamp> heads;
  std::string stored;

  friend bool operator==(const ModelEntry&, const ModelEntry&) = default;
};

struct Model {
  using Entries = std::map<std::string, ModelEntry>;

  std::map<crdt::NodeId, Entries> directories;  ///< Of every shown directory, under the id of each member.
  std::map<crdt::NodeId, std::vector<crdt::NodeId>> members;
  std::map<crdt::NodeId, crdt::NodeId> parents;  ///< Representatives; the root is its own.
  std::map<crdt::NodeId, std::uint32_t> links;   ///< Of all that have any.
  std::map<crdt::NodeId, std::set<crdt::NodeId>> names;
  std::map<crdt::NodeId, fs::FileVersions> versions;  ///< Of regular files.
  std::map<crdt::NodeId, fs::Sibling> siblings;
  std::uint64_t entries = 0;
};

Model ModelOf(const crdt_test::World& world);

/// For failures.
std::string Describe(const Model& model);

}  // namespace copse::fs_test
