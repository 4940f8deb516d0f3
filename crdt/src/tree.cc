// The tree is three things kept in step: the nodes with their places, children and registers; the log of moves, which
// alone decides places and is rewound for late ones; and, while a batch is applied, the notes from which its net events
// are made. Registers need no log: what they hold does not depend on the order of the writes, nor on places.

#include <copse/crdt/op_codec.h>
#include <copse/crdt/tree.h>

#include <algorithm>

#include "batch_changes.h"
#include "check.h"
#include "move_log.h"
#include "node.h"

namespace copse::crdt {
namespace {

void PlaceWellKnown(NodeTable& nodes, NodeId id, const char* name) {
  Node& forest = nodes.FindOrMake(kForest);
  nodes.FindOrMake(id).place = NodePlace{&forest, Placement{kForest, name, Timestamp{}}, nullptr};
  forest.AddChild(id);
}

}  // namespace

struct Tree::State {
  NodeTable nodes;
  MoveLog log;
  BatchChanges changes;

  void WriteFields(const Op& op) {
    if (op.fields.empty()) return;
    Node& node = nodes.FindOrMake(op.child);
    for (const Field& field : op.fields) {
      Register& target = node.registers.ForWrite(field);
      changes.AboutToWrite(node, target);
      target.Write(field, op.time);
    }
  }
};

Tree::Tree() : state_(std::make_unique<State>()) {
  PlaceWellKnown(state_->nodes, kRoot, "root");
  PlaceWellKnown(state_->nodes, kFileInodes, "fileinodes");
  PlaceWellKnown(state_->nodes, kTrash, "trash");
}

Tree::~Tree() = default;

std::vector<NetEvent> Tree::Apply(std::span<const Op> ops) {
  CRDT_CHECK(state_->log.AllDone());
  std::vector<const Op*> moves;
  for (const Op& op : ops) {
    CRDT_CHECK(ValidateOp(op).ok());
    if (!op.place) {
      state_->WriteFields(op);
    } else if (!state_->log.Contains(op.time)) {
      moves.push_back(&op);
    }
  }
  const auto by_time = [](const Op* a, const Op* b) { return a->time < b->time; };
  if (!std::is_sorted(moves.begin(), moves.end(), by_time)) std::sort(moves.begin(), moves.end(), by_time);
  const auto same_time = [](const Op* a, const Op* b) { return a->time == b->time; };
  moves.erase(std::unique(moves.begin(), moves.end(), same_time), moves.end());
  for (const Op* move : moves) state_->WriteFields(*move);
  state_->log.Merge(moves, state_->nodes, state_->changes);
  return state_->changes.Take();
}

const Placement* Tree::PlacementOf(NodeId node) const {
  const Node* found = state_->nodes.Find(node);
  return found == nullptr || found->place.parent == nullptr ? nullptr : &found->place.placement;
}

const Placement* Tree::PlacementBeforeTrash(NodeId node) const {
  const Node* found = state_->nodes.Find(node);
  return found == nullptr ? nullptr : found->place.before_trash.get();
}

bool Tree::IsAncestor(NodeId ancestor, NodeId node) const {
  const Node* wanted = state_->nodes.Find(ancestor);
  const Node* up = state_->nodes.Find(node);
  if (wanted == nullptr || up == nullptr) return false;
  for (up = up->place.parent; up != nullptr; up = up->place.parent) {
    if (up == wanted) return true;
  }
  return false;
}

const std::set<NodeId>& Tree::ChildrenOf(NodeId parent) const {
  static const std::set<NodeId> none;
  const Node* found = state_->nodes.Find(parent);
  return found == nullptr || !found->children ? none : *found->children;
}

const RegisterVersion* Tree::Value(NodeId node, std::uint32_t number, std::string_view key) const {
  const Node* found = state_->nodes.Find(node);
  if (found == nullptr) return nullptr;
  const Register* one = found->registers.Find(number, key, RegisterKind::kLastWriterWins);
  return one == nullptr ? nullptr : &one->versions().front();
}

std::span<const RegisterVersion> Tree::Versions(NodeId node, std::uint32_t number, std::string_view key) const {
  const Node* found = state_->nodes.Find(node);
  if (found == nullptr) return {};
  const Register* one = found->registers.Find(number, key, RegisterKind::kMultiValue);
  return one == nullptr ? std::span<const RegisterVersion>() : one->versions();
}

std::vector<FieldId> Tree::FieldsOf(NodeId node, std::uint32_t number) const {
  const Node* found = state_->nodes.Find(node);
  return found == nullptr ? std::vector<FieldId>() : found->registers.HoldingValue(number);
}

std::vector<NodeId> Tree::Nodes() const {
  std::vector<NodeId> nodes;
  for (const auto& [id, node] : state_->nodes.all()) {
    if (IsPermanent(id) || node.place.parent != nullptr || !node.registers.empty()) nodes.push_back(id);
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

std::size_t Tree::LogSize() const { return state_->log.size(); }

void Tree::UndoAfter(Timestamp time) { state_->log.UndoAfter(time); }

void Tree::Redo() { state_->log.Redo(); }

}  // namespace copse::crdt
