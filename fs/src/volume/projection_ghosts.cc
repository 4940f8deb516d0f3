// Deleted directories that are still used. Whoever deletes a directory has seen it empty; so what stands in one that is
// in trash was put there by somebody who had not seen the deletion, and the directory is shown where it was, with that
// in it, as are the deleted directories above. Which these are is found anew whenever it may have changed: hardly ever
// are there any.
#include <algorithm>
#include <utility>

#include "volume/tree_projection.h"

namespace copse::fs {
namespace {

using Places = std::map<NodeId, crdt::Placement>;
using Links = std::map<NodeId, NodeId>;

// Old places may go round in a circle: there, the directory with the lowest id is shown in the root.
void BreakLoops(const Links& above, Places& places) {
  std::set<NodeId> done;
  for (const auto& [start, up] : above) {
    std::vector<NodeId> path;
    NodeId at = start;
    while (done.insert(at).second) {
      path.push_back(at);
      const auto next = above.find(at);
      if (next == above.end()) break;
      at = next->second;
    }
    const auto loop = std::find(path.begin(), path.end(), at);
    if (loop == path.end() || !above.contains(at)) continue;  // Ran into an earlier path, or ended.
    places.at(*std::min_element(loop, path.end())).parent = crdt::kRoot;
  }
}

}  // namespace

// The directory in trash that `directory` is in, or is itself.
std::optional<NodeId> TreeProjection::TrashedAbove(NodeId directory) const {
  for (NodeId at = directory; at != crdt::kRoot && TargetOf(at) == at;) {
    const auto placement = tree_.PlacementOf(at);
    if (!placement) break;
    if (placement->parent == crdt::kTrash) return at;
    at = placement->parent;
  }
  return std::nullopt;
}

std::map<NodeId, crdt::Placement> TreeProjection::GhostDirectories() const {
  Places places;
  Links above;
  std::vector<NodeId> pending(used_in_trash_.begin(), used_in_trash_.end());
  while (!pending.empty()) {
    const NodeId node = pending.back();
    pending.pop_back();
    if (places.contains(node) || TargetOf(node) != node) continue;
    bool is_lost = false;
    const crdt::Placement place = OldPlaceOf(node, is_lost);
    if (const auto trashed = TrashedAbove(place.parent)) {
      above[node] = *trashed;
      pending.push_back(*trashed);
    }
    places[node] = place;
  }
  BreakLoops(above, places);
  return places;
}

void TreeProjection::UpdateGhostDirectories() {
  const bool may_move = !moved_directories_.empty() && !(used_in_trash_.empty() && ghost_directories_.empty());
  if (!std::exchange(use_in_trash_changed_, false) && !may_move) return;
  const Places places = GhostDirectories();
  for (const NodeId node : std::exchange(ghost_directories_, {})) {
    const auto next = places.find(node);
    const crdt::Placement place = ghosts_.at(node);
    if (next != places.end() && next->second == place) continue;
    RemoveClaimant(place.parent, place.name, node, /*is_ghost=*/true);
    ghosts_.erase(node);
    moved_directories_.push_back(node);
  }
  for (const auto& [node, place] : places) {
    ghost_directories_.insert(node);
    if (!ghosts_.emplace(node, place).second) continue;
    AddClaimant(place.parent, place.name, {node, node}, /*is_ghost=*/true);
    moved_directories_.push_back(node);
  }
}

}  // namespace copse::fs
