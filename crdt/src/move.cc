#include "move.h"

#include <algorithm>
#include <span>

#include "status_macros.h"

namespace copse::crdt {

void MoveTable::Save(ImageWriter& image) const {
  image.Number(size());
  ForEachBlock([&](std::span<const Move> moves) {
    image.Raw({reinterpret_cast<const char*>(moves.data()), moves.size_bytes()});
  });
  image.Pad();
  image.Number(guards_.size());
  image.Array(guards_);
  names_.Save(image);
}

absl::Status MoveTable::Load(ImageReader& image) {
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t count, image.Number());
  CRDT_ASSIGN_OR_RETURN(const auto moves, image.Array<Move>(count));
  if (count == 0 || count > kMovesMax) return image.Error("moves");
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t guard_count, image.Number());
  CRDT_ASSIGN_OR_RETURN(const auto guards, image.Array<Guard>(guard_count));
  guards_.assign(guards.begin(), guards.end());
  const auto ascends_not = [](const Guard& a, const Guard& b) { return a.move >= b.move; };
  const bool is_ascending = std::adjacent_find(guards_.begin(), guards_.end(), ascends_not) == guards_.end();
  const bool all_have = std::all_of(guards_.begin(), guards_.end(), [&](const Guard& guard) {
    return guard.move < moves.size() && moves[guard.move].has_guard();
  });
  if (!is_ascending || !all_have) return image.Error("the guards of moves");
  Adopt(moves, image.owner());
  return names_.Load(image);
}

}  // namespace copse::crdt
