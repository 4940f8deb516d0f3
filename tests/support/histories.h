#pragma once

#include <copse/crdt/op.h>
#include <rapidcheck.h>

#include <cstdint>
#include <iosfwd>
#include <span>
#include <vector>

namespace copse::crdt {

void showValue(const Op& op, std::ostream& out);

}  // namespace copse::crdt

namespace copse::test_support {

/// The ops of one system call of one actor, with consecutive counters.
using Batch = std::vector<crdt::Op>;

/// Random histories of honest actors: 2 to 4 of them, 2 to about 60 ops, over 2 to 14 nodes, since few nodes make ops
/// meet. Moves of every kind (also to places that would close a cycle, below nodes never placed and below themselves),
/// deletions guarded by right and wrong claims, and ops with fields only; both kinds of register, some of one id.
/// Every op passes ValidateOp. Batches are in an order in which they can have been made: none is ahead of an honest
/// clock.
rc::Gen<std::vector<Batch>> Histories();

/// The same, already flattened.
rc::Gen<std::vector<crdt::Op>> Ops();
std::vector<crdt::Op> Flattened(std::span<const Batch> batches);

/// `ops` in another order, and cut into pieces of 1 to `piece_max`; `seed` decides.
std::vector<crdt::Op> Shuffled(std::vector<crdt::Op> ops, std::uint32_t seed);
std::vector<std::vector<crdt::Op>> CutAtRandom(std::span<const crdt::Op> ops, std::size_t piece_max,
                                               std::uint32_t seed);

}  // namespace copse::test_support
