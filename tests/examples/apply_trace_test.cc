#include <crdt/oracle.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "run.h"

namespace copse::examples_test {
namespace {

using ::testing::HasSubstr;

struct Line {
  std::uint64_t counter;
  std::uint32_t actor;
  std::uint64_t parent;
  std::uint64_t child;
  std::string meta;
};

std::string TextOf(const Line& line) {
  return "{\"time\":[" + std::to_string(line.counter) + "," + std::to_string(line.actor) +
         "],\"parent\":" + std::to_string(line.parent) + ",\"child\":" + std::to_string(line.child) +
         ",\"meta\":" + nlohmann::json(line.meta).dump() + "}\n";
}

/// What the oracle makes of it. It has well-known nodes, so the trace's get other ids, and 0 the forest's.
std::string ExpectedOf(const std::vector<Line>& lines) {
  std::map<std::uint64_t, std::uint64_t> to = {{0, 0}};
  std::map<std::uint64_t, std::uint64_t> from = {{0, 0}};
  for (const Line& line : lines) {
    for (const std::uint64_t id : {line.parent, line.child}) {
      if (to.try_emplace(id, 1000 + to.size()).second) from[to[id]] = id;
    }
  }
  crdt_test::Oracle oracle;
  for (const Line& line : lines) {
    crdt::Op op;
    op.time = crdt::Timestamp::Of(line.counter, static_cast<crdt::ActorId>(line.actor));
    op.child = crdt::NodeId{to[line.child]};
    op.place = crdt::Place{crdt::NodeId{to[line.parent]}, line.meta};
    oracle.Learn(std::vector{op});
  }
  std::map<std::uint64_t, std::string> printed;
  for (const auto& [node, place] : oracle.Fold().places) {
    if (crdt::IsPermanent(node)) continue;
    const std::uint64_t child = from[node.value];
    printed[child] = "{\"child\":" + std::to_string(child) + ",\"parent\":" + std::to_string(from[place.parent.value]) +
                     ",\"meta\":" + nlohmann::json(place.name).dump() + "}\n";
  }
  std::string expected;
  for (const auto& [child, text] : printed) expected += text;
  return expected;
}

std::string OutOf(const std::string& input) {
  const Ran ran = RunExample("apply_trace", "", input);
  EXPECT_EQ(ran.status, 0) << ran.err;
  return ran.out;
}

TEST(ApplyTraceTest, PrintsEachPlacedNodeByChildInOneForm) {
  EXPECT_EQ(OutOf(TextOf({2, 1, 10, 18446744073709551615u, "b\"\n"}) + TextOf({1, 1, 0, 10, "a"}) +
                  "{\"commit\":true}\n" + TextOf({3, 2, 10, 1, "c"})),
            "{\"child\":1,\"parent\":10,\"meta\":\"c\"}\n"
            "{\"child\":10,\"parent\":0,\"meta\":\"a\"}\n"
            "{\"child\":18446744073709551615,\"parent\":10,\"meta\":\"b\\\"\\n\"}\n");
  EXPECT_EQ(OutOf(""), "");
  EXPECT_EQ(OutOf("{\"commit\":true}\n\n{\"commit\":true}"), "");
}

TEST(ApplyTraceTest, TheNodesThatTheEngineKnowsWellAreLikeOthers) {
  EXPECT_EQ(OutOf(TextOf({1, 0, 0, 1, "a"}) + TextOf({2, 0, 1, 3, "b"}) + TextOf({3, 0, 3, 2, "c"}) +
                  TextOf({4, 0, 2, 1, "would close a cycle"})),
            "{\"child\":1,\"parent\":0,\"meta\":\"a\"}\n"
            "{\"child\":2,\"parent\":3,\"meta\":\"c\"}\n"
            "{\"child\":3,\"parent\":1,\"meta\":\"b\"}\n");
}

TEST(ApplyTraceTest, OfOpsOfOneTimeTheFirstCountsWhateverTheOthersSay) {
  EXPECT_EQ(OutOf(TextOf({7, 1, 0, 10, "first"}) + TextOf({7, 1, 0, 10, "again"}) + "{\"commit\":true}\n" +
                  TextOf({7, 1, 5, 11, "another child"})),
            "{\"child\":10,\"parent\":0,\"meta\":\"first\"}\n");
}

TEST(ApplyTraceTest, TimesAreOrderedByCounterThenActorToTheEndsOfTheirRanges) {
  const std::uint64_t counter_max = (std::uint64_t{1} << 48) - 1;
  EXPECT_EQ(OutOf(TextOf({counter_max, 65535, 0, 9, "last"}) + TextOf({counter_max, 65534, 0, 9, "before"}) +
                  TextOf({0, 0, 0, 8, "first"}) + TextOf({0, 1, 0, 8, "second"})),
            "{\"child\":8,\"parent\":0,\"meta\":\"second\"}\n{\"child\":9,\"parent\":0,\"meta\":\"last\"}\n");
}

TEST(ApplyTraceTest, StatsAreOneLineOfJsonOnStandardError) {
  const Ran ran = RunExample("apply_trace", "--stats",
                             TextOf({1, 1, 0, 10, "a"}) + "{\"commit\":true}\n{\"commit\":true}\n" +
                                 TextOf({1, 1, 0, 10, "a"}) + TextOf({2, 1, 0, 11, "b"}));
  EXPECT_EQ(ran.status, 0);
  const auto json = nlohmann::json::parse(ran.err);
  EXPECT_EQ(json["ops"], 3);
  EXPECT_EQ(json["batches"], 2);
  EXPECT_GE(json["seconds"], 0.0);
  EXPECT_TRUE(json["structural"].is_number_unsigned());
  EXPECT_GT(json["peak_memory"], 100'000);
  EXPECT_EQ(json.size(), 5u);
}

TEST(ApplyTraceTest, BadInputIsOneLineThatNamesTheLineAndPrintsNoTree) {
  const std::string good = TextOf({1, 1, 0, 10, "a"});
  const std::string rest = ",\"parent\":0,\"child\":10,\"meta\":\"a\"}";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"time\":[1,1", "not JSON"},
      {"{\"time\":[1,1]" + rest + "x", "not JSON"},
      {"{\"time\":[1,1],\"parent\":0,\"child\":10,\"meta\":\"\xff\"}", "not JSON"},
      {"[1]", "expected an object"},
      {"{}", "\"time\""},
      {"{\"commit\":false}", "\"commit\""},
      {"{\"time\":1" + rest, "\"time\""},
      {"{\"time\":[1]" + rest, "\"time\""},
      {"{\"time\":[281474976710656,1]" + rest, "counter"},
      {"{\"time\":[-1,1]" + rest, "counter"},
      {"{\"time\":[1.5,1]" + rest, "counter"},
      {"{\"time\":[1,65536]" + rest, "actor"},
      {"{\"time\":[1,\"1\"]" + rest, "actor"},
      {"{\"time\":[2,1],\"child\":10,\"meta\":\"a\"}", "\"parent\""},
      {"{\"time\":[2,1],\"parent\":-1,\"child\":10,\"meta\":\"a\"}", "\"parent\""},
      {"{\"time\":[2,1],\"parent\":0,\"meta\":\"a\"}", "\"child\""},
      {"{\"time\":[2,1],\"parent\":0,\"child\":18446744073709551616,\"meta\":\"a\"}", "\"child\""},
      {"{\"time\":[2,1],\"parent\":0,\"child\":0,\"meta\":\"a\"}", "\"child\" must not be 0"},
      {"{\"time\":[2,1],\"parent\":0,\"child\":10}", "\"meta\""},
      {"{\"time\":[2,1],\"parent\":0,\"child\":10,\"meta\":7}", "\"meta\""},
  };
  for (const auto& [bad, what] : cases) {
    const Ran ran = RunExample("apply_trace", "", good + "\n" + bad + "\n" + good);
    EXPECT_EQ(ran.status, 1) << bad;
    EXPECT_EQ(ran.out, "") << bad;
    EXPECT_THAT(ran.err, HasSubstr("line 3: ")) << bad;
    EXPECT_THAT(ran.err, HasSubstr(what)) << bad;
    EXPECT_EQ(ran.err.find('\n'), ran.err.size() - 1) << bad;
  }
}

TEST(ApplyTraceTest, HelpIsPrintedAndUnknownOptionsAreRefused) {
  EXPECT_THAT(RunExample("apply_trace", "--help", "").out, HasSubstr("usage: apply_trace"));
  EXPECT_EQ(RunExample("apply_trace", "--help", "").status, 0);
  const Ran refused = RunExample("apply_trace", "--stat", "");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("--stat"));
}

// A hundred processes, each with a trace of a few nodes, so that moves meet.
RC_GTEST_PROP(ApplyTraceProperty, TheTreeIsTheOraclesWhateverTheTrace, ()) {
  std::mt19937_64 random(*rc::gen::arbitrary<std::uint32_t>());
  const auto draw = [&](std::uint64_t end) { return random() % end; };
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> ids = {0, 1, 2, 3, 4, huge, huge - 1, std::uint64_t{1} << 48, random(), random()};
  const std::size_t ids_used = 3 + draw(ids.size() - 2);
  const std::uint64_t counters = 1 + draw(120);
  const std::uint64_t actors = 1 + draw(4);
  const std::array metas = {"", "a", "\xc3\xa9\n", "\\"};
  std::vector<Line> lines;
  std::string input;
  for (std::uint64_t count = draw(150); count > 0; --count) {
    const Line line{draw(counters), static_cast<std::uint32_t>(draw(actors)), ids[draw(ids_used)],
                    ids[1 + draw(ids_used - 1)], metas[draw(metas.size())]};
    lines.push_back(line);
    input += TextOf(line);
    if (draw(5) == 0) input += "{\"commit\":true}\n";
  }
  RC_ASSERT(OutOf(input) == ExpectedOf(lines));
}

}  // namespace
}  // namespace copse::examples_test
