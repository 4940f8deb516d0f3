#include "tree_image.h"

#include <string>
#include <vector>

#include "status_macros.h"

namespace copse::crdt {
namespace {

absl::Status Wrong(const char* what, std::size_t number) {
  return absl::DataLossError("image: " + std::string(what) + " " + std::to_string(number) + " is none");
}

class Check {
 public:
  Check(const NodeTable& nodes, const MoveTable& moves, const StructuralIndex& structural)
      : nodes_(nodes), moves_(moves), structural_(structural) {}

  absl::Status Run() const {
    std::size_t moved = 0;
    for (Slot slot = 0; slot < nodes_.end(); ++slot) {
      if (!IsNode(slot)) return Wrong("node", slot);
      if (nodes_.Last(slot) != kNoMove) ++moved;
    }
    // The newest move of each node must be one of that node. Seen from the moves, which lie in memory far apart from
    // nodes: as many are the newest of their child as there are nodes with a newest.
    std::size_t newest = 0;
    std::size_t placed = 0;
    std::size_t guarded = 0;
    for (MoveIndex move = 0; move < moves_.size(); ++move) {
      if (!IsMove(move)) return Wrong("move", move);
      if (moves_[move].has_guard()) ++guarded;
      if (move == kNoMove || nodes_.Last(moves_[move].child()) != move) continue;
      ++newest;
      if (moves_[moves_.After(move)].parent() != kNoDirectory) ++placed;
    }
    if (newest != moved) return Wrong("the number of nodes", moved);
    if (guarded != moves_.guard_count()) return Wrong("the number of guards", guarded);
    std::size_t listed = 0;
    for (DirectoryNumber number = 0; number < nodes_.directory_count(); ++number) {
      if (!HasItsChildren(nodes_.directory(number), number)) return Wrong("directory", number);
      listed += nodes_.directory(number).children.size();
    }
    if (listed != placed) return Wrong("the number of children", listed);
    CRDT_RETURN_IF_ERROR(CheckAcyclic());
    bool are_structural = true;
    structural_.ForEach([&](Timestamp time, MoveIndex index, DirectoryNumber child) {
      are_structural = are_structural && index < moves_.size() && IsStructural(moves_[index], time, child);
    });
    return are_structural ? absl::OkStatus() : Wrong("a structural move of", structural_.size());
  }

 private:
  /// A structural move has been found to have a child that is a directory.
  bool IsStructural(const Move& move, Timestamp time, DirectoryNumber child) const {
    return move.is_structural() && move.time() == time && nodes_.DirectoryNumberOf(move.child()) == child;
  }
  DirectoryNumber ParentOf(Slot slot) const { return moves_[moves_.After(nodes_.Last(slot))].parent(); }

  bool IsMove(MoveIndex index) const {
    const Move& move = moves_[index];
    if (index == kNoMove) {
      return move.child() == kNoSlot && move.parent() == kNoDirectory && !move.takes_effect() && move.name == 0 &&
             move.before == kNoMove && move.earlier == kNoMove && move.time() == Timestamp();
    }
    const bool has_parent = move.parent() != kNoDirectory;
    if (move.child() >= nodes_.end() || (has_parent && move.parent() >= nodes_.directory_count())) return false;
    if (move.takes_effect() && !has_parent) return false;
    if (move.is_structural() && !nodes_[move.child()].has_directory()) return false;
    // A chain goes back in time, and so it ends.
    if (move.earlier >= moves_.size()) return false;
    const Move& earlier = moves_[move.earlier];
    if (move.earlier != kNoMove && (earlier.child() != move.child() || move.time() <= earlier.time())) return false;
    return move.before == moves_.After(move.earlier) && moves_.HasName(index);
  }

  bool IsNode(Slot slot) const {
    const Node& node = nodes_[slot];
    if (node.has_array() || node.has_changed()) return false;
    if (node.has_directory()) {
      const DirectoryNumber number = nodes_.DirectoryNumberOf(slot);
      if (number >= nodes_.directory_count() || nodes_.NodeOf(number) != slot) return false;
    }
    return nodes_.Last(slot) < moves_.size();
  }

  bool HasItsChildren(const Directory& directory, DirectoryNumber number) const {
    NodeId before;
    bool is_first = true;
    for (const Slot child : directory.children.settled()) {
      if (child >= nodes_.end() || ParentOf(child) != number) return false;
      const NodeId id = nodes_.IdOf(child);
      if (!is_first && id <= before) return false;
      before = id;
      is_first = false;
    }
    return true;
  }

  absl::Status CheckAcyclic() const {
    enum : std::uint8_t { kUnknown, kOnTheWay, kEnds };
    std::vector<std::uint8_t> states(nodes_.directory_count(), kUnknown);
    std::vector<DirectoryNumber> way;
    for (DirectoryNumber start = 0; start < nodes_.directory_count(); ++start) {
      DirectoryNumber at = start;
      for (; at != kNoDirectory && states[at] == kUnknown; at = ParentOf(nodes_.NodeOf(at))) {
        states[at] = kOnTheWay;
        way.push_back(at);
      }
      if (at != kNoDirectory && states[at] == kOnTheWay) return Wrong("a way up from directory", start);
      for (const DirectoryNumber passed : way) states[passed] = kEnds;
      way.clear();
    }
    return absl::OkStatus();
  }

  const NodeTable& nodes_;
  const MoveTable& moves_;
  const StructuralIndex& structural_;
};

}  // namespace

absl::Status CheckImage(const NodeTable& nodes, const MoveTable& moves, const StructuralIndex& structural) {
  return Check(nodes, moves, structural).Run();
}

}  // namespace copse::crdt
