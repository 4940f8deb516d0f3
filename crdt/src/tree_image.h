#pragma once

#include <absl/status/status.h>

#include <cstddef>

#include "chains.h"
#include "move.h"
#include "node_table.h"
#include "structural_index.h"

namespace copse::crdt {

/// Proves that the parts of a tree that came from an image fit together, so that reading the tree does what it says and
/// ends. Whether the places are those that the ops give is not looked at: who wrote the image knew the ops.
/// Errors: kDataLoss. Cost: O(nodes + moves).
absl::Status CheckImage(const NodeTable& nodes, const MoveTable& moves, const StructuralIndex& structural);

}  // namespace copse::crdt
