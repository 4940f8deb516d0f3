#include <copse/crdt/bytes.h>
#include <copse/crdt/op_delta.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "op_set.h"
#include "status_macros.h"

namespace copse::crdt {

std::string EncodeOpDelta(const OpDelta& delta) {
  const OpsByActor ops = ByActor(delta.ops);
  ByteWriter bytes;
  bytes.Varint(ops.size());
  for (const auto& [actor, of_actor] : ops) {
    bytes.Varint(actor);
    bytes.Varint(delta.since[actor]);
  }
  bytes.Raw(EncodeOpSet(ops));
  return std::move(bytes).Take();
}

absl::StatusOr<OpDelta> DecodeOpDelta(std::string_view bytes) {
  ByteReader reader(bytes);
  OpDelta delta;
  std::vector<ActorId> counted;
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t actors, reader.Varint());
  for (std::uint64_t i = 0; i < actors; ++i) {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t actor, reader.Varint());
    if (actor > std::numeric_limits<ActorId>::max()) return reader.Error("an actor of 16 bits before here");
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t count, reader.Varint());
    if (count > kCounterMax) return reader.Error("a count of 48 bits before here");
    counted.push_back(static_cast<ActorId>(actor));
    delta.since.Raise(counted.back(), count);
  }
  CRDT_ASSIGN_OR_RETURN(OpsByActor ops, DecodeOpSet(bytes.substr(reader.offset())));
  if (!std::equal(counted.begin(), counted.end(), ops.begin(), ops.end(),
                  [](ActorId actor, const auto& of_actor) { return actor == of_actor.first; })) {
    return reader.Error("counts of the authors of the ops, in their order, before here");
  }
  for (auto& [actor, of_actor] : ops) {
    delta.ops.insert(delta.ops.end(), std::make_move_iterator(of_actor.begin()),
                     std::make_move_iterator(of_actor.end()));
  }
  return delta;
}

}  // namespace copse::crdt
