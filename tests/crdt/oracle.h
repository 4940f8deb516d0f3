#pragma once

#include <copse/crdt/ids.h>
#include <copse/crdt/op.h>
#include <copse/crdt/timestamp.h>

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

namespace copse::crdt_test {

struct WorldPlace {
  crdt::NodeId parent;
  std::string name;
  crdt::Timestamp claim;

  friend bool operator==(const WorldPlace&, const WorldPlace&) = default;
};

/// All that can be seen of a tree, in the plainest form.
struct World {
  using RegisterOfNode = std::pair<crdt::NodeId, crdt::FieldId>;

  std::set<crdt::NodeId> nodes;
  std::map<crdt::NodeId, WorldPlace> places;
  std::map<crdt::NodeId, WorldPlace> before_trash;
  std::map<crdt::NodeId, std::set<crdt::NodeId>> children;  // Only those who have any.
  std::map<RegisterOfNode, std::pair<crdt::Timestamp, std::optional<std::string>>> values;
  std::map<RegisterOfNode, std::map<crdt::Timestamp, std::string>> versions;  // Only where there is one.

  friend bool operator==(const World&, const World&) = default;
};

/// For comparing in tests: equal worlds give equal text, and a difference can be read.
std::string Describe(const World& world);

/// The tree in the slowest and most obvious way: sort every op, fold, walk. Shares nothing with the engine but the
/// value types, so that both can hardly be wrong alike.
class Oracle {
 public:
  /// Ops may come in any order, and again.
  void Learn(std::span<const crdt::Op> ops);
  World Fold() const;

 private:
  std::map<crdt::Timestamp, crdt::Op> ops_;
};

}  // namespace copse::crdt_test
