#include "batch_changes.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace copse::crdt {
namespace {

// Keeps the memory of usual batches, and not that of a log read at the start.
template <typename T>
void Empty(std::vector<T>& vector) {
  constexpr std::size_t kKept = 1024;
  vector.clear();
  if (vector.capacity() > kKept) vector.shrink_to_fit();
}

}  // namespace

MoveIndex BatchChanges::BeforeTrash(MoveIndex in_effect) const {
  const MoveIndex outside = LastOutsideTrash(moves_, in_effect);
  return outside == in_effect ? kNoMove : outside;
}

void BatchChanges::Note(Slot node) {
  const MoveIndex in_effect = chains_.InEffect(node);
  changes_.push_back(Change{nodes_.IdOf(node), node, in_effect, BeforeTrash(in_effect)});
  nodes_[node].SetHasChanged(true);
}

void BatchChanges::AboutToWrite(Slot node, const Register& one) {
  AboutToPlace(node);
  notes_.push_back(RegisterBefore{node, one.id(), one.kind(), one.VersionTimes()});
}

std::vector<FieldId> BatchChanges::ChangedFields(Slot node) const {
  std::vector<FieldId> fields;
  const auto of_node = [](const RegisterBefore& note, Slot bound) { return note.node < bound; };
  auto note = std::lower_bound(notes_.begin(), notes_.end(), node, of_node);
  while (note != notes_.end() && note->node == node) {
    // Of several notes on one register the first tells how it was before the batch.
    const Register* now = registers_.Find(node)->Find(note->id.number, note->id.key, note->kind);
    const bool changed = now->VersionTimes() != note->times;
    if (changed && (fields.empty() || fields.back() != note->id)) fields.push_back(note->id);
    const auto& first = *note;
    note = std::find_if(note, notes_.end(), [&first](const RegisterBefore& other) {
      return std::tie(other.node, other.id, other.kind) != std::tie(first.node, first.id, first.kind);
    });
  }
  return fields;
}

void MoveBetweenParents(NodeTable& nodes, const MoveTable& moves, Slot node, MoveIndex from, MoveIndex to) {
  const DirectoryNumber old_parent = moves[from].parent();
  const DirectoryNumber new_parent = moves[to].parent();
  if (old_parent == new_parent) return;
  if (old_parent != kNoDirectory) nodes.directory(old_parent).children.Erase(node, nodes.ids());
  if (new_parent != kNoDirectory) nodes.directory(new_parent).children.Insert(node, nodes.ids());
}

std::optional<Placement> BatchChanges::PlacementBy(MoveIndex move) const {
  if (move == kNoMove) return std::nullopt;
  return Placement{nodes_.IdOf(nodes_.directory(moves_[move].parent()).node), std::string(moves_.NameOf(move)),
                   moves_[move].time()};
}

// In a large tree nearly every node that a batch touches must be fetched from far away. Asked for some changes ahead,
// they come side by side.
void BatchChanges::Prefetch(std::size_t change) const {
  constexpr std::size_t kFar = 16;
  constexpr std::size_t kNear = 8;
  if (change + kFar < changes_.size()) {
    const Change& far = changes_[change + kFar];
    nodes_.PrefetchNode(far.node);
    __builtin_prefetch(&moves_[far.in_effect]);
  }
  if (change + kNear < changes_.size()) {
    const Change& near = changes_[change + kNear];
    nodes_.PrefetchDirectory(moves_[near.in_effect].parent());
    nodes_.PrefetchDirectory(moves_[chains_.InEffect(near.node)].parent());
  }
}

void BatchChanges::TakeOne(const Change& change, std::vector<NetEvent>* events) {
  const MoveIndex now = chains_.InEffect(change.node);
  if (now != change.in_effect) MoveBetweenParents(nodes_, moves_, change.node, change.in_effect, now);
  nodes_[change.node].SetHasChanged(false);
  if (events == nullptr) return;
  std::vector<FieldId> fields = notes_.empty() ? std::vector<FieldId>() : ChangedFields(change.node);
  const bool was_elsewhere = BeforeTrash(now) != change.before_trash;
  if (now == change.in_effect && fields.empty() && !was_elsewhere) return;
  events->push_back(
      NetEvent{change.id, PlacementBy(change.in_effect), PlacementBy(now), std::move(fields), was_elsewhere});
}

void BatchChanges::Take(std::vector<NetEvent>* events) {
  const auto by_id = [](const Change& a, const Change& b) { return a.id < b.id; };
  if (events != nullptr && !std::is_sorted(changes_.begin(), changes_.end(), by_id)) {
    std::sort(changes_.begin(), changes_.end(), by_id);
  }
  std::stable_sort(notes_.begin(), notes_.end(), [](const RegisterBefore& a, const RegisterBefore& b) {
    return std::tie(a.node, a.id, a.kind) < std::tie(b.node, b.id, b.kind);
  });
  if (events != nullptr) events->reserve(events->size() + changes_.size());
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    Prefetch(i);
    TakeOne(changes_[i], events);
  }
  Empty(changes_);
  Empty(notes_);
}

}  // namespace copse::crdt
