// The tree is three things kept in step: the history of places, which every batch brings up to date (moves, chains,
// structural index, sweep); the present, which is the end of that history, with children and registers; and, while a
// batch is applied, the notes from which its net events are made. Registers have no history: what they hold does not
// depend on the order of the writes, nor on places.

#include <copse/crdt/op_codec.h>
#include <copse/crdt/tree.h>

#include <algorithm>

#include "batch_changes.h"
#include "chains.h"
#include "check.h"
#include "move.h"
#include "node_table.h"
#include "structural_index.h"
#include "sweep.h"
#include "truncation.h"

namespace copse::crdt {

struct Tree::State {
  NodeTable nodes;
  MoveTable moves;
  Chains chains{moves};
  StructuralIndex structural;
  BatchChanges changes{nodes, moves};
  Sweep sweep{nodes, moves, chains, structural, changes};
  std::size_t log_size = 0;
  Timestamp horizon;
  std::vector<Slot> as_of;  // Nodes that show an earlier place, between UndoAfter and Redo.
  bool is_as_of = false;

  State() {
    PlaceWellKnown(kRoot, "root");
    PlaceWellKnown(kFileInodes, "fileinodes");
    PlaceWellKnown(kTrash, "trash");
  }

  void PlaceWellKnown(NodeId id, const char* name) {
    Node& node = nodes[nodes.Find(id)];
    node.in_effect = node.last = moves.size();
    Move& move = moves.emplace_back();
    move.placement = Placement{kForest, name, Timestamp{}};
    move.child = nodes.Find(id);
    move.parent = nodes.Find(kForest);
    move.takes_effect = true;
    nodes.DirectoryOf(move.parent).children.insert(id);
  }

  // False if it is in the log already, or was.
  bool AddMove(const Op& op) {
    if (op.time <= horizon) return false;
    const Slot child = nodes.FindOrMake(op.child);
    if (chains.Contains(nodes[child], op.time)) return false;
    const MoveIndex index = moves.size();
    Move& move = moves.emplace_back();
    move.placement = Placement{op.place->parent, op.place->name, op.time};
    if (op.guard) move.guard = *op.guard;
    move.child = child;
    move.parent = nodes.FindOrMake(op.place->parent);
    chains.Insert(nodes[child], index);
    sweep.Add(index);
    ++log_size;
    return true;
  }

  void WriteFields(const Op& op) {
    if (op.fields.empty()) return;
    const Slot slot = nodes.FindOrMake(op.child);
    std::unique_ptr<Registers>& registers = nodes[slot].registers;
    if (!registers) registers = std::make_unique<Registers>();
    for (const Field& field : op.fields) {
      Register& target = registers->ForWrite(field);
      changes.AboutToWrite(slot, target);
      target.Write(field, op.time);
    }
  }

  // Makes `node` show the place that `move` gives.
  void Show(Slot slot, MoveIndex move) {
    changes.AboutToPlace(slot);
    nodes[slot].in_effect = move;
  }
};

Tree::Tree() : state_(std::make_unique<State>()) {}

Tree::~Tree() = default;

std::vector<NetEvent> Tree::Apply(std::span<const Op> ops) {
  CRDT_CHECK(!state_->is_as_of);
  for (const Op& op : ops) {
    CRDT_CHECK(ValidateOp(op).ok());
    if (!op.place || state_->AddMove(op)) state_->WriteFields(op);
  }
  state_->sweep.Run();
  return state_->changes.Take();
}

const Placement* Tree::PlacementOf(NodeId node) const {
  const Node* found = state_->nodes.FindNode(node);
  return found == nullptr || found->in_effect == kNoMove ? nullptr : &state_->moves[found->in_effect].placement;
}

const Placement* Tree::PlacementBeforeTrash(NodeId node) const {
  const Node* found = state_->nodes.FindNode(node);
  if (found == nullptr) return nullptr;
  const MoveIndex before = PlaceOfNode::Of(state_->moves, *found).before_trash;
  return before == kNoMove ? nullptr : &state_->moves[before].placement;
}

bool Tree::IsAncestor(NodeId ancestor, NodeId node) const {
  const Slot wanted = state_->nodes.Find(ancestor);
  Slot at = state_->nodes.Find(node);
  if (wanted == kNoSlot) return false;
  while (at != kNoSlot) {
    at = state_->moves[state_->nodes[at].in_effect].parent;
    if (at == wanted) return true;
  }
  return false;
}

const std::set<NodeId>& Tree::ChildrenOf(NodeId parent) const {
  static const std::set<NodeId> none;
  const Node* found = state_->nodes.FindNode(parent);
  return found == nullptr || !found->directory ? none : found->directory->children;
}

const RegisterVersion* Tree::Value(NodeId node, std::uint32_t number, std::string_view key) const {
  const Node* found = state_->nodes.FindNode(node);
  if (found == nullptr || !found->registers) return nullptr;
  const Register* one = found->registers->Find(number, key, RegisterKind::kLastWriterWins);
  return one == nullptr ? nullptr : &one->versions().front();
}

std::span<const RegisterVersion> Tree::Versions(NodeId node, std::uint32_t number, std::string_view key) const {
  const Node* found = state_->nodes.FindNode(node);
  if (found == nullptr || !found->registers) return {};
  const Register* one = found->registers->Find(number, key, RegisterKind::kMultiValue);
  return one == nullptr ? std::span<const RegisterVersion>() : one->versions();
}

std::vector<FieldId> Tree::FieldsOf(NodeId node, std::uint32_t number) const {
  const Node* found = state_->nodes.FindNode(node);
  return found == nullptr || !found->registers ? std::vector<FieldId>() : found->registers->HoldingValue(number);
}

std::vector<NodeId> Tree::Nodes() const {
  std::vector<NodeId> nodes;
  for (Slot slot = 0; slot < state_->nodes.size(); ++slot) {
    const Node& node = state_->nodes[slot];
    if (NodeTable::IsPermanent(slot) || node.in_effect != kNoMove || node.registers) nodes.push_back(node.id);
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

std::size_t Tree::LogSize() const { return state_->log_size; }

void Tree::Truncate(Timestamp stable) {
  CRDT_CHECK(!state_->is_as_of);
  if (stable <= state_->horizon) return;
  state_->horizon = stable;
  crdt::Truncate(stable, state_->nodes, state_->moves, state_->chains, state_->structural);
  state_->log_size = 0;
  for (MoveIndex move = 0; move < state_->moves.size(); ++move) {
    if (state_->moves[move].time() > stable) ++state_->log_size;
  }
}

Timestamp Tree::Horizon() const { return state_->horizon; }

void Tree::UndoAfter(Timestamp time) {
  CRDT_CHECK(!state_->is_as_of && time >= state_->horizon);
  state_->is_as_of = true;
  for (Slot slot = 0; slot < state_->nodes.size(); ++slot) {
    Node& node = state_->nodes[slot];
    const MoveIndex then = state_->moves.After(state_->chains.AtOrBefore(node, time));
    if (then == node.in_effect) continue;
    state_->Show(slot, then);
    state_->as_of.push_back(slot);
  }
  state_->changes.Take();
}

void Tree::Redo() {
  for (const Slot slot : state_->as_of) {
    state_->Show(slot, state_->moves.After(state_->nodes[slot].last));
  }
  state_->changes.Take();
  state_->as_of.clear();
  state_->is_as_of = false;
}

}  // namespace copse::crdt
