#include "textbook_engine.h"

#include <absl/container/node_hash_map.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

namespace copse::crdt_test {
namespace {

using crdt::NetEvent;
using crdt::NodeId;
using crdt::Op;
using crdt::Placement;
using crdt::Timestamp;

struct Node;

struct NodePlace {
  Node* parent = nullptr;  // Null: the node has no place, and `placement` is empty with claim 0.
  Placement placement;
  std::unique_ptr<Placement> before_trash;
};

struct Node {
  NodeId id;
  std::uint32_t change = 0;  // Its element of State::changes, + 1; 0: none.
  NodePlace place;
  std::unique_ptr<std::set<NodeId>> children;

  void AddChild(NodeId child) {
    if (!children) children = std::make_unique<std::set<NodeId>>();
    children->insert(children->end(), child);
  }
  void RemoveChild(NodeId child) {
    children->erase(child);
    if (children->empty()) children.reset();
  }
};

struct Entry {
  Timestamp time;
  std::optional<Timestamp> guard;
  bool took_effect;
  Node* child;
  // While the move is in effect: the place of the child that it displaced. Else: the place that it would give.
  NodePlace other_place;
};

bool IsSelfOrAncestor(const Node* node, const Node* from) {
  if (node == from) return true;
  if (!node->children) return false;
  for (const Node* up = from->place.parent; up != nullptr; up = up->place.parent) {
    if (up == node) return true;
  }
  return false;
}

std::unique_ptr<Placement> LastOutsideTrash(const NodePlace& place) {
  if (place.parent == nullptr) return nullptr;
  if (place.placement.parent != crdt::kTrash) return std::make_unique<Placement>(place.placement);
  return place.before_trash ? std::make_unique<Placement>(*place.before_trash) : nullptr;
}

bool MayTakeEffect(const Entry& entry) {
  if (entry.guard && entry.child->place.placement.claim != *entry.guard) return false;
  return !IsSelfOrAncestor(entry.child, entry.other_place.parent);
}

void SwapPlaces(Entry& entry) {
  Node& child = *entry.child;
  if (child.place.parent != nullptr) child.place.parent->RemoveChild(child.id);
  std::swap(child.place, entry.other_place);
  if (child.place.parent != nullptr) child.place.parent->AddChild(child.id);
}

bool AreEqual(const Placement* a, const Placement* b) { return a == nullptr || b == nullptr ? a == b : *a == *b; }

std::optional<Placement> PlacementOf(const Node& node) {
  return node.place.parent == nullptr ? std::nullopt : std::optional<Placement>(node.place.placement);
}

}  // namespace

struct TextbookEngine::State {
  struct Change {
    Node* node;
    std::optional<Placement> placement;
    std::unique_ptr<Placement> before_trash;
  };

  absl::node_hash_map<NodeId, Node> nodes;
  std::vector<Entry> log;
  std::vector<Change> changes;

  Node& NodeOf(NodeId id) {
    Node& node = nodes[id];
    node.id = id;
    return node;
  }
  void PlaceWellKnown(NodeId id, const char* name) {
    Node& forest = NodeOf(crdt::kForest);
    NodeOf(id).place = NodePlace{&forest, Placement{crdt::kForest, name, Timestamp{}}, nullptr};
    forest.AddChild(id);
  }
  bool Contains(Timestamp time) const {
    if (log.empty() || log.back().time < time) return false;
    const auto found = std::lower_bound(log.begin(), log.end(), time,
                                        [](const Entry& entry, Timestamp bound) { return entry.time < bound; });
    return found->time == time;
  }
  void AboutToPlace(Node& node) {
    if (node.change != 0) return;
    const Placement* before_trash = node.place.before_trash.get();
    changes.push_back(Change{&node, crdt_test::PlacementOf(node),
                             before_trash == nullptr ? nullptr : std::make_unique<Placement>(*before_trash)});
    node.change = static_cast<std::uint32_t>(changes.size());
  }

  void Do(Entry& entry) {
    entry.took_effect = MayTakeEffect(entry);
    if (!entry.took_effect) return;
    AboutToPlace(*entry.child);
    if (entry.other_place.placement.parent == crdt::kTrash) {
      entry.other_place.before_trash = LastOutsideTrash(entry.child->place);
    }
    SwapPlaces(entry);
  }
  void Undo(Entry& entry) {
    if (!entry.took_effect) return;
    AboutToPlace(*entry.child);
    SwapPlaces(entry);
    entry.other_place.before_trash.reset();
    entry.took_effect = false;
  }

  void Merge(std::vector<const Op*> moves) {
    std::size_t done = log.size();
    for (; done > 0 && log[done - 1].time > moves.front()->time; --done) Undo(log[done - 1]);
    const auto old_end = static_cast<std::ptrdiff_t>(log.size());
    for (const Op* move : moves) {
      Node& parent = NodeOf(move->place->parent);
      log.push_back(Entry{move->time, move->guard, false, &NodeOf(move->child),
                          NodePlace{&parent, Placement{move->place->parent, move->place->name, move->time}, nullptr}});
    }
    std::inplace_merge(log.begin() + static_cast<std::ptrdiff_t>(done), log.begin() + old_end, log.end(),
                       [](const Entry& a, const Entry& b) { return a.time < b.time; });
    for (; done < log.size(); ++done) Do(log[done]);
  }

  std::vector<NetEvent> TakeEvents() {
    std::vector<NetEvent> events;
    for (Change& change : changes) {
      change.node->change = 0;
      NetEvent event{change.node->id,
                     std::move(change.placement),
                     crdt_test::PlacementOf(*change.node),
                     {},
                     !AreEqual(change.before_trash.get(), change.node->place.before_trash.get())};
      if (event.moved() || event.place_before_trash_changed) events.push_back(std::move(event));
    }
    changes.clear();
    std::sort(events.begin(), events.end(), [](const NetEvent& a, const NetEvent& b) { return a.node < b.node; });
    return events;
  }
};

TextbookEngine::TextbookEngine() : state_(std::make_unique<State>()) {
  state_->PlaceWellKnown(crdt::kRoot, "root");
  state_->PlaceWellKnown(crdt::kFileInodes, "fileinodes");
  state_->PlaceWellKnown(crdt::kTrash, "trash");
}

TextbookEngine::~TextbookEngine() = default;

std::vector<NetEvent> TextbookEngine::Apply(std::span<const Op> ops) {
  std::vector<const Op*> moves;
  for (const Op& op : ops) {
    if (op.place && !state_->Contains(op.time)) moves.push_back(&op);
  }
  const auto by_time = [](const Op* a, const Op* b) { return a->time < b->time; };
  if (!std::is_sorted(moves.begin(), moves.end(), by_time)) std::sort(moves.begin(), moves.end(), by_time);
  const auto same_time = [](const Op* a, const Op* b) { return a->time == b->time; };
  moves.erase(std::unique(moves.begin(), moves.end(), same_time), moves.end());
  if (!moves.empty()) state_->Merge(std::move(moves));
  return state_->TakeEvents();
}

const Placement* TextbookEngine::PlacementOf(NodeId node) const {
  const auto found = state_->nodes.find(node);
  return found == state_->nodes.end() || found->second.place.parent == nullptr ? nullptr
                                                                               : &found->second.place.placement;
}

const std::set<NodeId>& TextbookEngine::ChildrenOf(NodeId parent) const {
  static const std::set<NodeId> none;
  const auto found = state_->nodes.find(parent);
  return found == state_->nodes.end() || !found->second.children ? none : *found->second.children;
}

}  // namespace copse::crdt_test
