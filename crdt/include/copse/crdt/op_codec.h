#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/op.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::crdt {

/// The canonical bytes of a run of ops of one actor, in ascending time: docs/format/ops.md. Equal ops have equal bytes.
/// The ops must be of one actor, with ascending times, fields and replaced timestamps; they need not pass ValidateOp.
/// Each op is coded against the one before it; the first against zeros, so every run stands alone.
std::string EncodeOps(std::span<const Op> ops);

/// The inverse, for bytes from anywhere: accepts exactly what EncodeOps writes.
/// Allocates in proportion to `bytes.size()`: at most some hundred bytes for each.
/// Errors: kDataLoss with the offset and what was expected there; nothing is returned in part.
absl::StatusOr<std::vector<Op>> DecodeOps(std::string_view bytes);

/// Whether `op` is well formed for the tree, whoever made it (statically: no other op is looked at): its child is not
/// permanent where it has a place, a guard stands only on a move to trash and is smaller than its time, fields and
/// replaced timestamps are ascending, the latter smaller than its time, and counter and actor are not 0.
/// Errors: kInvalidArgument saying which rule.
absl::Status ValidateOp(const Op& op);

}  // namespace copse::crdt
