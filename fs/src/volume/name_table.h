#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>
#include <copse/crdt/tree.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "volume/schema.h"

namespace copse::fs {

using crdt::NodeId;

/// Who claims a stored name in a directory of the tree: a directory, which leads to itself, or a dentry.
struct Claimant {
  NodeId node;
  NodeId target;
  bool is_directory() const { return node == target; }
};

/// Who claims which stored name in one directory node.
///
/// A volume has as many claims as it has files, so that of a name with one claimant only 12 bytes are kept: its hash
/// and the node, whose name the tree has. Names with several claimants, and those of ghosts, whose place in the tree is
/// another, are kept whole.
///
/// While a batch is taken in the tree already has the new names: a node that has moved must be out of its table before
/// any name is looked for.
class NameTable {
 public:
  using Group = absl::InlinedVector<Claimant, 1>;  ///< In no order.

  struct Removed {
    Claimant claimant;
    bool had_rivals = false;
  };

  /// Empty where nobody claims `name`.
  Group Find(const crdt::Tree& tree, std::string_view name) const;
  bool Contains(const crdt::Tree& tree, std::string_view name) const;
  /// The claim of `node` on `name`.
  std::optional<Claimant> Find(const crdt::Tree& tree, std::string_view name, NodeId node) const;

  /// Adds a claim; returns how many there are on the name then.
  std::size_t Add(const crdt::Tree& tree, std::string_view name, const Claimant& claimant, bool is_ghost);
  /// Nothing where `node` does not claim `name`.
  std::optional<Removed> Remove(const crdt::Tree& tree, std::string_view name, NodeId node);

  /// Calls `visit(std::string_view name, const Group&)` for each name, in no order.
  template <typename Visit>
  void ForEach(const crdt::Tree& tree, const Visit& visit) const {
    for (const Single& single : singles_) {
      visit(tree.PlacementOf(single.node())->name, Group{ClaimantOf(tree, single)});
    }
    if (whole_ == nullptr) return;
    for (const auto& [name, group] : *whole_) visit(std::string_view(name), group);
  }

 private:
  /// The one claimant of a name. No integer wants more alignment than four bytes.
  class Single {
   public:
    Single(std::uint32_t hash, const Claimant& claimant)
        : hash_(hash),
          node_low_(static_cast<std::uint32_t>(claimant.node.value)),
          node_high_(static_cast<std::uint32_t>(claimant.node.value >> 32)) {}
    std::uint32_t hash() const { return hash_; }
    NodeId node() const { return NodeId{std::uint64_t{node_high_} << 32 | node_low_}; }

   private:
    std::uint32_t hash_;
    std::uint32_t node_low_;
    std::uint32_t node_high_;
  };
  struct ByName {
    std::uint32_t hash;
    std::string_view name;
    const crdt::Tree* tree;
  };
  struct ByNode {
    std::uint32_t hash;
    NodeId node;
  };
  struct HashOf {
    using is_transparent = void;
    // Knuth, "The Art of Computer Programming", volume 3, 6.4: the set takes its places from the high bits.
    static std::size_t Spread(std::uint32_t hash) { return hash * std::uint64_t{0x9e37'79b9'7f4a'7c15}; }
    std::size_t operator()(const Single& single) const { return Spread(single.hash()); }
    std::size_t operator()(const ByName& key) const { return Spread(key.hash); }
    std::size_t operator()(const ByNode& key) const { return Spread(key.hash); }
  };
  struct AreEqual {
    using is_transparent = void;
    bool operator()(const Single& a, const Single& b) const { return a.hash() == b.hash() && a.node() == b.node(); }
    bool operator()(const Single& a, const ByNode& b) const { return a.hash() == b.hash && a.node() == b.node; }
    bool operator()(const Single& a, const ByName& b) const {
      return a.hash() == b.hash && b.tree->PlacementOf(a.node())->name == b.name;
    }
  };
  using Whole = std::map<std::string, Group, std::less<>>;

  static std::uint32_t HashName(std::string_view name);
  static Claimant ClaimantOf(const crdt::Tree& tree, const Single& single) {
    const NodeId node = single.node();
    return {node, schema::InodeOf(tree, node).value_or(node)};
  }
  const Group* FindWhole(std::string_view name) const;

  absl::flat_hash_set<Single, HashOf, AreEqual> singles_;
  std::unique_ptr<Whole> whole_;  // Nearly always absent.
};

}  // namespace copse::fs
