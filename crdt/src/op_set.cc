#include "op_set.h"

#include <copse/crdt/bytes.h>
#include <copse/crdt/op_codec.h>

#include <algorithm>
#include <utility>

#include "status_macros.h"

namespace copse::crdt {

OpsByActor ByActor(std::vector<Op> ops) {
  OpsByActor by_actor;
  for (Op& op : ops) {
    std::vector<Op>& of_actor = by_actor[op.time.actor()];
    of_actor.push_back(std::move(op));
  }
  return by_actor;
}

std::vector<TreeReplica::Run> InCausalOrder(const OpsByActor& ops, const VersionVector& since) {
  std::vector<TreeReplica::Run> batches;
  for (const auto& [actor, of_actor] : ops) {
    for (std::size_t begin = 0, end = 0; begin < of_actor.size(); begin = end) {
      do ++end;
      while (end < of_actor.size() && !of_actor[end - 1].ends_batch);
      batches.push_back({actor, since[actor] + begin, std::span(of_actor).subspan(begin, end - begin)});
    }
  }
  // Where an actor's times do not ascend its runs come out of order too, and whoever takes them in sees that.
  std::stable_sort(batches.begin(), batches.end(), [](const TreeReplica::Run& a, const TreeReplica::Run& b) {
    return a.ops.front().time < b.ops.front().time;
  });
  std::vector<TreeReplica::Run> runs;
  for (const TreeReplica::Run& batch : batches) {
    // Not by where they lie: the ops of two actors may be neighbours in memory.
    if (!runs.empty() && runs.back().actor == batch.actor &&
        runs.back().first + runs.back().ops.size() == batch.first) {
      runs.back().ops = {runs.back().ops.data(), runs.back().ops.size() + batch.ops.size()};
    } else {
      runs.push_back(batch);
    }
  }
  return runs;
}

std::string EncodeOpSet(const OpsByActor& ops) {
  ByteWriter bytes;
  bytes.Varint(ops.size());
  for (const auto& [actor, of_actor] : ops) bytes.LengthPrefixed(EncodeOps(of_actor));
  return std::move(bytes).Take();
}

absl::StatusOr<OpsByActor> DecodeOpSet(std::string_view bytes) {
  ByteReader reader(bytes);
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t actors, reader.Varint());
  OpsByActor ops;
  for (std::uint64_t i = 0; i < actors; ++i) {
    CRDT_ASSIGN_OR_RETURN(const std::string_view run, reader.LengthPrefixed());
    absl::StatusOr<std::vector<Op>> of_actor = DecodeOps(run);
    if (!of_actor.ok()) {
      return absl::DataLossError("in the ops that end at offset " + std::to_string(reader.offset()) + ": " +
                                 std::string(of_actor.status().message()));
    }
    if (of_actor->empty()) return reader.Error("at least one op before here");
    const ActorId actor = of_actor->front().time.actor();
    if (!ops.empty() && actor <= ops.rbegin()->first) return reader.Error("actors in ascending order before here");
    ops.emplace_hint(ops.end(), actor, *std::move(of_actor));
  }
  CRDT_RETURN_IF_ERROR(reader.ExpectEnd());
  return ops;
}

}  // namespace copse::crdt
