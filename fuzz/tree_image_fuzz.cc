// Any bytes as the image of a replica: it is refused, or the tree in it can be read to the end.

#include <copse/crdt/tree_replica.h>

#include <cstring>

#include "fuzz.h"

namespace copse::fuzz {
namespace {

void ReadAll(const crdt::Tree& tree) {
  const std::vector<crdt::NodeId> nodes = tree.Nodes();
  for (const crdt::NodeId node : nodes) {
    const auto placement = tree.PlacementOf(node);
    if (placement) Require(tree.IsAncestor(placement->parent, node));
    tree.PlacementBeforeTrash(node);
    for (const crdt::NodeId child : tree.ChildrenOf(node)) Require(tree.PlacementOf(child)->parent == node);
    for (std::uint32_t number = 0; number < 4; ++number) {
      for (const crdt::FieldId& field : tree.FieldsOf(node, number)) {
        tree.Value(node, field.number, field.key);
        tree.Versions(node, field.number, field.key);
      }
    }
  }
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace copse;
  crdt::ImageBuffer image(size);
  if (size > 0) std::memcpy(image.data(), data, size);
  crdt::NullJournal journal;
  crdt::TreeReplica replica(1, journal);
  if (replica.Load(std::move(image)).ok()) fuzz::ReadAll(replica.tree());
  return 0;
}
