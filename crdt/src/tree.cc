// The tree is three things kept in step: the history of places, which every batch brings up to date (moves, chains,
// structural index, sweep); the present, which is the end of that history, with children and registers; and, while a
// batch is applied, the notes from which its net events are made. Registers have no history: what they hold does not
// depend on the order of the writes, nor on places.

#include <absl/container/flat_hash_map.h>
#include <copse/crdt/op_codec.h>
#include <copse/crdt/tree.h>

#include <algorithm>

#include "batch_changes.h"
#include "chains.h"
#include "check.h"
#include "image.h"
#include "look_ahead.h"
#include "move.h"
#include "node_table.h"
#include "registers.h"
#include "status_macros.h"
#include "structural_index.h"
#include "sweep.h"
#include "tree_image.h"
#include "truncation.h"

namespace copse::crdt {

struct Tree::State {
  NodeTable nodes;
  MoveTable moves;
  Chains chains{nodes, moves};
  RegisterTable registers{nodes.ids()};
  StructuralIndex structural;
  BatchChanges changes{nodes, moves, chains, registers};
  Sweep sweep;
  std::size_t log_size = 0;
  std::size_t nodes_moved = 0;
  Timestamp horizon;
  absl::flat_hash_map<Slot, MoveIndex> as_of;  // What is in effect for the nodes that show an earlier place.
  bool is_as_of = false;                       // Between UndoAfter and Redo.

  explicit State(const LateMoves& late) : sweep(nodes, moves, chains, structural, changes, late) {
    PlaceWellKnown(kRoot, "root");
    PlaceWellKnown(kFileInodes, "fileinodes");
    PlaceWellKnown(kTrash, "trash");
  }

  void PlaceWellKnown(NodeId id, const char* name) {
    const Slot slot = nodes.Find(id);
    const MoveIndex move = moves.Add(Timestamp{}, slot, nodes.DirectoryNumberOf(nodes.Find(kForest)), name);
    moves[move].SetTakesEffect(true);
    nodes.SetLast(slot, move);
    ++nodes_moved;
    MoveBetweenParents(nodes, moves, slot, kNoMove, move);
  }

  // False if it is in the log already, or was.
  bool AddMove(const Op& op, const Named& named) {
    if (op.time <= horizon) return false;
    if (!sweep.IsNewest(op.time) && chains.Contains(named.child, op.time)) return false;
    if (nodes.Last(named.child) == kNoMove) ++nodes_moved;
    const DirectoryNumber parent = sweep.NameParent(named.child, named.parent, op.time);
    const MoveIndex move = moves.Add(op.time, named.child, parent, op.place->name);
    if (op.guard) moves.SetGuard(move, *op.guard);
    chains.Insert(move);
    sweep.Add(move);
    ++log_size;
    return true;
  }

  void WriteFields(const Op& op, Slot slot) {
    if (op.fields.empty()) return;
    changes.AboutToWrite(slot, op.fields);
    registers.Write(slot, op.fields, op.time);
  }

  void Take(const Op& op, const Named& named) {
    CRDT_CHECK(ValidateOp(op).ok());
    if (!op.place || AddMove(op, named)) WriteFields(op, named.child);
  }

  void Apply(std::span<const Op> ops, std::vector<NetEvent>* events) {
    CRDT_CHECK(!is_as_of);
    changes.Begin(ops, events);
    const Fetch fetch(nodes, moves, events != nullptr);
    if (ops.size() == 1) {
      const Named named = fetch.Nodes(ops.front());
      if (events != nullptr) fetch.Places(named);
      Take(ops.front(), named);
    } else {
      LookAhead ahead(ops, fetch);
      for (std::size_t i = 0; i < ops.size(); ++i) Take(ops[i], ahead.Pass(i));
    }
    sweep.Run();
    changes.Take();
  }

  absl::Status Load(ImageReader& image) {
    CRDT_RETURN_IF_ERROR(nodes.Load(image));
    CRDT_RETURN_IF_ERROR(moves.Load(image));
    CRDT_RETURN_IF_ERROR(structural.Load(image));
    CRDT_RETURN_IF_ERROR(registers.Load(image));
    CRDT_ASSIGN_OR_RETURN(horizon.value, image.Number());
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t latest, image.Number());
    CRDT_ASSIGN_OR_RETURN(log_size, image.Number());
    CRDT_ASSIGN_OR_RETURN(nodes_moved, image.Number());
    if (nodes_moved >= moves.size()) return image.Error("fewer nodes with a move than moves");
    CRDT_RETURN_IF_ERROR(CheckImage(nodes, moves, structural));
    sweep.SetLatest(Timestamp{latest});
    for (DirectoryNumber number = 0; number < nodes.directory_count(); ++number) {
      chains.NoteEnd(nodes.NodeOf(number));
    }
    return absl::OkStatus();
  }

  // As the tree shows it now: as of another time, if that was asked for.
  MoveIndex InEffect(Slot slot) const {
    if (is_as_of) {
      if (const auto found = as_of.find(slot); found != as_of.end()) return found->second;
    }
    return chains.InEffect(slot);
  }
  DirectoryNumber ParentOf(Slot slot) const { return moves[InEffect(slot)].parent(); }
  std::optional<PlacementView> ViewOf(MoveIndex move) const {
    if (move == kNoMove) return std::nullopt;
    return PlacementView(nodes.IdOf(nodes.NodeOf(moves[move].parent())), moves.NameOf(move), moves[move].time());
  }
  // kNoDirectory if no move names it as parent.
  DirectoryNumber DirectoryOf(NodeId node) const {
    const Slot slot = nodes.Find(node);
    return slot != kNoSlot && nodes[slot].has_directory() ? nodes.DirectoryNumberOf(slot) : kNoDirectory;
  }
};

Tree::Tree() : Tree(LateMoves()) {}

Tree::Tree(const LateMoves& late) : state_(std::make_unique<State>(late)) {}

Tree::~Tree() = default;

std::vector<NetEvent> Tree::Apply(std::span<const Op> ops) {
  std::vector<NetEvent> events;
  state_->Apply(ops, &events);
  return events;
}

void Tree::Apply(std::span<const Op> ops, std::vector<NetEvent>& events) { state_->Apply(ops, &events); }

void Tree::Replay(std::span<const Op> ops) { state_->Apply(ops, nullptr); }

std::optional<PlacementView> Tree::PlacementOf(NodeId node) const {
  const Slot slot = state_->nodes.Find(node);
  return slot == kNoSlot ? std::nullopt : state_->ViewOf(state_->InEffect(slot));
}

std::optional<PlacementView> Tree::PlacementBeforeTrash(NodeId node) const {
  const Slot slot = state_->nodes.Find(node);
  if (slot == kNoSlot) return std::nullopt;
  const MoveIndex in_effect = state_->InEffect(slot);
  const MoveIndex outside = LastOutsideTrash(state_->moves, in_effect);
  return outside == in_effect ? std::nullopt : state_->ViewOf(outside);
}

bool Tree::IsAncestor(NodeId ancestor, NodeId node) const {
  const DirectoryNumber wanted = state_->DirectoryOf(ancestor);
  const Slot slot = state_->nodes.Find(node);
  if (wanted == kNoDirectory || slot == kNoSlot) return false;
  DirectoryNumber at = state_->ParentOf(slot);
  while (at != kNoDirectory) {
    if (at == wanted) return true;
    at = state_->ParentOf(state_->nodes.NodeOf(at));
  }
  return false;
}

std::vector<NodeId> Tree::ChildrenOf(NodeId parent, NodeId after, std::size_t limit) const {
  const DirectoryNumber directory = state_->DirectoryOf(parent);
  if (directory == kNoDirectory) return {};
  return state_->nodes.ListChildren(directory, after, limit);
}

std::optional<RegisterVersionView> Tree::Value(NodeId node, std::uint32_t number, std::string_view key) const {
  const Slot slot = state_->nodes.Find(node);
  return slot == kNoSlot ? std::nullopt : state_->registers.Last(slot, number, key);
}

RegisterVersions Tree::Versions(NodeId node, std::uint32_t number, std::string_view key) const {
  const Slot slot = state_->nodes.Find(node);
  return slot == kNoSlot ? RegisterVersions() : state_->registers.Versions(slot, number, key);
}

std::vector<FieldId> Tree::FieldsOf(NodeId node, std::uint32_t number) const {
  const Slot slot = state_->nodes.Find(node);
  return slot == kNoSlot ? std::vector<FieldId>() : state_->registers.HoldingValue(slot, number);
}

std::vector<NodeId> Tree::Nodes() const {
  std::vector<NodeId> nodes;
  for (Slot slot = 0; slot < state_->nodes.end(); ++slot) {
    const bool is_known = state_->InEffect(slot) != kNoMove || state_->registers.Has(slot);
    if (NodeTable::IsPermanent(slot) || is_known) nodes.push_back(state_->nodes.IdOf(slot));
  }
  // Those of one actor nearly always are.
  if (!std::is_sorted(nodes.begin(), nodes.end())) std::sort(nodes.begin(), nodes.end());
  return nodes;
}

std::size_t Tree::NodeCount() const { return state_->nodes_moved; }

std::size_t Tree::LogSize() const { return state_->log_size; }

std::size_t Tree::HistorySize() const { return state_->moves.size() - 1 - NodeCount(); }

std::size_t Tree::StructuralSize() const { return state_->structural.size(); }

void Tree::Truncate(Timestamp stable) {
  CRDT_CHECK(!state_->is_as_of);
  if (stable <= state_->horizon) return;
  state_->horizon = stable;
  crdt::Truncate(stable, state_->nodes, state_->moves, state_->chains, state_->structural);
  state_->log_size = 0;
  state_->nodes_moved = 0;
  for (Slot slot = 0; slot < state_->nodes.end(); ++slot) {
    if (state_->nodes.Last(slot) != kNoMove) ++state_->nodes_moved;
  }
  for (MoveIndex move = 0; move < state_->moves.size(); ++move) {
    if (state_->moves[move].time() > stable) ++state_->log_size;
  }
}

Timestamp Tree::Horizon() const { return state_->horizon; }

void Tree::Save(ImageWriter& image) const {
  CRDT_CHECK(!state_->is_as_of);
  state_->nodes.Save(image);
  state_->moves.Save(image);
  state_->structural.Save(image);
  state_->registers.Save(image);
  image.Number(state_->horizon.value);
  image.Number(state_->sweep.latest().value);
  image.Number(state_->log_size);
  image.Number(state_->nodes_moved);
}

absl::Status Tree::Load(ImageReader& image) {
  auto loaded = std::make_unique<State>(state_->sweep.late());
  CRDT_RETURN_IF_ERROR(loaded->Load(image));
  state_ = std::move(loaded);
  return absl::OkStatus();
}

std::size_t Tree::BytesUsed() const {
  return state_->moves.bytes_used() + state_->registers.bytes_used() +
         std::size_t{state_->nodes.end()} * 2 * sizeof(Slot);
}

void Tree::UndoAfter(Timestamp time) {
  CRDT_CHECK(!state_->is_as_of && time >= state_->horizon);
  for (Slot slot = 0; slot < state_->nodes.end(); ++slot) {
    const MoveIndex then = state_->moves.After(state_->chains.AtOrBefore(slot, time));
    const MoveIndex now = state_->chains.InEffect(slot);
    if (then == now) continue;
    state_->as_of[slot] = then;
    MoveBetweenParents(state_->nodes, state_->moves, slot, now, then);
  }
  state_->is_as_of = true;
}

void Tree::Redo() {
  for (const auto& [slot, then] : state_->as_of) {
    MoveBetweenParents(state_->nodes, state_->moves, slot, then, state_->chains.InEffect(slot));
  }
  state_->as_of.clear();
  state_->is_as_of = false;
}

}  // namespace copse::crdt
