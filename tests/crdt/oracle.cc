#include "oracle.h"

#include <sstream>

namespace copse::crdt_test {
namespace {

using crdt::Field;
using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;

bool IsSelfOrAncestor(const World& world, NodeId node, NodeId from) {
  for (NodeId at = from;;) {
    if (at == node) return true;
    const auto place = world.places.find(at);
    if (place == world.places.end()) return false;
    at = place->second.parent;
  }
}

void FoldMove(World& world, const Op& op) {
  if (IsSelfOrAncestor(world, op.child, op.place->parent)) return;
  const auto now = world.places.find(op.child);
  const bool placed = now != world.places.end();
  if (op.guard && *op.guard != (placed ? now->second.claim : Timestamp{})) return;
  if (op.place->parent != crdt::kTrash) {
    world.before_trash.erase(op.child);
  } else if (placed && now->second.parent != crdt::kTrash) {
    world.before_trash[op.child] = now->second;
  }
  world.places[op.child] = WorldPlace{op.place->parent, op.place->name, op.time};
}

void FoldValues(World& world, const Op& op) {
  for (const Field& field : op.fields) {
    world.nodes.insert(op.child);
    if (!field.replaces) world.values[{op.child, field.id}] = {op.time, field.value};
  }
}

// A version lives if it was written and no op whatever replaces it.
void FoldVersions(World& world, const std::map<Timestamp, Op>& ops) {
  std::set<std::pair<World::RegisterOfNode, Timestamp>> replaced;
  for (const auto& [time, op] : ops) {
    for (const Field& field : op.fields) {
      if (!field.replaces) continue;
      for (const Timestamp one : *field.replaces) replaced.insert({{op.child, field.id}, one});
    }
  }
  for (const auto& [time, op] : ops) {
    for (const Field& field : op.fields) {
      const World::RegisterOfNode of{op.child, field.id};
      if (field.replaces && field.value && !replaced.contains({of, time})) world.versions[of][time] = *field.value;
    }
  }
}

void Print(std::ostream& out, const std::map<NodeId, WorldPlace>& places) {
  for (const auto& [node, place] : places) {
    out << "  " << node.value << " in " << place.parent.value << " as '" << place.name << "' since "
        << place.claim.counter() << "@" << place.claim.actor() << "\n";
  }
}

}  // namespace

void Oracle::Learn(std::span<const Op> ops) {
  for (const Op& op : ops) ops_.emplace(op.time, op);
}

World Oracle::Fold() const {
  World world;
  world.nodes = {crdt::kForest, crdt::kRoot, crdt::kFileInodes, crdt::kTrash};
  world.places[crdt::kRoot] = WorldPlace{crdt::kForest, "root", Timestamp{}};
  world.places[crdt::kFileInodes] = WorldPlace{crdt::kForest, "fileinodes", Timestamp{}};
  world.places[crdt::kTrash] = WorldPlace{crdt::kForest, "trash", Timestamp{}};
  for (const auto& [time, op] : ops_) {
    if (op.place) FoldMove(world, op);
    FoldValues(world, op);
  }
  FoldVersions(world, ops_);
  for (const auto& [node, place] : world.places) {
    world.nodes.insert(node);
    world.children[place.parent].insert(node);
  }
  return world;
}

std::string Describe(const World& world) {
  std::ostringstream out;
  out << "nodes\n ";
  for (const NodeId node : world.nodes) out << " " << node.value;
  out << "\nplaces\n";
  Print(out, world.places);
  out << "before trash\n";
  Print(out, world.before_trash);
  out << "children\n";
  for (const auto& [parent, children] : world.children) {
    out << "  " << parent.value << ":";
    for (const NodeId child : children) out << " " << child.value;
    out << "\n";
  }
  out << "values\n";
  for (const auto& [of, value] : world.values) {
    out << "  " << of.first.value << " " << of.second.number << ":" << of.second.key << " = "
        << value.second.value_or("(cleared)") << " since " << value.first.value << "\n";
  }
  out << "versions\n";
  for (const auto& [of, versions] : world.versions) {
    out << "  " << of.first.value << " " << of.second.number << ":" << of.second.key << " =";
    for (const auto& [time, value] : versions) out << " " << time.value << "/" << value;
    out << "\n";
  }
  return out.str();
}

}  // namespace copse::crdt_test
