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
#include "op_parts.h"
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
    if (!makes_child) PutNode(bytes_, op.child, previous_.child);
    if (op.place) PutPlace(*op.place);
    if (op.guard) PutTime(bytes_, *op.guard, StampOf(op.child));
    if (!op.fields.empty()) PutFields(bytes_, op);
    previous_.counter = op.time.counter();
    previous_.child = op.child;
  }

  std::string Take() && { return std::move(bytes_).Take(); }

 private:
  void PutPlace(const Place& place) {
    PutNode(bytes_, place.parent, previous_.parent);
    bytes_.LengthPrefixed(place.name);
    if (!IsPermanent(place.parent)) previous_.parent = place.parent;
  }

  ByteWriter bytes_;
  Previous previous_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes), previous_(0) {}

  absl::StatusOr<std::vector<Op>> Run() {
    CRDT_ASSIGN_OR_RETURN(const std::size_t count, GetCount(bytes_, "ops"));
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
      CRDT_ASSIGN_OR_RETURN(op.guard, GetTime(bytes_, StampOf(op.child)));
    }
    if ((flags & kHasFields) != 0) {
      CRDT_ASSIGN_OR_RETURN(op.fields, GetFields(bytes_, op.time));
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
    CRDT_ASSIGN_OR_RETURN(const NodeId child, GetNode(bytes_, previous_.child));
    if (child == time.node()) return bytes_.Error("a child that the op does not make before here");
    return child;
  }

  absl::StatusOr<Place> PlaceOfOp() {
    Place place;
    CRDT_ASSIGN_OR_RETURN(place.parent, GetNode(bytes_, previous_.parent));
    CRDT_ASSIGN_OR_RETURN(place.name, bytes_.LengthPrefixed());
    if (!IsPermanent(place.parent)) previous_.parent = place.parent;
    return place;
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
