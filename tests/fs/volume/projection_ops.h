#pragma once

#include <copse/crdt/op.h>

#include <string>
#include <vector>

namespace copse::fs_test {

// To be called within a rapidcheck property: each draws from it.

/// Ops of three actors over few nodes and few names, so that they meet, each as if its author had seen some of the
/// others: making, linking, moving (also of several directories by one call), deleting with right and wrong guards and
/// lists of heads, edits of few different contents, purges, labels; and some that break the types of nodes. In one of
/// three, nearly all names are of one inode. All are valid.
std::vector<crdt::Op> RandomOps();

/// The same ops, mostly in another order, in pieces of 1 to 5.
std::vector<std::vector<crdt::Op>> InRandomOrderAndPieces(std::vector<crdt::Op> ops);

/// For failures.
std::string Describe(const std::vector<std::vector<crdt::Op>>& pieces);

}  // namespace copse::fs_test
