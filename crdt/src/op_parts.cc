#include "op_parts.h"

#include <limits>
#include <string>
#include <utility>

#include "check.h"
#include "status_macros.h"

namespace copse::crdt {
namespace {

// The low bits of a field's head; the rest is its number.
enum FieldFlag : std::uint8_t {
  kHasValue = 1 << 0,
  kHasReplaces = 1 << 1,
  kHasKey = 1 << 2,
};
constexpr int kFieldFlagBits = 3;

// Nodes below this are well known and coded as themselves; stamps of other nodes are moved up by it.
constexpr std::uint64_t kWellKnownNodes = kTrash.value + 1;

void PutStamp(ByteWriter& bytes, Stamp stamp, Stamp base, std::uint64_t offset) {
  const auto distance = static_cast<std::int64_t>(stamp.counter) - static_cast<std::int64_t>(base.counter);
  const auto zigzag =
      distance < 0 ? static_cast<std::uint64_t>(-distance) * 2 - 1 : static_cast<std::uint64_t>(distance) * 2;
  const bool other_actor = stamp.actor != base.actor;
  bytes.Varint(offset + zigzag * 2 + (other_actor ? 1 : 0));
  if (other_actor) bytes.U16(stamp.actor);
}

absl::StatusOr<Stamp> GetStamp(ByteReader& bytes, Stamp base, std::uint64_t coded) {
  const std::uint64_t zigzag = coded >> 1;
  const std::uint64_t distance = (zigzag >> 1) + (zigzag & 1);
  const bool backward = (zigzag & 1) != 0;
  if (distance > (backward ? base.counter : kCounterMax - base.counter)) {
    return bytes.Error("a counter of 48 bits before here");
  }
  Stamp stamp{base.actor, backward ? base.counter - distance : base.counter + distance};
  if ((coded & 1) != 0) {
    CRDT_ASSIGN_OR_RETURN(stamp.actor, bytes.U16());
    if (stamp.actor == base.actor) return bytes.Error("another actor before here");
  }
  return stamp;
}

void PutReplaces(ByteWriter& bytes, const std::vector<Timestamp>& replaces, Timestamp time) {
  bytes.Varint(replaces.size());
  Timestamp base = time;
  for (std::size_t i = 0; i < replaces.size(); ++i) {
    CRDT_CHECK(i == 0 || replaces[i - 1] < replaces[i]);
    PutTime(bytes, replaces[i], StampOf(base));
    base = replaces[i];
  }
}

absl::StatusOr<std::vector<Timestamp>> GetReplaces(ByteReader& bytes, Timestamp time) {
  CRDT_ASSIGN_OR_RETURN(const std::size_t count, GetCount(bytes, "replaced times"));
  std::vector<Timestamp> replaces;
  for (std::size_t i = 0; i < count; ++i) {
    CRDT_ASSIGN_OR_RETURN(const Timestamp replaced, GetTime(bytes, StampOf(i == 0 ? time : replaces.back())));
    if (i > 0 && replaced <= replaces.back()) return bytes.Error("replaced times in ascending order before here");
    replaces.push_back(replaced);
  }
  return replaces;
}

absl::StatusOr<Field> GetField(ByteReader& bytes, std::uint32_t previous_number, Timestamp time) {
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t head, bytes.Varint());
  if ((head >> kFieldFlagBits) > std::numeric_limits<std::uint32_t>::max() - previous_number) {
    return bytes.Error("a field number of 32 bits before here");
  }
  Field field;
  field.id.number = previous_number + static_cast<std::uint32_t>(head >> kFieldFlagBits);
  if ((head & kHasKey) != 0) {
    CRDT_ASSIGN_OR_RETURN(field.id.key, bytes.LengthPrefixed());
    if (field.id.key.empty()) return bytes.Error("a key that is not empty before here");
  }
  if ((head & kHasValue) != 0) {
    CRDT_ASSIGN_OR_RETURN(field.value, bytes.LengthPrefixed());
  }
  if ((head & kHasReplaces) != 0) {
    CRDT_ASSIGN_OR_RETURN(field.replaces, GetReplaces(bytes, time));
  }
  return field;
}

}  // namespace

void PutTime(ByteWriter& bytes, Timestamp time, Stamp base) { PutStamp(bytes, StampOf(time), base, 0); }

void PutNode(ByteWriter& bytes, NodeId node, NodeId base) {
  if (IsPermanent(node)) {
    bytes.Varint(node.value);
  } else {
    PutStamp(bytes, StampOf(node), StampOf(base), kWellKnownNodes);
  }
}

void PutFields(ByteWriter& bytes, const Op& op) {
  bytes.Varint(op.fields.size());
  const FieldId* previous = nullptr;
  for (const Field& field : op.fields) {
    CRDT_CHECK(previous == nullptr || *previous < field.id);
    const std::uint64_t step = field.id.number - (previous == nullptr ? 0 : previous->number);
    bytes.Varint((step << kFieldFlagBits) | (field.value ? kHasValue : 0) | (field.replaces ? kHasReplaces : 0) |
                 (field.id.key.empty() ? 0 : kHasKey));
    if (!field.id.key.empty()) bytes.LengthPrefixed(field.id.key);
    if (field.value) bytes.LengthPrefixed(*field.value);
    if (field.replaces) PutReplaces(bytes, *field.replaces, op.time);
    previous = &field.id;
  }
}

absl::StatusOr<std::size_t> GetCount(ByteReader& bytes, std::string_view what) {
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t count, bytes.Varint());
  if (count > bytes.remaining()) {
    return bytes.Error(std::to_string(count) + " " + std::string(what) + ", there are " +
                       std::to_string(bytes.remaining()) + " bytes");
  }
  return static_cast<std::size_t>(count);
}

absl::StatusOr<Timestamp> GetTime(ByteReader& bytes, Stamp base) {
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t coded, bytes.Varint());
  CRDT_ASSIGN_OR_RETURN(const Stamp stamp, GetStamp(bytes, base, coded));
  return Timestamp::Of(stamp.counter, stamp.actor);
}

absl::StatusOr<NodeId> GetNode(ByteReader& bytes, NodeId base) {
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t coded, bytes.Varint());
  if (coded < kWellKnownNodes) return NodeId{coded};
  CRDT_ASSIGN_OR_RETURN(const Stamp stamp, GetStamp(bytes, StampOf(base), coded - kWellKnownNodes));
  const NodeId node = NodeId::Of(stamp.actor, stamp.counter);
  if (IsPermanent(node)) return bytes.Error("a well-known node in its short form before here");
  return node;
}

absl::StatusOr<std::vector<Field>> GetFields(ByteReader& bytes, Timestamp time) {
  CRDT_ASSIGN_OR_RETURN(const std::size_t count, GetCount(bytes, "fields"));
  if (count == 0) return bytes.Error("at least one field before here");
  std::vector<Field> fields;
  for (std::size_t i = 0; i < count; ++i) {
    CRDT_ASSIGN_OR_RETURN(Field field, GetField(bytes, i == 0 ? 0 : fields.back().id.number, time));
    if (i > 0 && !(fields.back().id < field.id)) return bytes.Error("fields in ascending order before here");
    fields.push_back(std::move(field));
  }
  return fields;
}

}  // namespace copse::crdt
