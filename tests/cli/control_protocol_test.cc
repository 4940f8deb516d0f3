#include "cli/control_protocol.h"

#include <gtest/gtest.h>

namespace copse::cli {
namespace {

std::string WithoutNewline(std::string line) {
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  line.pop_back();
  return line;
}

TEST(ControlProtocolTest, ARequestComesBackAsItWasSent) {
  const Request sent{"trash-restore", {{"targets", {"a\nb", "17"}}}};
  const absl::StatusOr<Request> got = DecodeRequest(WithoutNewline(EncodeRequest(sent)));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->command, sent.command);
  EXPECT_EQ(got->arguments, sent.arguments);
}

TEST(ControlProtocolTest, AResultComesBackAsItWasSent) {
  const Json result{{"entries", 3}, {"path", "a\nb"}};
  const absl::StatusOr<Json> got = DecodeReply(WithoutNewline(EncodeReply(result)));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, result);
}

TEST(ControlProtocolTest, ARequestNestedDeeperThanAnyCommandNeedsIsRefused) {
  const auto nested = [](std::size_t depth) {
    return R"({"version":1,"command":"trash-restore","arguments":{"targets":)" + std::string(depth, '[') +
           std::string(depth, ']') + "}}";
  };
  EXPECT_TRUE(DecodeRequest(nested(10)).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(DecodeRequest(nested(400'000)).status()));
}

TEST(ControlProtocolTest, AnErrorComesBackWithItsCodeAndMessage) {
  for (const absl::Status& error : {absl::NotFoundError("x: not there; look elsewhere"), absl::DataLossError("torn"),
                                    absl::ResourceExhaustedError("full"), absl::UnauthenticatedError("who?")}) {
    EXPECT_EQ(DecodeReply(WithoutNewline(EncodeReply(error))).status(), error);
  }
}

TEST(ControlProtocolTest, BytesThatAreNotUtf8DoNotBreakAReply) {
  const absl::StatusOr<Json> got = DecodeReply(WithoutNewline(EncodeReply(Json{{"path", "caf\xe9"}})));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ((*got)["path"], "caf\xef\xbf\xbd");
}

TEST(ControlProtocolTest, AnotherVersionIsToldFromNonsense) {
  EXPECT_TRUE(absl::IsFailedPrecondition(DecodeRequest(R"({"version":2,"command":"x","arguments":{}})").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(DecodeReply(R"({"version":0,"ok":true,"result":1})").status()));
  for (const char* nonsense :
       {"", "{", "[]", "7", "{}", R"({"version":1})", R"({"version":1,"command":7,"arguments":{}})",
        R"({"version":1,"command":"x","arguments":[]})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeRequest(nonsense).status())) << nonsense;
  }
  for (const char* nonsense : {"", "{}", R"({"version":1})", R"({"version":1,"ok":true})",
                               R"({"version":1,"ok":false,"code":1,"message":"m"})", R"({"version":1,"ok":"yes"})"}) {
    EXPECT_TRUE(absl::IsInternal(DecodeReply(nonsense).status())) << nonsense;
  }
}

TEST(LineSplitterTest, LinesAreTheSameHoweverTheBytesAreCut) {
  const std::string stream = "one\n\ntwo and a half\nthree\n";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    LineSplitter splitter(20);
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(splitter.Take(std::string_view(stream).substr(at, piece), lines).ok());
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two and a half", "three"})) << piece;
  }
}

TEST(LineSplitterTest, ALineIsRefusedAsSoonAsItIsTooLong) {
  LineSplitter splitter(4);
  std::vector<std::string> lines;
  EXPECT_TRUE(splitter.Take("four\nfo", lines).ok());
  EXPECT_TRUE(splitter.Take("ur", lines).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(splitter.Take("!", lines)));
  EXPECT_EQ(lines, (std::vector<std::string>{"four"}));
}

}  // namespace
}  // namespace copse::cli
