// Bytes as a history of ops, few nodes and actors so that they meet, in any order of arrival and cut into any batches,
// with guards that mostly name an op: after each batch the tree shows what the oracle (tests/crdt/oracle.h) folds from
// the ops so far, and, where the bytes say so, the tree as of any time is the oracle's of the ops up to it. The history
// is truncated at any times; what is not later is then known to have come, and comes no more.

#include <copse/crdt/op_codec.h>
#include <copse/crdt/tree.h>

#include <array>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "choices.h"
#include "fuzz.h"
#include "oracle.h"
#include "seeded_histories.h"

namespace copse::fuzz {
namespace {

using crdt::Field;
using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;
using crdt_test::World;
using crdt_test::WorldPlace;

constexpr std::size_t kOpsMax = 20;  // The oracle folds all of them anew for each batch; few that meet say as much.
constexpr std::uint64_t kNodes = 6;
constexpr unsigned kCounters = 100;
constexpr unsigned kActors = 3;
const std::array<crdt::FieldId, 3> kFields = {{{1, ""}, {1, "k"}, {2, ""}}};

class Generator {
 public:
  explicit Generator(std::string_view bytes) : choices_(bytes) {}

  bool is_done() const { return choices_.is_done() || times_.size() >= kOpsMax; }

  /// The next ops that arrive together; ops that no replica could accept are left out.
  std::vector<Op> NextBatch(Timestamp horizon) {
    std::vector<Op> batch;
    for (unsigned left = 1 + Draw(Draw(4) == 0 ? 40 : 4); left > 0 && !is_done(); --left) {
      Op op = NextOp();
      if (op.time > horizon && crdt::ValidateOp(op).ok() && times_.insert(op.time).second) {
        batch.push_back(std::move(op));
      }
    }
    return batch;
  }

  unsigned Draw(unsigned bound) { return choices_.Below(bound); }

  Timestamp Time() { return Timestamp::Of(1 + Draw(kCounters), static_cast<crdt::ActorId>(1 + Draw(kActors))); }

 private:
  NodeId Node() { return NodeId::Of(1, 100 + Draw(kNodes)); }
  NodeId Parent() {
    const unsigned draw = Draw(3 + kNodes);
    return draw < 3 ? NodeId{1 + draw} : NodeId::Of(1, 100 + draw - 3);
  }
  /// Mostly that of an op, whatever its child.
  Timestamp Guard() {
    const unsigned draw = Draw(16);
    if (draw == 0) return {};
    if (draw == 1 || times_.empty()) return Time();
    auto named = times_.begin();
    std::advance(named, Draw(static_cast<unsigned>(times_.size())));
    return *named;
  }

  Op NextOp() {
    Op op;
    op.time = Time();
    op.child = Node();
    const unsigned kind = Draw(8);
    if (kind < 4) op.place = crdt::Place{Parent(), std::string(1, static_cast<char>('a' + Draw(3)))};
    if (kind == 4 || kind == 5) {
      op.place = crdt::Place{crdt::kTrash, "a"};
      op.guard = Guard();
    }
    if (kind == 6) op.child = crdt::kRoot;
    if (kind != 0) AddFields(op);
    return op;
  }

  void AddFields(Op& op) {
    const unsigned which = Draw(1 << kFields.size());
    for (std::size_t i = 0; i < kFields.size(); ++i) {
      if (((which >> i) & 1) == 0) continue;
      Field field;
      field.id = kFields[i];
      if (Draw(4) != 0) field.value = std::to_string(op.time.value);
      if (Draw(2) != 0) field.replaces = Replaced();
      op.fields.push_back(std::move(field));
    }
  }

  std::vector<Timestamp> Replaced() {
    std::set<Timestamp> times;
    for (unsigned left = Draw(4); left > 0; --left) times.insert(Time());
    return {times.begin(), times.end()};
  }

  Choices choices_;
  std::set<Timestamp> times_;
};

WorldPlace PlaceOf(const crdt::PlacementView& placement) {
  return {placement.parent, std::string(placement.name), placement.claim};
}

World WorldOf(const crdt::Tree& tree) {
  World world;
  for (const NodeId node : tree.Nodes()) world.nodes.insert(node);
  std::vector<NodeId> asked = {crdt::kForest, crdt::kRoot, crdt::kFileInodes, crdt::kTrash};
  for (std::uint64_t i = 0; i < kNodes; ++i) asked.push_back(NodeId::Of(1, 100 + i));
  for (const NodeId node : asked) {
    if (const auto place = tree.PlacementOf(node)) world.places[node] = PlaceOf(*place);
    if (const auto place = tree.PlacementBeforeTrash(node)) world.before_trash[node] = PlaceOf(*place);
    const std::vector<NodeId> children = tree.ChildrenOf(node);
    if (!children.empty()) world.children[node] = {children.begin(), children.end()};
    for (const crdt::FieldId& id : kFields) {
      if (const auto value = tree.Value(node, id.number, id.key)) {
        world.values[{node, id}] = {value->time, crdt::RegisterVersion(*value).value};
      }
      for (const auto& version : tree.Versions(node, id.number, id.key)) {
        world.versions[{node, id}][version.time] = version.value.value();
      }
    }
  }
  return world;
}

class History {
 public:
  explicit History(const crdt::Tree::LateMoves& way) : tree_(way) {}

  void Learn(const std::vector<Op>& batch) {
    tree_.Apply(batch);
    oracle_.Learn(batch);
    ops_.insert(ops_.end(), batch.begin(), batch.end());
    RequireOracles();
  }

  void Truncate(Timestamp stable) {
    tree_.Truncate(stable);
    Require(tree_.Horizon() >= stable);
    RequireOracles();
  }

  /// Places as of `time`, if they are kept; registers have no past.
  void RequireOraclesAsOf(Timestamp time) {
    if (time < tree_.Horizon()) return;
    crdt_test::Oracle past;
    for (const Op& op : ops_) {
      if (op.time <= time) past.Learn(std::span(&op, 1));
    }
    const World then = past.Fold();
    const World now = WorldOf(tree_);
    tree_.UndoAfter(time);
    const World shown = WorldOf(tree_);
    Require(shown.places == then.places && shown.before_trash == then.before_trash && shown.children == then.children);
    tree_.Redo();
    Require(WorldOf(tree_) == now);
  }

  Timestamp horizon() const { return tree_.Horizon(); }

 private:
  void RequireOracles() const { Require(WorldOf(tree_) == oracle_.Fold()); }

  crdt::Tree tree_;
  crdt_test::Oracle oracle_;
  std::vector<Op> ops_;
};

void Run(std::string_view bytes) {
  Generator generator(bytes);
  History history(crdt_test::WayOf(bytes.size()));
  while (!generator.is_done()) {
    history.Learn(generator.NextBatch(history.horizon()));
    switch (generator.Draw(8)) {
      case 0:
        history.Truncate(generator.Time());
        break;
      case 1:
      case 2:
        history.RequireOraclesAsOf(generator.Time());
        break;
      default:
        break;
    }
  }
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  copse::fuzz::Run(copse::fuzz::Bytes(data, size));
  return 0;
}
