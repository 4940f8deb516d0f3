// Ops as bytes: docs/format/ops.md. An op is coded against the one before it in its run, so that what is usual costs
// least: the next counter, the node just made, the directory named last, the claim that a creation gave. Nodes and
// times have the same shape (actor, counter) and share one code, a *stamp*: the distance of the counters, and the actor
// only where it differs. Everything that could be written in two ways is refused by the reader in all ways but the
// writer's, so that equal ops have equal bytes and equal hashes.

#include <copse/crdt/bytes.h>
#include <copse/crdt/op_codec.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "check.h"
#include "status_macros.h"

namespace copse::crdt {
namespace {

enum OpFlag : std::uint8_t {
  kEndsBatch = 1 << 0,
  kHasPlace = 1 << 1,
  kHasGuard = 1 << 2,
  kHasFields = 1 << 3,
  kNextCounter = 1 << 4,  // The counter is the previous one + 1.
  kMakesChild = 1 << 5,   // The child is the node that this op makes.
  kOpFlags = (1 << 6) - 1,
};

// The low bits of a field's head; the rest is its number.
enum FieldFlag : std::uint8_t {
  kHasValue = 1 << 0,
  kHasReplaces = 1 << 1,
  kHasKey = 1 << 2,
};
constexpr int kFieldFlagBits = 3;

// Nodes below this are well known and coded as themselves; stamps of other nodes are moved up by it.
constexpr std::uint64_t kWellKnownNodes = kTrash.value + 1;

struct Stamp {
  ActorId actor = 0;
  std::uint64_t counter = 0;
};

Stamp StampOf(NodeId node) { return {node.actor(), node.counter()}; }
Stamp StampOf(Timestamp time) { return {time.actor(), time.counter()}; }

// What the next op of a run is coded against.
struct Previous {
  std::uint64_t counter = 0;
  NodeId child;
  NodeId parent;  // The last that is not well known.

  explicit Previous(ActorId actor) : child(NodeId::Of(actor, 0)), parent(NodeId::Of(actor, 0)) {}
};

class Writer {
 public:
  explicit Writer(ActorId actor) : previous_(actor) {}

  void PutHeader(std::uint64_t count, ActorId actor) {
    bytes_.Varint(count);
    if (count > 0) bytes_.Varint(actor);
  }

  void PutOp(const Op& op) {
    CRDT_CHECK(op.time.counter() > previous_.counter);
    const std::uint64_t step = op.time.counter() - previous_.counter;
    const bool makes_child = op.child == op.time.node();
    bytes_.U8(static_cast<std::uint8_t>((op.ends_batch ? kEndsBatch : 0) | (op.place ? kHasPlace : 0) |
                                        (op.guard ? kHasGuard : 0) | (op.fields.empty() ? 0 : kHasFields) |
                                        (step == 1 ? kNextCounter : 0) | (makes_child ? kMakesChild : 0)));
    if (step > 1) bytes_.Varint(step - 2);
    if (!makes_child) PutNode(op.child, previous_.child);
    if (op.place) PutPlace(*op.place);
    if (op.guard) PutStamp(StampOf(*op.guard), StampOf(op.child), 0);
    if (!op.fields.empty()) PutFields(op);
    previous_.counter = op.time.counter();
    previous_.child = op.child;
  }

  std::string Take() && { return std::move(bytes_).Take(); }

 private:
  void PutStamp(Stamp stamp, Stamp base, std::uint64_t offset) {
    const auto distance = static_cast<std::int64_t>(stamp.counter) - static_cast<std::int64_t>(base.counter);
    const auto zigzag =
        distance < 0 ? static_cast<std::uint64_t>(-distance) * 2 - 1 : static_cast<std::uint64_t>(distance) * 2;
    const bool other_actor = stamp.actor != base.actor;
    bytes_.Varint(offset + zigzag * 2 + (other_actor ? 1 : 0));
    if (other_actor) bytes_.U16(stamp.actor);
  }

  void PutNode(NodeId node, NodeId base) {
    if (IsPermanent(node)) {
      bytes_.Varint(node.value);
    } else {
      PutStamp(StampOf(node), StampOf(base), kWellKnownNodes);
    }
  }

  void PutPlace(const Place& place) {
    PutNode(place.parent, previous_.parent);
    bytes_.LengthPrefixed(place.name);
    if (!IsPermanent(place.parent)) previous_.parent = place.parent;
  }

  void PutFields(const Op& op) {
    bytes_.Varint(op.fields.size());
    const FieldId* previous = nullptr;
    for (const Field& field : op.fields) {
      CRDT_CHECK(previous == nullptr || *previous < field.id);
      const std::uint64_t step = field.id.number - (previous == nullptr ? 0 : previous->number);
      bytes_.Varint((step << kFieldFlagBits) | (field.value ? kHasValue : 0) | (field.replaces ? kHasReplaces : 0) |
                    (field.id.key.empty() ? 0 : kHasKey));
      if (!field.id.key.empty()) bytes_.LengthPrefixed(field.id.key);
      if (field.value) bytes_.LengthPrefixed(*field.value);
      if (field.replaces) PutReplaces(*field.replaces, op.time);
      previous = &field.id;
    }
  }

  void PutReplaces(const std::vector<Timestamp>& replaces, Timestamp time) {
    bytes_.Varint(replaces.size());
    Timestamp base = time;
    for (std::size_t i = 0; i < replaces.size(); ++i) {
      CRDT_CHECK(i == 0 || replaces[i - 1] < replaces[i]);
      PutStamp(StampOf(replaces[i]), StampOf(base), 0);
      base = replaces[i];
    }
  }

  ByteWriter bytes_;
  Previous previous_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes), previous_(0) {}

  absl::StatusOr<std::vector<Op>> Run() {
    CRDT_ASSIGN_OR_RETURN(const std::size_t count, Count("ops"));
    std::vector<Op> ops;
    if (count > 0) {
      CRDT_ASSIGN_OR_RETURN(const std::uint64_t actor, bytes_.Varint());
      if (actor > std::numeric_limits<ActorId>::max()) return bytes_.Error("an actor of 16 bits before here");
      actor_ = static_cast<ActorId>(actor);
      previous_ = Previous(actor_);
    }
    for (std::size_t i = 0; i < count; ++i) {
      CRDT_ASSIGN_OR_RETURN(Op op, NextOp());
      ops.push_back(std::move(op));
    }
    CRDT_RETURN_IF_ERROR(bytes_.ExpectEnd());
    return ops;
  }

 private:
  absl::StatusOr<Op> NextOp() {
    CRDT_ASSIGN_OR_RETURN(const std::uint8_t flags, bytes_.U8());
    if ((flags & ~kOpFlags) != 0) return bytes_.Error("an op without unknown flags before here");
    Op op;
    op.ends_batch = (flags & kEndsBatch) != 0;
    CRDT_ASSIGN_OR_RETURN(op.time, Time(flags));
    CRDT_ASSIGN_OR_RETURN(op.child, Child(flags, op.time));
    if ((flags & kHasPlace) != 0) {
      CRDT_ASSIGN_OR_RETURN(op.place, PlaceOfOp());
    }
    if ((flags & kHasGuard) != 0) {
      CRDT_ASSIGN_OR_RETURN(op.guard, TimeNear(StampOf(op.child)));
    }
    if ((flags & kHasFields) != 0) {
      CRDT_ASSIGN_OR_RETURN(op.fields, Fields(op.time));
    }
    previous_.counter = op.time.counter();
    previous_.child = op.child;
    return op;
  }

  absl::StatusOr<Timestamp> Time(std::uint8_t flags) {
    std::uint64_t further = 0;
    if ((flags & kNextCounter) == 0) {
      CRDT_ASSIGN_OR_RETURN(const std::uint64_t step, bytes_.Varint());
      if (step >= kCounterMax) return bytes_.Error("a counter of 48 bits before here");
      further = step + 1;
    }
    const std::uint64_t counter = previous_.counter + 1 + further;
    if (counter > kCounterMax) return bytes_.Error("a counter of 48 bits before here");
    return Timestamp::Of(counter, actor_);
  }

  absl::StatusOr<NodeId> Child(std::uint8_t flags, Timestamp time) {
    if ((flags & kMakesChild) != 0) return time.node();
    CRDT_ASSIGN_OR_RETURN(const NodeId child, Node(previous_.child));
    if (child == time.node()) return bytes_.Error("a child that the op does not make before here");
    return child;
  }

  absl::StatusOr<Place> PlaceOfOp() {
    Place place;
    CRDT_ASSIGN_OR_RETURN(place.parent, Node(previous_.parent));
    CRDT_ASSIGN_OR_RETURN(place.name, bytes_.LengthPrefixed());
    if (!IsPermanent(place.parent)) previous_.parent = place.parent;
    return place;
  }

  absl::StatusOr<std::vector<Field>> Fields(Timestamp time) {
    CRDT_ASSIGN_OR_RETURN(const std::size_t count, Count("fields"));
    if (count == 0) return bytes_.Error("at least one field before here");
    std::vector<Field> fields;
    for (std::size_t i = 0; i < count; ++i) {
      CRDT_ASSIGN_OR_RETURN(Field field, NextField(i == 0 ? 0 : fields.back().id.number, time));
      if (i > 0 && !(fields.back().id < field.id)) return bytes_.Error("fields in ascending order before here");
      fields.push_back(std::move(field));
    }
    return fields;
  }

  absl::StatusOr<Field> NextField(std::uint32_t previous_number, Timestamp time) {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t head, bytes_.Varint());
    if ((head >> kFieldFlagBits) > std::numeric_limits<std::uint32_t>::max() - previous_number) {
      return bytes_.Error("a field number of 32 bits before here");
    }
    Field field;
    field.id.number = previous_number + static_cast<std::uint32_t>(head >> kFieldFlagBits);
    if ((head & kHasKey) != 0) {
      CRDT_ASSIGN_OR_RETURN(field.id.key, bytes_.LengthPrefixed());
      if (field.id.key.empty()) return bytes_.Error("a key that is not empty before here");
    }
    if ((head & kHasValue) != 0) {
      CRDT_ASSIGN_OR_RETURN(field.value, bytes_.LengthPrefixed());
    }
    if ((head & kHasReplaces) != 0) {
      CRDT_ASSIGN_OR_RETURN(field.replaces, Replaces(time));
    }
    return field;
  }

  absl::StatusOr<std::vector<Timestamp>> Replaces(Timestamp time) {
    CRDT_ASSIGN_OR_RETURN(const std::size_t count, Count("replaced times"));
    std::vector<Timestamp> replaces;
    for (std::size_t i = 0; i < count; ++i) {
      CRDT_ASSIGN_OR_RETURN(const Timestamp replaced, TimeNear(StampOf(i == 0 ? time : replaces.back())));
      if (i > 0 && replaced <= replaces.back()) return bytes_.Error("replaced times in ascending order before here");
      replaces.push_back(replaced);
    }
    return replaces;
  }

  // What is counted has at least a byte each, which bounds what a hostile count can make us do.
  absl::StatusOr<std::size_t> Count(std::string_view what) {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t count, bytes_.Varint());
    if (count > bytes_.remaining()) {
      return bytes_.Error(std::to_string(count) + " " + std::string(what) + ", there are " +
                          std::to_string(bytes_.remaining()) + " bytes");
    }
    return static_cast<std::size_t>(count);
  }

  absl::StatusOr<Timestamp> TimeNear(Stamp base) {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t coded, bytes_.Varint());
    CRDT_ASSIGN_OR_RETURN(const Stamp stamp, StampNear(base, coded));
    return Timestamp::Of(stamp.counter, stamp.actor);
  }

  absl::StatusOr<NodeId> Node(NodeId base) {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t coded, bytes_.Varint());
    if (coded < kWellKnownNodes) return NodeId{coded};
    CRDT_ASSIGN_OR_RETURN(const Stamp stamp, StampNear(StampOf(base), coded - kWellKnownNodes));
    const NodeId node = NodeId::Of(stamp.actor, stamp.counter);
    if (IsPermanent(node)) return bytes_.Error("a well-known node in its short form before here");
    return node;
  }

  absl::StatusOr<Stamp> StampNear(Stamp base, std::uint64_t coded) {
    const std::uint64_t zigzag = coded >> 1;
    const std::uint64_t distance = (zigzag >> 1) + (zigzag & 1);
    const bool backward = (zigzag & 1) != 0;
    if (distance > (backward ? base.counter : kCounterMax - base.counter)) {
      return bytes_.Error("a counter of 48 bits before here");
    }
    Stamp stamp{base.actor, backward ? base.counter - distance : base.counter + distance};
    if ((coded & 1) != 0) {
      CRDT_ASSIGN_OR_RETURN(stamp.actor, bytes_.U16());
      if (stamp.actor == base.actor) return bytes_.Error("another actor before here");
    }
    return stamp;
  }

  ByteReader bytes_;
  ActorId actor_ = 0;
  Previous previous_;
};

}  // namespace

std::string EncodeOps(std::span<const Op> ops) {
  const ActorId actor = ops.empty() ? ActorId{0} : ops.front().time.actor();
  Writer writer(actor);
  writer.PutHeader(ops.size(), actor);
  for (const Op& op : ops) {
    CRDT_CHECK(op.time.actor() == actor);
    writer.PutOp(op);
  }
  return std::move(writer).Take();
}

absl::StatusOr<std::vector<Op>> DecodeOps(std::string_view bytes) { return Reader(bytes).Run(); }

}  // namespace copse::crdt
