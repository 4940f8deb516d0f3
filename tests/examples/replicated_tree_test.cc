#include <gtest/gtest.h>

#include "run.h"

namespace copse::examples_test {
namespace {

TEST(ReplicatedTreeTest, TwoStoresMeetOverLoopbackAndKeepWhatBothWrote) {
  const Ran ran = RunExample("replicated_tree", "", "");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.out, test::ReadFile(std::string(COPSE_EXPECTED) + "/replicated_tree.expected"));
  EXPECT_EQ(ran.err, "");
}

}  // namespace
}  // namespace copse::examples_test
