// Bytes as a history of ops, few nodes and actors so that they meet, in any order of arrival and cut into any batches:
// after each batch the tree shows what the oracle (tests/crdt/oracle.h) folds from the ops so far, and undoing and
// redoing changes nothing.

#include <copse/crdt/op_codec.h>
#include <copse/crdt/tree.h>

#include <array>
#include <set>
#include <vector>

#include "fuzz.h"
#include "oracle.h"

namespace copse::fuzz {
namespace {

using crdt::Field;
using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;
using crdt_test::World;
using crdt_test::WorldPlace;

constexpr std::size_t kOpsMax = 64;  // The oracle folds all of them anew for each batch.
constexpr std::uint64_t kNodes = 6;
const std::array<crdt::FieldId, 3> kFields = {{{1, ""}, {1, "k"}, {2, ""}}};

class Generator {
 public:
  explicit Generator(std::string_view bytes) : bytes_(bytes) {}

  bool is_done() const { return bytes_.empty() || times_.size() >= kOpsMax; }

  /// The next ops that arrive together; ops that no replica could accept are left out.
  std::vector<Op> NextBatch() {
    std::vector<Op> batch;
    for (unsigned left = 1 + Draw(4); left > 0 && !is_done(); --left) {
      Op op = NextOp();
      if (crdt::ValidateOp(op).ok() && times_.insert(op.time).second) batch.push_back(std::move(op));
    }
    return batch;
  }

 private:
  unsigned Draw(unsigned bound) {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte % bound;
  }

  NodeId Node() { return NodeId::Of(1, 100 + Draw(kNodes)); }
  NodeId Parent() {
    const unsigned draw = Draw(3 + kNodes);
    return draw < 3 ? NodeId{1 + draw} : NodeId::Of(1, 100 + draw - 3);
  }
  Timestamp Time() { return Timestamp::Of(1 + Draw(100), static_cast<crdt::ActorId>(1 + Draw(3))); }

  Op NextOp() {
    Op op;
    op.time = Time();
    op.child = Node();
    const unsigned kind = Draw(8);
    if (kind < 4) op.place = crdt::Place{Parent(), std::string(1, static_cast<char>('a' + Draw(3)))};
    if (kind == 4 || kind == 5) {
      op.place = crdt::Place{crdt::kTrash, "a"};
      op.guard = Draw(4) == 0 ? Timestamp{} : Time();
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

  std::string_view bytes_;
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
    for (const NodeId child : tree.ChildrenOf(node)) world.children[node].insert(child);
    for (const crdt::FieldId& id : kFields) {
      if (const auto* value = tree.Value(node, id.number, id.key)) {
        world.values[{node, id}] = {value->time, value->value};
      }
      for (const auto& version : tree.Versions(node, id.number, id.key)) {
        world.versions[{node, id}][version.time] = version.value.value();
      }
    }
  }
  return world;
}

void Run(std::string_view bytes) {
  Generator generator(bytes);
  crdt::Tree tree;
  crdt_test::Oracle oracle;
  std::vector<Op> all;
  while (!generator.is_done()) {
    const std::vector<Op> batch = generator.NextBatch();
    tree.Apply(batch);
    oracle.Learn(batch);
    all.insert(all.end(), batch.begin(), batch.end());
    Require(WorldOf(tree) == oracle.Fold());
  }
  const World world = oracle.Fold();
  for (const Op& op : all) {
    tree.UndoAfter(op.time);
    tree.Redo();
    Require(WorldOf(tree) == world);
  }
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  copse::fuzz::Run(copse::fuzz::Bytes(data, size));
  return 0;
}
