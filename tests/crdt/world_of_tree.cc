#include "world_of_tree.h"

#include <rapidcheck.h>

#include <algorithm>

namespace copse::crdt_test {
namespace {

using crdt::FieldId;
using crdt::NetEvent;
using crdt::NodeId;
using crdt::Op;
using crdt::Placement;
using crdt::Tree;

WorldPlace PlaceOf(const crdt::PlacementView& placement) {
  return {placement.parent, std::string(placement.name), placement.claim};
}

void ReadRegister(const Tree& tree, NodeId node, const FieldId& id, World& world) {
  world.values.erase({node, id});
  world.versions.erase({node, id});
  if (const auto value = tree.Value(node, id.number, id.key)) {
    world.values[{node, id}] = {value->time, crdt::RegisterVersion(*value).value};
  }
  for (const auto& version : tree.Versions(node, id.number, id.key)) {
    const bool fresh = world.versions[{node, id}].emplace(version.time, version.value.value()).second;
    RC_ASSERT(fresh);
  }
}

// FieldsOf tells the same as asking for each register.
void CheckFieldsOf(const Tree& tree, const World& world, NodeId node) {
  for (const std::uint32_t number : {0u, 1u, 2u, 3u}) {
    const auto is_asked = [&](const World::RegisterOfNode& of) {
      return of.first == node && of.second.number == number;
    };
    const World::RegisterOfNode first(node, {number, ""});
    std::set<FieldId> held;
    for (auto at = world.values.lower_bound(first); at != world.values.end() && is_asked(at->first); ++at) {
      if (at->second.second) held.insert(at->first.second);
    }
    for (auto at = world.versions.lower_bound(first); at != world.versions.end() && is_asked(at->first); ++at) {
      held.insert(at->first.second);
    }
    RC_ASSERT(tree.FieldsOf(node, number) == std::vector<FieldId>(held.begin(), held.end()));
  }
}

}  // namespace

Names::Names(std::span<const Op> ops) : nodes{crdt::kForest, crdt::kRoot, crdt::kFileInodes, crdt::kTrash} {
  for (const Op& op : ops) {
    nodes.insert(op.child);
    if (op.place) nodes.insert(op.place->parent);
    for (const crdt::Field& field : op.fields) registers.insert({op.child, field.id});
  }
}

World WorldOf(const Tree& tree, const Names& names) {
  World world;
  const std::vector<NodeId> nodes = tree.Nodes();
  RC_ASSERT(std::is_sorted(nodes.begin(), nodes.end()));
  world.nodes.insert(nodes.begin(), nodes.end());
  for (const NodeId node : names.nodes) {
    if (const auto placement = tree.PlacementOf(node)) world.places[node] = PlaceOf(*placement);
    if (const auto before = tree.PlacementBeforeTrash(node)) world.before_trash[node] = PlaceOf(*before);
    const std::vector<NodeId> children = tree.ChildrenOf(node);
    RC_ASSERT(std::is_sorted(children.begin(), children.end()));
    if (!children.empty()) world.children[node].insert(children.begin(), children.end());
  }
  for (const auto& [node, id] : names.registers) ReadRegister(tree, node, id, world);
  for (const NodeId node : names.nodes) CheckFieldsOf(tree, world, node);
  return world;
}

void ShadowTree::Follow(std::span<const NetEvent> events, const Tree& tree) {
  const auto out_of_order = std::adjacent_find(events.begin(), events.end(),
                                               [](const NetEvent& a, const NetEvent& b) { return !(a.node < b.node); });
  RC_ASSERT(out_of_order == events.end());
  for (const NetEvent& event : events) {
    const bool changed = event.moved() || !event.fields.empty() || event.place_before_trash_changed;
    RC_ASSERT(changed);
    const auto shadow = world_.places.find(event.node);
    RC_ASSERT(event.before.has_value() == (shadow != world_.places.end()));
    if (event.before) RC_ASSERT(PlaceOf(*event.before) == shadow->second);
    world_.places.erase(event.node);
    if (event.after) world_.places[event.node] = PlaceOf(*event.after);
    FollowPlaceBeforeTrash(event, tree);
    FollowFields(event, tree);
  }
}

void ShadowTree::FollowPlaceBeforeTrash(const NetEvent& event, const Tree& tree) {
  const auto before = world_.before_trash;
  world_.before_trash.erase(event.node);
  if (const auto place = tree.PlacementBeforeTrash(event.node)) {
    world_.before_trash[event.node] = PlaceOf(*place);
  }
  RC_ASSERT(event.place_before_trash_changed == (world_.before_trash != before));
}

void ShadowTree::FollowFields(const NetEvent& event, const Tree& tree) {
  const std::set<FieldId> ascending(event.fields.begin(), event.fields.end());
  RC_ASSERT(event.fields == std::vector<FieldId>(ascending.begin(), ascending.end()));
  for (const FieldId& id : event.fields) {
    const World before = world_;
    ReadRegister(tree, event.node, id, world_);
    RC_ASSERT(!(world_ == before));
  }
}

void ShadowTree::ExpectEquals(const World& world) const {
  RC_ASSERT(world_.places == world.places);
  RC_ASSERT(world_.before_trash == world.before_trash);
  RC_ASSERT(world_.values == world.values);
  RC_ASSERT(world_.versions == world.versions);
}

}  // namespace copse::crdt_test
