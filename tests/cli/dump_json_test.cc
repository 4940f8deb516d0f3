#include "cli/dump_json.h"

#include <gtest/gtest.h>

#include "cli/json.h"

namespace copse::cli {
namespace {

TEST(DumpJsonTest, IndentationBecomesNesting) {
  const absl::StatusOr<std::string> json = DumpAsJson(
      "- null => forest\n"
      "  - 1 => {\"name\":\"root\"}\n"
      "    - 281474976710657 => {\"name\":\"a => b\"}\n"
      "    - 281474976710658 => {\"name\":\"c\"}\n"
      "  - 2 => {\"name\":\"fileinodes\"}\n");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(*json,
            "{\"id\":null,\"value\":\"forest\",\"children\":["
            "{\"id\":1,\"value\":{\"name\":\"root\"},\"children\":["
            "{\"id\":281474976710657,\"value\":{\"name\":\"a => b\"}},"
            "{\"id\":281474976710658,\"value\":{\"name\":\"c\"}}]},"
            "{\"id\":2,\"value\":{\"name\":\"fileinodes\"}}]}");
  EXPECT_TRUE(Json::accept(*json));
}

TEST(DumpJsonTest, AVeryDeepTreeIsWrittenWithoutRecursion) {
  std::string dump = "- null => forest\n";
  constexpr std::size_t kDepth = 2000;
  for (std::size_t depth = 1; depth <= kDepth; ++depth) {
    dump += std::string(2 * depth, ' ') + "- " + std::to_string(depth) + " => {}\n";
  }
  const absl::StatusOr<std::string> json = DumpAsJson(dump);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_TRUE(Json::accept(*json));
}

TEST(DumpJsonTest, WhatIsNoDumpIsRefused) {
  for (const char* text : {"forest\n", "- null => forest\n - 1 => {}\n", "- null => forest\n    - 1 => {}\n",
                           "- null => forest\n- 1 => {}\n", "  - 1 => {}\n", "- null\n"}) {
    EXPECT_FALSE(DumpAsJson(text).ok()) << text;
  }
}

}  // namespace
}  // namespace copse::cli
