#include "batch_changes.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "bring_near.h"

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

void BatchChanges::Note(Slot node, MoveIndex in_effect) {
  const MoveIndex before_trash = events_ != nullptr ? BeforeTrash(in_effect) : kNoMove;
  changes_.push_back(Change{nodes_.IdOf(node), node, in_effect, before_trash});
  nodes_[node].SetHasChanged(true);
}

void BatchChanges::AboutToWrite(Slot node, std::span<const Field> fields) {
  if (events_ == nullptr) return;
  AboutToPlace(node);
  for (const Field& field : fields) {
    const RegisterKind kind = KindOf(field);
    notes_.push_back(RegisterBefore{node, field.id, kind, registers_.TimesOf(node, field.id, kind)});
  }
}

std::vector<FieldId> BatchChanges::ChangedFields(Slot node) const {
  std::vector<FieldId> fields;
  const auto of_node = [](const RegisterBefore& note, Slot bound) { return note.node < bound; };
  auto note = std::lower_bound(notes_.begin(), notes_.end(), node, of_node);
  while (note != notes_.end() && note->node == node) {
    // Of several notes on one register the first tells how it was before the batch.
    const bool changed = registers_.TimesOf(node, note->id, note->kind) != note->times;
    if (changed && (fields.empty() || fields.back() != note->id)) fields.push_back(note->id);
    const auto& first = *note;
    note = std::find_if(note, notes_.end(), [&first](const RegisterBefore& other) {
      return std::tie(other.node, other.id, other.kind) != std::tie(first.node, first.id, first.kind);
    });
  }
  return fields;
}

void BatchChanges::SetPlacement(std::optional<Placement>& placement, MoveIndex move) const {
  if (move == kNoMove) return;
  Placement& set = placement.emplace();
  set.parent = nodes_.IdOf(nodes_.NodeOf(moves_[move].parent()));
  set.name = moves_.NameOf(move);
  set.claim = moves_[move].time();
}

void BatchChanges::Tell(MoveIndex before, MoveIndex after) {
  NetEvent& event = events_->emplace_back();
  event.node = alone_->child;
  SetPlacement(event.before, before);
  event.after.emplace(Placement{alone_->place->parent, alone_->place->name, alone_->time});
  event.place_before_trash_changed = BeforeTrash(before) != BeforeTrash(after);
}

void BatchChanges::PrefetchPlacement(MoveIndex move) const {
  if (events_ == nullptr) return;
  nodes_.PrefetchDirectoryEnd(moves_[move].parent());
  moves_.PrefetchName(move);
}

// In a large tree nearly every node that a batch touches must be fetched from far away. Asked for some changes ahead,
// they come side by side.
void BatchChanges::Prefetch(std::size_t change) const {
  constexpr std::size_t kFar = 16;
  constexpr std::size_t kMiddle = 10;
  constexpr std::size_t kNear = 5;
  if (change + kFar < changes_.size()) {
    const Change& far = changes_[change + kFar];
    nodes_.PrefetchNode(far.node);
    BringNear(&moves_[far.in_effect]);
  }
  if (change + kMiddle < changes_.size()) {
    const Change& middle = changes_[change + kMiddle];
    BringNear(&moves_[nodes_.Last(middle.node)]);
  }
  if (change + kNear < changes_.size()) {
    const Change& near = changes_[change + kNear];
    PrefetchPlacement(near.in_effect);
    PrefetchPlacement(chains_.InEffect(near.node));
  }
}

void BatchChanges::TakeOne(const Change& change) {
  const MoveIndex now = chains_.InEffect(change.node);
  if (now != change.in_effect) MoveBetweenParents(nodes_, moves_, change.node, change.in_effect, now);
  nodes_[change.node].SetHasChanged(false);
  if (events_ == nullptr) return;
  std::vector<FieldId> fields = notes_.empty() ? std::vector<FieldId>() : ChangedFields(change.node);
  const bool was_elsewhere = BeforeTrash(now) != change.before_trash;
  if (now == change.in_effect && fields.empty() && !was_elsewhere) return;
  NetEvent& event = events_->emplace_back();
  event.node = change.id;
  SetPlacement(event.before, change.in_effect);
  SetPlacement(event.after, now);
  event.fields = std::move(fields);
  event.place_before_trash_changed = was_elsewhere;
}

void BatchChanges::Take() {
  if (changes_.empty()) return;
  const auto by_id = [](const Change& a, const Change& b) { return a.id < b.id; };
  if (events_ != nullptr && !std::is_sorted(changes_.begin(), changes_.end(), by_id)) {
    std::sort(changes_.begin(), changes_.end(), by_id);
  }
  if (notes_.size() > 1) {
    std::stable_sort(notes_.begin(), notes_.end(), [](const RegisterBefore& a, const RegisterBefore& b) {
      return std::tie(a.node, a.id, a.kind) < std::tie(b.node, b.id, b.kind);
    });
  }
  // At least doubled, for callers who let the events of many batches come together.
  if (events_ != nullptr && events_->capacity() - events_->size() < changes_.size()) {
    events_->reserve(std::max(events_->size() + changes_.size(), 2 * events_->capacity()));
  }
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    Prefetch(i);
    TakeOne(changes_[i]);
  }
  Empty(changes_);
  Empty(notes_);
}

}  // namespace copse::crdt
