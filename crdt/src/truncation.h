#pragma once

#include <copse/crdt/timestamp.h>

#include "chains.h"
#include "move.h"
#include "node_table.h"
#include "structural_index.h"

namespace copse::crdt {

/// Forgets the history of places up to `stable`, but what later moves may still lead back to: of each node the move in
/// effect at that time and, if that is in trash, the one before it came there. No move may come that is not later.
/// Cost: O(nodes + moves).
void Truncate(Timestamp stable, NodeTable& nodes, MoveTable& moves, Chains& chains, StructuralIndex& structural);

}  // namespace copse::crdt
