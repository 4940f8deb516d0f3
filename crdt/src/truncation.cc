#include "truncation.h"

#include <utility>
#include <vector>

namespace copse::crdt {

void Truncate(Timestamp stable, NodeTable& nodes, MoveTable& moves, Chains& chains, StructuralIndex& structural) {
  MoveTable kept;
  std::vector<MoveIndex> kept_as(moves.size(), kNoMove);
  for (Slot slot = 0; slot < nodes.end(); ++slot) {
    const std::vector<MoveIndex> chain = chains.All(slot);
    const MoveIndex at_stable = moves.After(chains.AtOrBefore(slot, stable));
    const MoveIndex before_trash = LastOutsideTrash(moves, at_stable);
    nodes.SetLast(slot, kNoMove);
    const auto keep = [&](MoveIndex move) {
      kept_as[move] = kept.AddCopy(moves, move);
      Move& copy = kept[kept_as[move]];
      copy.before = kept_as[copy.before];
      copy.earlier = nodes.Last(slot);
      nodes.SetLast(slot, kept_as[move]);
    };
    if (before_trash != kNoMove && before_trash != at_stable) {
      moves[at_stable].before = before_trash;  // There may have been moves within trash between.
      keep(before_trash);
    }
    if (at_stable != kNoMove) keep(at_stable);
    for (const MoveIndex move : chain) {
      if (moves[move].time() > stable) keep(move);
    }
  }
  moves = std::move(kept);
  chains.DropArrays();
  for (Slot slot = 0; slot < nodes.end(); ++slot) chains.NoteEnd(slot);
  structural.DropUntil(stable);
  structural.Renumber([&kept_as](MoveIndex move) { return kept_as[move]; });
}

}  // namespace copse::crdt
