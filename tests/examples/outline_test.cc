#include <gtest/gtest.h>

#include "run.h"

namespace copse::examples_test {
namespace {

TEST(OutlineTest, PrintsTheStoryThatIsToldBesideThisTest) {
  const Ran ran = RunExample("outline", "", "");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.out, test::ReadFile(std::string(COPSE_EXPECTED) + "/outline.expected"));
  EXPECT_EQ(ran.err, "");
}

}  // namespace
}  // namespace copse::examples_test
