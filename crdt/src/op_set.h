#pragma once

#include <absl/status/statusor.h>
#include <copse/crdt/op.h>
#include <copse/crdt/tree_replica.h>
#include <copse/crdt/version_vector.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace copse::crdt {

/// Ops by author, each author's in its order.
using OpsByActor = std::map<ActorId, std::vector<Op>>;

OpsByActor ByActor(std::vector<Op> ops);

/// The ops as runs in causal order, the first of each actor being its op number `since`. Points into `ops`.
/// By the time of their first op, batches are in causal order: whatever an author had seen is older than what it made.
std::vector<TreeReplica::Run> InCausalOrder(const OpsByActor& ops, const VersionVector& since);

/// The bytes of the ops of several actors, and back: the form that a delta and a saved document share.
/// Errors: kDataLoss with an offset.
std::string EncodeOpSet(const OpsByActor& ops);
absl::StatusOr<OpsByActor> DecodeOpSet(std::string_view bytes);

}  // namespace copse::crdt
