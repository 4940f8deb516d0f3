#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/byte_document.h>
#include <copse/crdt/metadata.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace copse::crdt {

/// One participant's replicated tree of nodes with metadata of type Meta, in memory: edit it, merge what others did,
/// undo, save. Documents that have merged the same ops are equal, in whatever order they came.
///
///     struct Item {
///       std::string title;
///       bool done = false;
///       template <class Archive> void serialize(Archive& ar, unsigned) { ar & title & done; }
///     };
///     Document<Item> here(1), there(2);                       // Two participants: actors 1 and 2.
///     const NodeId plan = *here.Create(kRoot, {"plan"});
///     there.Merge(here.OpsSince(there.version()));            // there.MetaOf(plan)->title is "plan".
///
/// Meta: std::string, or what MetadataTraits makes bytes of (metadata.h). It must be the same type for all
/// participants: an op whose metadata are no Meta has no effect, alike everywhere.
///
/// The tree hangs below kRoot. A deleted node is below kTrash, with all that is below it, and what others put there
/// meanwhile; it comes back by Undo, or by moving it. A node is *live* if it is kRoot or below it.
///
/// A node's parent and its metadata are one value: of two concurrent moves or changes of metadata the later counts,
/// the rest of the tree is not concerned. What is to be merged by itself goes into registers (Set). A deletion gives
/// way to a move or change of metadata that it had not seen.
///
/// Not thread-safe; any number of readers at one time while nobody changes it. Movable, not copyable. Costs are those
/// of Tree (docs/crdt.md), plus one copy of what goes in and out.
template <typename Meta>
class Document {
 public:
  using Traits = MetadataTraits<Meta>;

  /// The present, or a former, place of a node.
  struct Where {
    NodeId parent;
    Meta meta;
  };
  /// What a merge, undo or redo changed about one node on balance. Deleting is a move to kTrash, and moves nothing
  /// below the node.
  struct Event {
    NodeId node;
    std::optional<Where> before;  ///< Absent: it was not there.
    std::optional<Where> after;   ///< Absent: it has only registers so far.
    std::vector<FieldId> fields;  ///< Registers that hold something else than before, ascending.
  };

  /// Edits that are to be one: merged, undone and redone as a whole. Each sees those before it. After an error the
  /// batch is as it was before the call. A batch that is not committed does nothing.
  class Batch {
   public:
    absl::StatusOr<NodeId> Create(NodeId parent, const Meta& meta) {
      return batch_.Create(parent, Traits::ToBytes(meta));
    }
    absl::Status Move(NodeId node, NodeId parent) { return batch_.Move(node, parent); }
    absl::Status Move(NodeId node, NodeId parent, const Meta& meta) {
      return batch_.Move(node, parent, Traits::ToBytes(meta));
    }
    absl::Status SetMeta(NodeId node, const Meta& meta) { return batch_.SetMetadata(node, Traits::ToBytes(meta)); }
    absl::Status Delete(NodeId node) { return batch_.Delete(node); }
    absl::Status Set(NodeId node, std::uint32_t number, std::optional<std::string> value) {
      return batch_.Set(node, number, std::move(value));
    }
    /// The time that the next edit of the batch will have.
    Timestamp next_time() const { return batch_.next_time(); }
    /// Does all of it; the batch is used up. Without edits it does nothing.
    /// Errors: kFailedPrecondition the document has changed since the batch began.
    absl::Status Commit() { return batch_.Commit(); }

   private:
    friend class Document;
    explicit Batch(ByteDocument::Batch batch) : batch_(std::move(batch)) {}
    ByteDocument::Batch batch_;
  };

  /// An empty document. `actor` is not 0 and is nobody else's, ever: two who edit as one actor ruin the document.
  explicit Document(ActorId actor) : bytes_(actor, &Document::Check) {}

  // Edits. Each is a batch of its own. Errors of all: kNotFound a node that is unknown here, or not live where it must
  // be; kInvalidArgument a well-known node, one that would hang below itself, or metadata that Traits refuses to read.
  // After an error nothing has changed.

  /// A new node below `parent`, which is live. Its id is never used again, on any replica.
  absl::StatusOr<NodeId> Create(NodeId parent, const Meta& meta) {
    Batch batch = NewBatch();
    absl::StatusOr<NodeId> node = batch.Create(parent, meta);
    if (!node.ok()) return node;
    if (absl::Status status = batch.Commit(); !status.ok()) return status;
    return node;
  }
  /// Puts `node`, which may be deleted, below `parent`, which is live. Its metadata stay, unless others are given.
  absl::Status Move(NodeId node, NodeId parent) {
    return Single([&](Batch& batch) { return batch.Move(node, parent); });
  }
  absl::Status Move(NodeId node, NodeId parent, const Meta& meta) {
    return Single([&](Batch& batch) { return batch.Move(node, parent, meta); });
  }
  absl::Status SetMeta(NodeId node, const Meta& meta) {
    return Single([&](Batch& batch) { return batch.SetMeta(node, meta); });
  }
  absl::Status Delete(NodeId node) {
    return Single([&](Batch& batch) { return batch.Delete(node); });
  }
  /// Writes register `number` of `node`, which may be kRoot; without a value it is cleared. The last writer wins, in
  /// each register by itself.
  absl::Status Set(NodeId node, std::uint32_t number, std::optional<std::string> value) {
    return Single([&](Batch& batch) { return batch.Set(node, number, std::move(value)); });
  }
  /// Must not outlive the document.
  Batch NewBatch() { return Batch(bytes_.NewBatch()); }

  // Undo of own batches since the document was made or loaded, by new ops, so that it merges like any edit. Every node
  // keeps its id. Undoing brings each node and register of the batch back to what it was just before, unless somebody
  // else has changed it since: then that change stays. A creation is undone by deleting. A deletion is undone even if
  // others deleted the same meanwhile; but not if they brought it back themselves and deleted it again. A live node is
  // not moved back below a parent that is deleted meanwhile, nor below itself. Batches of which nothing is left to undo
  // are passed over.

  /// Returns what changed; empty if there was nothing to undo.
  std::vector<Event> Undo() { return Typed(bytes_.Undo()); }
  /// Does again what was undone, under the same rules. An edit ends what can be redone; a merge does not.
  std::vector<Event> Redo() { return Typed(bytes_.Redo()); }
  /// Whether Undo would do something.
  bool CanUndo() const { return bytes_.CanUndo(); }
  bool CanRedo() const { return bytes_.CanRedo(); }

  // Reading. Of nodes that are unknown, well-known or without a place there is no parent and no metadata.

  std::optional<Meta> MetaOf(NodeId node) const {
    const std::optional<Place> place = bytes_.PlaceOf(node);
    if (!place) return std::nullopt;
    return MetaOfPlace(*place);
  }
  std::optional<NodeId> ParentOf(NodeId node) const {
    const std::optional<Place> place = bytes_.PlaceOf(node);
    if (!place) return std::nullopt;
    return place->parent;
  }
  bool IsLive(NodeId node) const { return bytes_.IsLive(node); }
  /// Ascending by id: of one participant, in the order in which they were made.
  std::vector<NodeId> Children(NodeId parent) const { return bytes_.Children(parent); }
  /// In the order of `less` on their metadata; equal ones by id.
  template <typename Less>
  std::vector<NodeId> Children(NodeId parent, Less less) const {
    std::vector<std::pair<Meta, NodeId>> children;
    for (const NodeId child : Children(parent)) {
      if (std::optional<Meta> meta = MetaOf(child)) children.emplace_back(*std::move(meta), child);
    }
    std::stable_sort(children.begin(), children.end(),
                     [&less](const auto& a, const auto& b) { return less(a.first, b.first); });
    std::vector<NodeId> ids;
    for (const auto& [meta, child] : children) ids.push_back(child);
    return ids;
  }
  /// What Set wrote last; absent if nothing, or if it was cleared.
  std::optional<std::string> Get(NodeId node, std::uint32_t number) const {
    const auto version = bytes_.tree().Value(node, number);
    return version && version->value ? std::optional<std::string>(*version->value) : std::nullopt;
  }
  /// Calls `read` while this document shows parents, metadata and children as of `time`; registers do not change. Edits
  /// and merges fail meanwhile, and calls cannot be nested. Cost: O(nodes).
  template <typename Read>
  void ReadAsOf(Timestamp time, Read read) {
    bytes_.ReadAsOf(time, [&read] { read(); });
  }
  /// The whole engine below: places as bytes, all registers, all nodes.
  const Tree& tree() const { return bytes_.tree(); }

  // Exchange.

  ActorId actor() const { return bytes_.actor(); }
  /// Which ops are known here.
  const VersionVector& version() const { return bytes_.version(); }
  /// The time of the latest op known here; a time to give to ReadAsOf.
  Timestamp latest() const { return bytes_.latest(); }
  /// The time that the next edit will have; later than every op known here.
  Timestamp next_time() const { return bytes_.next_time(); }
  /// All ops that are not in `since`, another participant's version(). EncodeOpDelta makes bytes of them.
  OpDelta OpsSince(const VersionVector& since) const { return bytes_.OpsSince(since); }
  /// Takes in ops of others, and own ones that were lost here; those known are skipped. Returns what changed, ascending
  /// by node.
  /// Errors: kFailedPrecondition ops before these are missing; kInvalidArgument they cannot be those of honest
  /// participants, or come without what their authors had seen. After an error nothing has changed.
  absl::StatusOr<std::vector<Event>> Merge(OpDelta delta) {
    absl::StatusOr<std::vector<ByteDocument::Event>> events = bytes_.Merge(std::move(delta));
    if (!events.ok()) return events.status();
    return Typed(*std::move(events));
  }

  /// Everything but what can be undone, as bytes: docs/format/document.md. They have no checksum.
  std::string Save() const { return bytes_.Save(); }
  /// The document with its actor. A copy older than what others have merged must merge with one of them before it is
  /// edited: it would use its times again.
  /// Errors: kDataLoss the bytes are damaged, with an offset; kFailedPrecondition another format.
  static absl::StatusOr<Document> Load(std::string_view bytes) {
    absl::StatusOr<ByteDocument> loaded = ByteDocument::Load(bytes, &Document::Check);
    if (!loaded.ok()) return loaded.status();
    return Document(*std::move(loaded));
  }

 private:
  explicit Document(ByteDocument bytes) : bytes_(std::move(bytes)) {}

  static absl::Status Check(std::string_view bytes) { return Traits::FromBytes(bytes).status(); }

  template <typename Edit>
  absl::Status Single(Edit edit) {
    Batch batch = NewBatch();
    if (absl::Status status = edit(batch); !status.ok()) return status;
    return batch.Commit();
  }

  // The bytes in the tree have passed Check.
  static Meta MetaOfPlace(const Place& place) { return *Traits::FromBytes(place.name); }

  static std::vector<Event> Typed(std::vector<ByteDocument::Event> events) {
    const auto where = [](const std::optional<Place>& place) {
      return place ? std::optional<Where>(Where{place->parent, MetaOfPlace(*place)}) : std::nullopt;
    };
    std::vector<Event> typed;
    for (ByteDocument::Event& event : events) {
      typed.push_back({event.node, where(event.before), where(event.after), std::move(event.fields)});
    }
    return typed;
  }

  ByteDocument bytes_;
};

}  // namespace copse::crdt
