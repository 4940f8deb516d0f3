// The document is a TreeReplica that keeps its ops, with edits that look before they leap (PendingEdits) and undo
// (UndoHistory). Own ops and those of others take the same way into the log.

#include <copse/crdt/byte_document.h>
#include <copse/crdt/bytes.h>
#include <copse/crdt/op_codec.h>
#include <copse/crdt/op_columns.h>
#include <copse/crdt/tree_replica.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "check.h"
#include "op_set.h"
#include "pending_edits.h"
#include "status_macros.h"
#include "undo_history.h"

namespace copse::crdt {
namespace {

constexpr std::string_view kMagic = "copsedoc";
constexpr std::uint32_t kFormat = 1;

std::string NameOf(NodeId node) { return "node " + std::to_string(node.value); }

absl::Status ReadsThePast() { return absl::FailedPreconditionError("the document shows the past: nothing can change"); }

template <typename Range, typename Less>
bool Ascends(const Range& range, Less less) {
  return std::adjacent_find(range.begin(), range.end(), [&](const auto& a, const auto& b) { return !less(a, b); }) ==
         range.end();
}

// Whether there are bytes for the ops of one actor: what has none could be neither saved nor sent on.
absl::Status CheckHasBytes(const std::vector<Op>& ops) {
  Timestamp before = Timestamp::Of(0, ops.front().time.actor());
  for (const Op& op : ops) {
    bool has_bytes = before < op.time && Ascends(op.fields, [](const Field& a, const Field& b) { return a.id < b.id; });
    for (const Field& field : op.fields) {
      has_bytes = has_bytes && (!field.replaces || Ascends(*field.replaces, std::less<Timestamp>()));
    }
    if (!has_bytes) {
      return absl::InvalidArgumentError("op " + std::to_string(op.time.counter()) + " of actor " +
                                        std::to_string(op.time.actor()) +
                                        ": times from 1 upward, fields and replaced times must ascend");
    }
    before = op.time;
  }
  return absl::OkStatus();
}

template <typename AnyPlacement>
std::optional<Place> PlaceIn(const AnyPlacement& placement) {
  if (!placement) return std::nullopt;
  return Place{placement->parent, std::string(placement->name)};
}

// A claim alone, or an older place of what is in the trash, is nothing that a document shows.
std::vector<ByteDocument::Event> Shown(std::vector<NetEvent> events) {
  std::vector<ByteDocument::Event> shown;
  for (NetEvent& event : events) {
    ByteDocument::Event one{event.node, PlaceIn(event.before), PlaceIn(event.after), std::move(event.fields)};
    if (one.before != one.after || !one.fields.empty()) shown.push_back(std::move(one));
  }
  return shown;
}

}  // namespace

struct ByteDocument::State {
  State(ActorId actor, MetadataCheck given)
      : check(std::move(given)), replica(actor, journal, [this](const Op& op) {
          return op.place && check ? check(op.place->name) : absl::OkStatus();
        }) {}

  absl::Status CheckMetadata(const std::string& metadata) const { return check ? check(metadata) : absl::OkStatus(); }

  absl::StatusOr<std::vector<NetEvent>> Submit(const PendingEdits& edits) {
    if (edits.drafts().empty()) return std::vector<NetEvent>();
    CRDT_ASSIGN_OR_RETURN(TreeReplica::Submitted submitted, replica.Submit(edits.drafts()));
    std::vector<Op>& log = ops[replica.actor()];
    log.insert(log.end(), std::make_move_iterator(submitted.ops.begin()), std::make_move_iterator(submitted.ops.end()));
    return std::move(submitted.events);
  }

  // Takes in what is new of `news`, of which each actor's first op has the number in `since`.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): its ops are moved out of it
  absl::StatusOr<std::vector<NetEvent>> Ingest(OpsByActor news, const VersionVector& since) {
    const VersionVector known = replica.version();
    CRDT_ASSIGN_OR_RETURN(std::vector<NetEvent> events, replica.Ingest(InCausalOrder(news, since)));
    for (auto& [actor, of_actor] : news) {
      if (since[actor] + of_actor.size() <= known[actor]) continue;
      std::vector<Op>& log = ops[actor];
      log.insert(log.end(),
                 std::make_move_iterator(of_actor.begin() + static_cast<std::ptrdiff_t>(known[actor] - since[actor])),
                 std::make_move_iterator(of_actor.end()));
    }
    return events;
  }

  NullJournal journal;
  MetadataCheck check;
  TreeReplica replica;
  OpsByActor ops;
  UndoHistory history;
  bool is_as_of = false;
};

struct ByteDocument::Batch::State {
  explicit State(ByteDocument::State& owner) : document(&owner), edits(owner.replica), began(edits.NextTime()) {}

  absl::Status CheckIsCurrent() const {
    if (document->is_as_of) return ReadsThePast();
    if (document->replica.TimeOfNextOp(0) == began) return absl::OkStatus();
    return absl::FailedPreconditionError("the document has changed since this batch began; begin a new one");
  }
  absl::Status CheckParent(NodeId parent) const {
    if (edits.IsLive(parent)) return absl::OkStatus();
    return absl::NotFoundError(NameOf(parent) + " is not in the tree, so nothing can be put below it");
  }
  absl::Status CheckPlaced(NodeId node) const {
    if (IsPermanent(node)) return absl::InvalidArgumentError(NameOf(node) + " is well-known and stays as it is");
    if (edits.PlaceOf(node)) return absl::OkStatus();
    return absl::NotFoundError(NameOf(node) + " is unknown here");
  }
  absl::Status CheckLive(NodeId node) const {
    CRDT_RETURN_IF_ERROR(CheckPlaced(node));
    return edits.IsLive(node) ? absl::OkStatus() : absl::NotFoundError(NameOf(node) + " is deleted");
  }

  ByteDocument::State* document;
  PendingEdits edits;
  Timestamp began;
};

ByteDocument::Batch::Batch(std::unique_ptr<State> state) : state_(std::move(state)) {}
ByteDocument::Batch::Batch(Batch&&) noexcept = default;
ByteDocument::Batch& ByteDocument::Batch::operator=(Batch&&) noexcept = default;
ByteDocument::Batch::~Batch() = default;

absl::StatusOr<NodeId> ByteDocument::Batch::Create(NodeId parent, std::string metadata) {
  CRDT_RETURN_IF_ERROR(state_->CheckIsCurrent());
  CRDT_RETURN_IF_ERROR(state_->CheckParent(parent));
  CRDT_RETURN_IF_ERROR(state_->document->CheckMetadata(metadata));
  const NodeId node = state_->edits.NextTime().node();
  state_->edits.Put(node, {parent, std::move(metadata)});
  return node;
}

absl::Status ByteDocument::Batch::Move(NodeId node, NodeId parent, std::optional<std::string> metadata) {
  CRDT_RETURN_IF_ERROR(state_->CheckIsCurrent());
  CRDT_RETURN_IF_ERROR(state_->CheckPlaced(node));
  CRDT_RETURN_IF_ERROR(state_->CheckParent(parent));
  if (state_->edits.IsWithin(parent, node)) {
    return absl::InvalidArgumentError(NameOf(node) + " would hang below itself");
  }
  if (metadata) CRDT_RETURN_IF_ERROR(state_->document->CheckMetadata(*metadata));
  const Place now = state_->edits.PlaceOf(node)->place;
  Place place{parent, metadata ? *std::move(metadata) : now.name};
  if (place != now) state_->edits.Put(node, std::move(place));
  return absl::OkStatus();
}

absl::Status ByteDocument::Batch::SetMetadata(NodeId node, std::string metadata) {
  CRDT_RETURN_IF_ERROR(state_->CheckIsCurrent());
  CRDT_RETURN_IF_ERROR(state_->CheckLive(node));
  return Move(node, state_->edits.PlaceOf(node)->place.parent, std::move(metadata));
}

absl::Status ByteDocument::Batch::Delete(NodeId node) {
  CRDT_RETURN_IF_ERROR(state_->CheckIsCurrent());
  CRDT_RETURN_IF_ERROR(state_->CheckLive(node));
  state_->edits.Put(node, {kTrash, state_->edits.PlaceOf(node)->place.name});
  return absl::OkStatus();
}

absl::Status ByteDocument::Batch::Set(NodeId node, std::uint32_t number, std::optional<std::string> value) {
  CRDT_RETURN_IF_ERROR(state_->CheckIsCurrent());
  if (node != kRoot) CRDT_RETURN_IF_ERROR(state_->CheckPlaced(node));
  state_->edits.Write(node, FieldId{number, ""}, std::move(value));
  return absl::OkStatus();
}

Timestamp ByteDocument::Batch::next_time() const { return state_->edits.NextTime(); }

absl::Status ByteDocument::Batch::Commit() {
  CRDT_RETURN_IF_ERROR(state_->CheckIsCurrent());
  if (state_->edits.drafts().empty()) return absl::OkStatus();
  CRDT_RETURN_IF_ERROR(state_->document->Submit(state_->edits).status());
  state_->document->history.Did(state_->edits.step());
  return absl::OkStatus();
}

ByteDocument::ByteDocument(ActorId actor, MetadataCheck check)
    : state_(std::make_unique<State>(actor, std::move(check))) {}
ByteDocument::ByteDocument(ByteDocument&&) noexcept = default;
ByteDocument& ByteDocument::operator=(ByteDocument&&) noexcept = default;
ByteDocument::~ByteDocument() = default;

ByteDocument::Batch ByteDocument::NewBatch() { return Batch(std::make_unique<Batch::State>(*state_)); }

std::vector<ByteDocument::Event> ByteDocument::Undo() {
  PendingEdits edits(state_->replica);
  if (!state_->is_as_of) state_->history.Undo(edits);
  absl::StatusOr<std::vector<NetEvent>> events = state_->Submit(edits);
  CRDT_CHECK(events.ok());
  return Shown(*std::move(events));
}

std::vector<ByteDocument::Event> ByteDocument::Redo() {
  PendingEdits edits(state_->replica);
  if (!state_->is_as_of) state_->history.Redo(edits);
  absl::StatusOr<std::vector<NetEvent>> events = state_->Submit(edits);
  CRDT_CHECK(events.ok());
  return Shown(*std::move(events));
}

bool ByteDocument::CanUndo() const {
  return !state_->is_as_of && state_->history.CanUndo(PendingEdits(state_->replica));
}

bool ByteDocument::CanRedo() const {
  return !state_->is_as_of && state_->history.CanRedo(PendingEdits(state_->replica));
}

ActorId ByteDocument::actor() const { return state_->replica.actor(); }
const VersionVector& ByteDocument::version() const { return state_->replica.version(); }
Timestamp ByteDocument::next_time() const { return state_->replica.TimeOfNextOp(0); }
const Tree& ByteDocument::tree() const { return state_->replica.tree(); }

Timestamp ByteDocument::latest() const {
  Timestamp latest;
  for (const auto& [actor, of_actor] : state_->ops) latest = std::max(latest, of_actor.back().time);
  return latest;
}

std::optional<Place> ByteDocument::PlaceOf(NodeId node) const {
  if (IsPermanent(node)) return std::nullopt;
  return PlaceIn(tree().PlacementOf(node));
}

bool ByteDocument::IsLive(NodeId node) const { return node == kRoot || tree().IsAncestor(kRoot, node); }

std::vector<NodeId> ByteDocument::Children(NodeId parent) const { return tree().ChildrenOf(parent); }

void ByteDocument::ReadAsOf(Timestamp time, const std::function<void()>& read) {
  CRDT_CHECK(!state_->is_as_of);
  struct BackToThePresent {
    State& state;
    ~BackToThePresent() {
      state.replica.mutable_tree().Redo();
      state.is_as_of = false;
    }
  };
  state_->replica.mutable_tree().UndoAfter(time);
  state_->is_as_of = true;
  const BackToThePresent back{*state_};
  read();
}

OpDelta ByteDocument::OpsSince(const VersionVector& since) const {
  OpDelta delta;
  for (const auto& [actor, of_actor] : state_->ops) {
    const std::uint64_t known = since[actor];
    if (known >= of_actor.size()) continue;
    delta.since.Raise(actor, known);
    delta.ops.insert(delta.ops.end(), of_actor.begin() + static_cast<std::ptrdiff_t>(known), of_actor.end());
  }
  std::sort(delta.ops.begin(), delta.ops.end(), [](const Op& a, const Op& b) { return a.time < b.time; });
  return delta;
}

absl::StatusOr<std::vector<ByteDocument::Event>> ByteDocument::Merge(OpDelta delta) {
  if (state_->is_as_of) return ReadsThePast();
  OpsByActor ops = ByActor(std::move(delta.ops));
  for (const auto& [actor, of_actor] : ops) CRDT_RETURN_IF_ERROR(CheckHasBytes(of_actor));
  CRDT_ASSIGN_OR_RETURN(std::vector<NetEvent> events, state_->Ingest(std::move(ops), delta.since));
  return Shown(std::move(events));
}

std::string ByteDocument::Save() const {
  ByteWriter bytes;
  bytes.Raw(kMagic);
  bytes.U32(kFormat);
  bytes.U16(actor());
  std::vector<Op> ops;
  for (const auto& [of, of_actor] : state_->ops) ops.insert(ops.end(), of_actor.begin(), of_actor.end());
  bytes.Raw(EncodeOpColumns(ops));
  return std::move(bytes).Take();
}

absl::StatusOr<ByteDocument> ByteDocument::Load(std::string_view bytes, MetadataCheck check) {
  ByteReader reader(bytes);
  const auto magic = reader.Raw(kMagic.size());
  if (!magic.ok() || *magic != kMagic) return absl::DataLossError("offset 0: expected a saved document");
  CRDT_ASSIGN_OR_RETURN(const std::uint32_t format, reader.U32());
  if (format != kFormat) {
    return absl::FailedPreconditionError("a document of format " + std::to_string(format) + "; this program reads " +
                                         std::to_string(kFormat));
  }
  CRDT_ASSIGN_OR_RETURN(const std::uint16_t actor, reader.U16());
  if (actor == 0) return reader.Error("an actor that is not 0 before here");
  absl::StatusOr<std::vector<Op>> ops = DecodeOpColumns(bytes.substr(reader.offset()));
  if (!ops.ok()) {
    return absl::DataLossError("in the columns from offset " + std::to_string(reader.offset()) +
                               " on: " + std::string(ops.status().message()));
  }
  ByteDocument document(actor, std::move(check));
  OpsByActor by_actor = ByActor(*std::move(ops));
  absl::Status taken;
  // Columns can hold more than ops one by one.
  for (const auto& [of, of_actor] : by_actor) taken.Update(CheckHasBytes(of_actor));
  if (taken.ok()) taken = document.state_->Ingest(std::move(by_actor), VersionVector()).status();
  if (!taken.ok()) {
    return absl::DataLossError("offset " + std::to_string(reader.offset()) +
                               ": expected ops of honest participants: " + std::string(taken.message()));
  }
  return document;
}

}  // namespace copse::crdt
