#include <copse/crdt/dump.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace copse::crdt {
namespace {

Op Move(std::uint64_t counter, NodeId child, NodeId parent, std::string name) {
  Op op;
  op.time = Timestamp::Of(counter, 1);
  op.child = child;
  op.place = Place{parent, std::move(name)};
  return op;
}

std::string NameIn(const Tree& tree, NodeId node) {
  return "{\"name\":\"" + std::string(tree.PlacementOf(node)->name) + "\"}";
}

TEST(DumpTest, PrintsTheseBytes) {
  Tree tree;
  tree.Apply(std::vector{Move(1, NodeId::Of(1, 1), kRoot, "a"), Move(2, NodeId::Of(1, 2), NodeId::Of(1, 1), "b"),
                         Move(3, NodeId::Of(2, 1), kRoot, "c"), Move(4, NodeId::Of(1, 3), kTrash, "d"),
                         Move(5, NodeId::Of(1, 4), NodeId::Of(9, 9), "below no placed node")});
  EXPECT_EQ(Dump(tree, [&](NodeId node) { return NameIn(tree, node); }),
            "- null => forest\n"
            "  - 1 => {\"name\":\"root\"}\n"
            "    - 281474976710657 => {\"name\":\"a\"}\n"
            "      - 281474976710658 => {\"name\":\"b\"}\n"
            "    - 562949953421313 => {\"name\":\"c\"}\n"
            "  - 2 => {\"name\":\"fileinodes\"}\n"
            "  - 3 => {\"name\":\"trash\"}\n"
            "    - 281474976710659 => {\"name\":\"d\"}\n");
}

TEST(DumpTest, IndentsThousandsOfLevels) {
  constexpr std::uint64_t kDepth = 5'000;
  std::vector<Op> chain;
  for (std::uint64_t i = 1; i <= kDepth; ++i) {
    chain.push_back(Move(i, NodeId::Of(1, i), i == 1 ? kRoot : NodeId::Of(1, i - 1), "n"));
  }
  Tree tree;
  tree.Apply(chain);
  const std::string dump = Dump(tree, [](NodeId) { return std::string("{}"); });
  std::string deepest(2 * (kDepth + 1), ' ');
  deepest += "- " + std::to_string(chain.back().child.value);
  EXPECT_TRUE(dump.ends_with(deepest + " => {}\n  - 2 => {}\n  - 3 => {}\n"));
}

}  // namespace
}  // namespace copse::crdt
