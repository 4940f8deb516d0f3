#pragma once

#include <absl/status/statusor.h>
#include <copse/crdt/bytes.h>
#include <copse/crdt/op.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace copse::crdt {

// The parts of an op that have one form in every codec: docs/format/ops.md, "Stamps" and "Fields".

/// What nodes and times have in common.
struct Stamp {
  ActorId actor = 0;
  std::uint64_t counter = 0;
};

constexpr Stamp StampOf(NodeId node) { return {node.actor(), node.counter()}; }
constexpr Stamp StampOf(Timestamp time) { return {time.actor(), time.counter()}; }

void PutTime(ByteWriter& bytes, Timestamp time, Stamp base);
void PutNode(ByteWriter& bytes, NodeId node, NodeId base);
/// The op's fields, at least one, must ascend, and so must the times that each replaces.
void PutFields(ByteWriter& bytes, const Op& op);

// Errors of those that read: kDataLoss with the offset and what was expected.

/// A count of things that take a byte each at least, which bounds what a hostile count can make us do.
absl::StatusOr<std::size_t> GetCount(ByteReader& bytes, std::string_view what);
absl::StatusOr<Timestamp> GetTime(ByteReader& bytes, Stamp base);
absl::StatusOr<NodeId> GetNode(ByteReader& bytes, NodeId base);
/// Those of an op of `time`.
absl::StatusOr<std::vector<Field>> GetFields(ByteReader& bytes, Timestamp time);

}  // namespace copse::crdt
