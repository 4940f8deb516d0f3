#include "truncation.h"

#include <utility>
#include <vector>

namespace copse::crdt {

void Truncate(Timestamp stable, NodeTable& nodes, MoveTable& moves, Chains& chains, StructuralIndex& structural) {
  MoveTable kept;
  std::vector<MoveIndex> kept_as(moves.size(), kNoMove);
  for (Slot slot = 0; slot < nodes.size(); ++slot) {
    Node& node = nodes[slot];
    const std::vector<MoveIndex> chain = chains.All(node);
    const MoveIndex at_stable = moves.After(chains.AtOrBefore(node, stable));
    const MoveIndex before_trash = LastOutsideTrash(moves, at_stable);
    node.last = kNoMove;
    node.long_chain = 0;
    const auto keep = [&](MoveIndex move) {
      kept_as[move] = kept.size();
      Move& copy = kept.emplace_back(std::move(moves[move]));
      copy.before = kept_as[copy.before];
      copy.earlier = node.last;
      node.last = kept_as[move];
    };
    if (before_trash != kNoMove && before_trash != at_stable) {
      moves[at_stable].before = before_trash;  // There may have been moves within trash between.
      keep(before_trash);
    }
    if (at_stable != kNoMove) keep(at_stable);
    for (const MoveIndex move : chain) {
      if (moves[move].time() > stable) keep(move);
    }
    node.in_effect = kept_as[node.in_effect];
  }
  moves = std::move(kept);
  chains.DropArrays();
  structural.DropUntil(stable);
  structural.Renumber([&kept_as](MoveIndex move) { return kept_as[move]; });
}

}  // namespace copse::crdt
