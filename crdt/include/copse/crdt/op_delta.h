#pragma once

#include <absl/status/statusor.h>
#include <copse/crdt/op.h>
#include <copse/crdt/version_vector.h>

#include <string>
#include <string_view>
#include <vector>

namespace copse::crdt {

/// What one participant tells another: ops, and which of their authors' ops they are.
struct OpDelta {
  VersionVector since;  ///< So many ops of each actor come before these. Only actors that have ops here matter.
  std::vector<Op> ops;  ///< Of any actors, mixed in any way; those of one actor in its order and in whole batches.

  friend bool operator==(const OpDelta&, const OpDelta&) = default;
};

/// The bytes of a delta: docs/format/document.md. Its ops must be such that EncodeOps takes those of each actor.
std::string EncodeOpDelta(const OpDelta& delta);

/// The inverse, for bytes from anywhere; the ops come by actor. Allocates in proportion to the bytes.
/// Errors: kDataLoss with the offset and what was expected there.
absl::StatusOr<OpDelta> DecodeOpDelta(std::string_view bytes);

}  // namespace copse::crdt
