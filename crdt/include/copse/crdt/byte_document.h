#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/op_delta.h>
#include <copse/crdt/tree.h>
#include <copse/crdt/version_vector.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace copse::crdt {

/// One participant's tree with metadata as bytes, its log of all ops in memory, and undo: all of Document<Meta>
/// (document.h) that does not depend on Meta. Read that header for what the functions promise; here stands what
/// differs.
///
/// Not thread-safe; any number of readers at one time while nobody changes it. Movable, not copyable.
class ByteDocument {
 public:
  /// Whether bytes are metadata of this program. Must depend on the bytes alone, and be the same for all participants:
  /// a batch with an op that fails has no effect anywhere.
  using MetadataCheck = std::function<absl::Status(std::string_view bytes)>;

  /// What changed about a node that was or is placed. Nodes in the trash have kTrash as parent.
  struct Event {
    NodeId node;
    std::optional<Place> before;
    std::optional<Place> after;
    std::vector<FieldId> fields;  ///< Registers that hold something else than before, ascending.

    friend bool operator==(const Event&, const Event&) = default;
  };

  /// Several edits that become one batch; see Document::Batch.
  class Batch {
   public:
    Batch(Batch&&) noexcept;
    Batch& operator=(Batch&&) noexcept;
    ~Batch();

    absl::StatusOr<NodeId> Create(NodeId parent, std::string metadata);
    /// The metadata stay unless others are given.
    absl::Status Move(NodeId node, NodeId parent, std::optional<std::string> metadata = std::nullopt);
    absl::Status SetMetadata(NodeId node, std::string metadata);
    absl::Status Delete(NodeId node);
    absl::Status Set(NodeId node, std::uint32_t number, std::optional<std::string> value);
    /// The time that the next edit will have.
    Timestamp next_time() const;
    absl::Status Commit();

   private:
    friend class ByteDocument;
    struct State;
    explicit Batch(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };

  explicit ByteDocument(ActorId actor, MetadataCheck check = nullptr);
  ByteDocument(ByteDocument&&) noexcept;
  ByteDocument& operator=(ByteDocument&&) noexcept;
  ~ByteDocument();

  Batch NewBatch();

  std::vector<Event> Undo();
  std::vector<Event> Redo();
  bool CanUndo() const;
  bool CanRedo() const;

  ActorId actor() const;
  const VersionVector& version() const;
  /// The time of the latest op known; every op made here from now on is later.
  Timestamp latest() const;
  /// The time that the first op of the next batch will have.
  Timestamp next_time() const;
  const Tree& tree() const;
  /// Where the node is, unless it is well-known or has no place.
  std::optional<Place> PlaceOf(NodeId node) const;
  bool IsLive(NodeId node) const;
  std::vector<NodeId> Children(NodeId parent) const;
  void ReadAsOf(Timestamp time, const std::function<void()>& read);

  OpDelta OpsSince(const VersionVector& since) const;
  absl::StatusOr<std::vector<Event>> Merge(OpDelta delta);

  std::string Save() const;
  static absl::StatusOr<ByteDocument> Load(std::string_view bytes, MetadataCheck check = nullptr);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace copse::crdt
