#pragma once

#include <copse/crdt/tree.h>

#include <functional>
#include <string>

namespace copse::crdt {

/// Prints the tree from the forest downward, one line a node, two spaces a level, children by ascending id:
///
///     - null => forest
///       - 1 => {"name":"root"}
///         - 281474976710657 => {"name":"a"}
///
/// `describe` gives the JSON behind `=>`. Equal trees and descriptions give equal bytes. Works in a loop: depth is
/// bounded by memory only.
std::string Dump(const Tree& tree, const std::function<std::string(NodeId)>& describe);

}  // namespace copse::crdt
