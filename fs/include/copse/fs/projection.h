#pragma once

#include <copse/crdt/net_event.h>
#include <copse/crdt/tree.h>
#include <copse/fs/attributes.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::fs {

/// One name that people see in a directory.
struct ShownEntry {
  std::string name;
  NodeId node;    ///< The node whose place gives the name: a directory, or a dentry.
  NodeId target;  ///< What it leads to: the directory itself, or the dentry's inode.
};

/// What the kernel may have cached and that means something else now.
struct Invalidations {
  struct Name {
    NodeId directory;
    std::string name;
    friend auto operator<=>(const Name&, const Name&) = default;
  };
  std::vector<Name> names;      ///< Entries and negative entries, ascending, each once.
  std::vector<NodeId> targets;  ///< Inodes whose attributes, link count, content or listing changed, ascending.
};

/// What people see: a pure function of the tree, kept up to date by net events. The only place that decides which
/// names are shown for the nodes of the tree; everything that reads or acts on a name goes through it.
///
/// Not thread-safe; readers at one time while nobody updates.
class Projection {
 public:
  virtual ~Projection() = default;

  /// Takes in what a batch changed in the tree; returns whose meaning changed for those who look.
  virtual Invalidations Update(std::span<const crdt::NetEvent> events) = 0;

  virtual std::optional<ShownEntry> Lookup(NodeId directory, std::string_view name) const = 0;

  /// Calls `visit` for each shown entry whose position is above `after`, in ascending position, until it returns
  /// false. Positions are stable under any change: a listing neither skips nor repeats what stays.
  virtual void List(NodeId directory, std::uint64_t after,
                    const std::function<bool(std::uint64_t position, const ShownEntry& entry)>& visit) const = 0;

  virtual bool IsEmpty(NodeId directory) const = 0;
  /// Shown names of an inode; of a directory, 2 + its shown directories while it is shown itself, else 0.
  virtual std::uint32_t LinksOf(NodeId target) const = 0;
  /// Shown names of an inode, ascending by node.
  virtual std::vector<NodeId> NamesOf(NodeId inode) const = 0;
  /// The directory that shows `directory`; kRoot for kRoot; nothing if it is not shown.
  virtual std::optional<NodeId> ParentOf(NodeId directory) const = 0;
  /// Shown entries in all: for statfs.
  virtual std::uint64_t EntryCount() const = 0;
};

/// The projection of `tree`, which must outlive it. docs/semantics.md.
std::unique_ptr<Projection> MakeProjection(const crdt::Tree& tree);

}  // namespace copse::fs
