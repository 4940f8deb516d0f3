#include "seeded_histories.h"

#include <algorithm>
#include <string>
#include <utility>

namespace copse::crdt_test {
namespace {

using crdt::ActorId;
using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed), nodes_(2 + Draw(13)), actors_(2 + Draw(3)) {}

  std::vector<Op> Ops() {
    const std::size_t size = 2 + Draw(Draw(3) == 0 ? 59 : 14);
    std::vector<std::uint64_t> clocks(actors_);
    std::uint64_t highest = 0;
    std::vector<Op> ops;
    while (ops.size() < size) {
      const std::size_t actor = Draw(actors_);
      const std::uint64_t seen = highest - std::min<std::uint64_t>(highest, Draw(8));
      clocks[actor] = std::max(clocks[actor], seen) + 1;
      highest = std::max(highest, clocks[actor]);
      ops.emplace_back().time = Timestamp::Of(clocks[actor], static_cast<ActorId>(actor + 1));
    }
    std::sort(ops.begin(), ops.end(), [](const Op& a, const Op& b) { return a.time < b.time; });
    for (std::size_t i = 0; i < ops.size(); ++i) Fill(ops, i);
    return ops;
  }

  std::vector<std::vector<Op>> Arrival(std::vector<Op> ops) {
    Arrange(ops);
    for (std::size_t again = Draw(4); again > 0; --again) {
      const std::size_t index = Draw(ops.size());
      if (ops[index].place) {
        const Op copy = ops[index];
        ops.insert(ops.begin() + static_cast<std::ptrdiff_t>(index + Draw(ops.size() - index)) + 1, copy);
      }
    }
    const std::size_t piece_max = 1 + Draw(12);
    std::vector<std::vector<Op>> batches;
    for (std::size_t at = 0; at < ops.size();) {
      const std::size_t end = std::min(ops.size(), at + 1 + Draw(piece_max));
      batches.emplace_back(ops.begin() + static_cast<std::ptrdiff_t>(at),
                           ops.begin() + static_cast<std::ptrdiff_t>(end));
      at = end;
    }
    return batches;
  }

 private:
  std::size_t Draw(std::size_t end) { return Below(random_, end); }
  NodeId Node() {
    const std::size_t index = Draw(nodes_);
    return NodeId::Of(static_cast<ActorId>(1 + index % actors_), 100 + index);
  }

  void Fill(std::vector<Op>& ops, std::size_t index) {
    Op& op = ops[index];
    op.child = Node();
    const std::size_t kind = Draw(20);
    const std::string name(1, static_cast<char>('a' + Draw(3)));
    if (kind < 11) {
      op.place = crdt::Place{Node(), name};
    } else if (kind < 14) {
      op.place = crdt::Place{NodeId{Draw(4)}, name};
    } else if (kind < 19) {
      op.place = crdt::Place{crdt::kTrash, name};
      op.guard = Guard(ops, index);
    }
    if (!op.place || Draw(8) == 0) {
      op.fields.push_back(crdt::Field{crdt::FieldId{1, ""}, std::to_string(op.time.value), std::nullopt});
    }
  }

  // Mostly an earlier move of the same child, the latest more often than others.
  Timestamp Guard(const std::vector<Op>& ops, std::size_t index) {
    for (std::size_t at = index; at > 0; --at) {
      if (ops[at - 1].child == ops[index].child && ops[at - 1].place && Draw(3) != 0) return ops[at - 1].time;
    }
    return Draw(4) == 0 ? Timestamp{ops[index].time.value - 1} : Timestamp{};
  }

  void Arrange(std::vector<Op>& ops) {
    const auto swap_up_to = [&](std::size_t distance) {
      for (std::size_t i = ops.size(); i > 1; --i) {
        std::swap(ops[i - 1], ops[i - 1 - Draw(std::min(distance, i - 1) + 1)]);
      }
    };
    switch (Draw(5)) {
      case 0:
        swap_up_to(ops.size());
        break;
      case 1:
        swap_up_to(4);
        break;
      case 2:
        break;
      case 3:
        std::reverse(ops.begin(), ops.end());
        break;
      default: {
        // One actor after another, each in its order: as if all had been offline.
        std::stable_sort(ops.begin(), ops.end(),
                         [](const Op& a, const Op& b) { return a.time.actor() < b.time.actor(); });
      }
    }
  }

  std::mt19937_64 random_;
  std::size_t nodes_;
  std::size_t actors_;
};

}  // namespace

SeededHistory::SeededHistory(std::uint64_t seed) {
  Maker maker(seed);
  ops = maker.Ops();
  arrival = maker.Arrival(ops);
}

}  // namespace copse::crdt_test
