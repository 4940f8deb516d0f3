#include "cli/print.h"

#include <gtest/gtest.h>

namespace copse::cli {
namespace {

TEST(PrintTest, SizesAreShownInTheLargestFittingUnit) {
  EXPECT_EQ(SizeText(0), "0 bytes");
  EXPECT_EQ(SizeText(1), "1 byte");
  EXPECT_EQ(SizeText(1023), "1023 bytes");
  EXPECT_EQ(SizeText(1536), "1.5 KiB");
  EXPECT_EQ(SizeText(std::uint64_t{5} << 30), "5.0 GiB");
  EXPECT_EQ(SizeText(~std::uint64_t{0}), "16.0 EiB");
}

TEST(PrintTest, ANameInTheTrashCannotMoveTheCursor) {
  const Json listed{
      {"entries", {{{"node", 7}, {"deleted_at_ns", 0}, {"kind", "file"}, {"size", 3}, {"path", "a\x1b[2J\nb"}}}}};
  const std::string text = TrashListText(listed);
  EXPECT_NE(text.find("a?[2J?b"), std::string::npos) << text;
}

TEST(PrintTest, EveryProblemIsALineAndTheSumIsTheLast) {
  const Json damaged{{"store", "/s"},
                     {"frames", 1},
                     {"ops", 2},
                     {"chunks", 0},
                     {"chunks_missing", 0},
                     {"problems", {"feeds/1: bad", "chunks/2: bad"}},
                     {"ineffective_grants", Json::array()}};
  EXPECT_EQ(VerifyText(damaged), "feeds/1: bad\nchunks/2: bad\nverified 1 frame, 2 changes and 0 chunks: 2 problems\n");
  Json sound = damaged;
  sound["problems"] = Json::array();
  EXPECT_EQ(VerifyText(sound), "verified 1 frame, 2 changes and 0 chunks: sound\n");
  sound["ineffective_grants"] = {"actor 1 lets in x"};
  EXPECT_EQ(VerifyText(sound),
            "verified 1 frame, 2 changes and 0 chunks: sound\nmakes nobody a member: actor 1 lets in x\n");
}

TEST(PrintTest, AnEmptyTrashIsSaidToBeEmpty) {
  EXPECT_EQ(TrashListText({{"entries", Json::array()}}), "the trash is empty\n");
}

}  // namespace
}  // namespace copse::cli
