#include "simulation/checks.h"

#include <copse/base/status_macros.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "volume/schema.h"

namespace copse::simulation {
namespace {

using fs::NodeId;

/// What to say of a text that should be another: the first line in which they differ.
std::string FirstDifference(const std::string& found, const std::string& expected) {
  std::size_t at = 0;
  while (at < found.size() && at < expected.size() && found[at] == expected[at]) ++at;
  const auto line = [&](const std::string& text) {
    const std::size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    return text.substr(begin, std::min(text.find('\n', begin), text.size()) - begin);
  };
  return "found '" + line(found) + "', expected '" + line(expected) + "'";
}

std::string Describe(const fs::ShownEntry& entry) {
  return "number " + std::to_string(entry.target.value) + " of type " + std::to_string(static_cast<int>(entry.type)) +
         (entry.is_ghost ? ", a ghost" : "") + (entry.is_generated ? ", generated" : "");
}

/// One shown directory, and those below it.
class ModelWalk {
 public:
  ModelWalk(fs::Volume& volume, const fs_test::Model& model) : volume_(volume), model_(model) {}

  absl::Status Walk(NodeId directory, const std::string& path) {
    const auto expected = model_.directories.find(directory);
    if (expected == model_.directories.end()) return absl::DataLossError(path + " is shown and should not be");
    std::map<std::string, fs::ShownEntry> shown;
    COPSE_RETURN_IF_ERROR(volume_.List(directory, 0, [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind) {
      shown.emplace(entry.name, entry);
      return true;
    }));
    for (const auto& [name, entry] : expected->second) {
      const auto found = shown.find(name);
      if (found == shown.end()) return absl::DataLossError(path + "/" + name + " should be shown");
      if (!IsRightTarget(found->second.target, entry) || found->second.type != entry.type ||
          found->second.is_ghost != entry.is_ghost || found->second.is_generated != entry.is_generated) {
        return absl::DataLossError(
            path + "/" + name + " is " + Describe(found->second) + ", and should be " +
            Describe({name, entry.node, entry.target, entry.type, entry.is_generated, entry.is_ghost}));
      }
      shown.erase(found);
      COPSE_RETURN_IF_ERROR(CheckLinks(entry.target, path + "/" + name));
      ++entries_;
      if (entry.type == fs::EntryType::kDirectory) COPSE_RETURN_IF_ERROR(Walk(entry.target, path + "/" + name));
    }
    if (!shown.empty()) return absl::DataLossError(path + "/" + shown.begin()->first + " should not be shown");
    return absl::OkStatus();
  }
  std::uint64_t entries() const { return entries_; }

 private:
  /// Of a united directory a mount goes on showing the member that it served first, while the kernel holds that.
  bool IsRightTarget(NodeId shown, const fs_test::ModelEntry& entry) const {
    if (shown == entry.target) return true;
    const auto members = model_.members.find(entry.target);
    return members != model_.members.end() &&
           std::find(members->second.begin(), members->second.end(), shown) != members->second.end();
  }
  absl::Status CheckLinks(NodeId node, const std::string& path) {
    const auto attributes = volume_.GetAttributes(node);
    if (!attributes.ok()) return absl::DataLossError(path + ": " + attributes.status().ToString());
    const auto links = model_.links.find(node);
    const std::uint32_t expected = links == model_.links.end() ? 0 : links->second;
    if (attributes->links == expected) return absl::OkStatus();
    return absl::DataLossError(path + " has " + std::to_string(attributes->links) + " links, and should have " +
                               std::to_string(expected));
  }

  fs::Volume& volume_;
  const fs_test::Model& model_;
  std::uint64_t entries_ = 0;
};

/// Everything that was ever made and had a name is shown, in the trash, or purged by somebody.
class Inventory {
 public:
  Inventory(fs::Volume& volume, const crdt_test::World& world, const std::vector<crdt::Op>& ops)
      : volume_(volume), world_(world) {
    for (const fs::Volume::TrashEntry& entry : volume.ListTrash()) in_trash_.insert(entry.node);
    for (const crdt::Op& op : ops) {
      for (const crdt::Field& field : op.fields) {
        if (field.id.number == fs::schema::kPurged) purged_.insert(op.child);
      }
    }
  }

  absl::Status Check() const {
    std::map<NodeId, std::vector<NodeId>> names;  // Of each inode; a directory is its own.
    for (const NodeId node : world_.nodes) {
      if (KindOf(node) == fs::Kind::kDirectory) names[node].push_back(node);
      if (KindOf(node)) continue;
      const auto target = ValueOf(node, fs::schema::kInode);
      const auto inode = target ? fs::schema::DecodeNode(*target) : std::nullopt;
      if (inode && KindOf(*inode)) names[*inode].push_back(node);
    }
    for (const auto& [inode, nodes] : names) {
      const auto shown = volume_.GetAttributes(inode);
      const bool is_shown = shown.ok() && shown->links > 0;
      const auto is_accounted_for = [this](NodeId name) { return IsInTrashOrPurged(name); };
      if (is_shown || std::any_of(nodes.begin(), nodes.end(), is_accounted_for)) continue;
      return absl::DataLossError("inode " + std::to_string(inode.value) +
                                 " is not shown, not in the trash, not purged");
    }
    return absl::OkStatus();
  }

 private:
  std::optional<std::string> ValueOf(NodeId node, std::uint32_t number) const {
    const auto found = world_.values.find({node, {number, ""}});
    return found == world_.values.end() ? std::nullopt : found->second.second;
  }
  std::optional<fs::Kind> KindOf(NodeId node) const {
    const auto value = ValueOf(node, fs::schema::kKind);
    return value ? fs::schema::DecodeKind(*value) : std::nullopt;
  }
  /// By itself, or with a directory above it.
  bool IsInTrashOrPurged(NodeId name) const {
    for (auto place = world_.places.find(name); place != world_.places.end();
         place = world_.places.find(place->second.parent)) {
      if (purged_.contains(place->first)) return true;
      if (place->second.parent == crdt::kTrash) return in_trash_.contains(place->first);
    }
    return false;
  }

  fs::Volume& volume_;
  const crdt_test::World& world_;
  std::set<NodeId> in_trash_;
  std::set<NodeId> purged_;
};

absl::Status ListInto(fs::Volume& volume, Programs& programs, NodeId directory, const std::string& path,
                      std::vector<std::string>& lines) {
  std::vector<std::pair<std::string, NodeId>> entries;
  COPSE_RETURN_IF_ERROR(volume.List(directory, 0, [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind) {
    entries.emplace_back(entry.name, entry.target);
    return true;
  }));
  std::sort(entries.begin(), entries.end());
  for (const auto& [name, node] : entries) {
    COPSE_ASSIGN_OR_RETURN(const fs::Attributes shown, volume.GetAttributes(node));
    // What number a united directory has depends on what the kernel holds.
    const std::uint64_t number = shown.kind == fs::Kind::kDirectory ? 0 : node.value;
    std::string line = path + "/" + name + " " + std::to_string(number) + " kind " +
                       std::to_string(static_cast<int>(shown.kind)) + " mode " + std::to_string(shown.mode) +
                       " links " + std::to_string(shown.links) + " size " + std::to_string(shown.size) + " mtime " +
                       std::to_string(shown.mtime) + " ctime " + std::to_string(shown.ctime);
    if (shown.kind == fs::Kind::kRegular) {
      const auto content = programs.ReadAll(node, nullptr);
      if (!content.ok()) return absl::DataLossError(path + "/" + name + ": " + content.status().ToString());
      line += " " + *content;
    }
    if (shown.kind == fs::Kind::kSymlink) line += " " + volume.ReadLink(node).value_or("?");
    for (const char* key : {"user.x", "user.y"}) line += " " + volume.GetXattr(node, key).value_or("-");
    lines.push_back(std::move(line));
    if (shown.kind == fs::Kind::kDirectory) {
      COPSE_RETURN_IF_ERROR(ListInto(volume, programs, node, path + "/" + name, lines));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Expected::Expected(std::vector<crdt::Op> its_ops) : ops(std::move(its_ops)), names(ops) {
  crdt_test::Oracle oracle;
  oracle.Learn(ops);
  world = oracle.Fold();
  model = fs_test::ModelOf(world);
}

absl::Status CheckAgainstModel(const crdt::Tree& tree, fs::Volume& volume, const Expected& expected) {
  crdt_test::World found;
  try {
    found = crdt_test::WorldOf(tree, expected.names);
  } catch (...) {
    return absl::DataLossError("the tree tells one thing in two ways");
  }
  if (!(found == expected.world)) {
    return absl::DataLossError("the tree is not the fold of its ops: " +
                               FirstDifference(crdt_test::Describe(found), crdt_test::Describe(expected.world)));
  }
  ModelWalk walk(volume, expected.model);
  COPSE_RETURN_IF_ERROR(walk.Walk(crdt::kRoot, ""));
  if (walk.entries() > expected.model.entries) return absl::DataLossError("more entries are reached than there are");
  return Inventory(volume, expected.world, expected.ops).Check();
}

absl::StatusOr<std::vector<std::string>> Listing(fs::Volume& volume, Programs& programs) {
  std::vector<std::string> lines;
  COPSE_RETURN_IF_ERROR(ListInto(volume, programs, crdt::kRoot, "", lines));
  return lines;
}

}  // namespace copse::simulation
