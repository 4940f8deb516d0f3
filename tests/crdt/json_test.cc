#include <copse/crdt/json.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <support/histories.h>

#include <string>
#include <vector>

namespace copse::crdt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using Text = Document<std::string>;

Op Sample() {
  Op op;
  op.time = Timestamp::Of(5, 2);
  op.child = NodeId{18446744073709551615u};
  op.place = Place{kTrash, "caf\xc3\xa9"};
  op.guard = Timestamp::Of(4, 1);
  op.fields = {{{1, ""}, "value", {}}, {{1, "k\xff"}, {}, std::vector{Timestamp::Of(2, 3)}}};
  return op;
}

/// As text, as it would be written to a file.
Json Again(const Json& json) { return Json::parse(json.dump()); }

TEST(JsonTest, AnOpIsWrittenAsTheDocumentationSays) {
  EXPECT_EQ(Json(Sample()), Json::parse(R"({"time": [5, 2], "child": 18446744073709551615, "ends_batch": true,
    "place": {"parent": 3, "name": "café"}, "guard": [4, 1],
    "fields": [{"number": 1, "value": "value"}, {"number": 1, "key": {"hex": "6bff"}, "replaces": [[2, 3]]}]})"));
  EXPECT_EQ(Again(Sample()).get<Op>(), Sample());
  EXPECT_EQ(Again(Op()).get<Op>(), Op());
}

TEST(JsonTest, NamesOfAnyBytesComeBack) {
  for (const std::string& name : {std::string(), std::string("\0", 1), std::string("\xff\xfe"), std::string("\xc3"),
                                  std::string("{\"hex\":\"00\"}"), std::string("\xf0\x9f\x8c\xb3")}) {
    EXPECT_EQ(Again(Place{kRoot, name}).get<Place>(), (Place{kRoot, name}));
  }
}

TEST(JsonTest, AVersionVectorComesBack) {
  VersionVector version;
  version.Raise(1, 7);
  version.Raise(65535, kCounterMax);
  EXPECT_EQ(Json(version), Json::parse("[[1, 7], [65535, 281474976710655]]"));
  EXPECT_EQ(Again(version).get<VersionVector>(), version);
}

TEST(JsonTest, ADocumentComesBackWithItsActorAndGoesOn) {
  Text document(7);
  const NodeId a = *document.Create(kRoot, "\xff");
  ASSERT_TRUE(document.Set(a, 1, "x").ok());
  auto again = DocumentFromJson<std::string>(Again(ToJson(document)));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->Save(), document.Save());
  EXPECT_TRUE(again->Delete(a).ok());
}

TEST(JsonTest, WhatIsMalformedOrOutOfRangeIsRefused) {
  const Json good = OpDelta{{}, {Sample()}};
  ASSERT_TRUE(OpDeltaFromJson(good).ok());
  const auto refused = [&](const char* pointer, Json value) {
    Json bad = good;
    bad[Json::json_pointer(pointer)] = std::move(value);
    const absl::Status status = OpDeltaFromJson(bad).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << pointer;
  };
  refused("/ops", 1);
  refused("/since", "x");
  refused("/since", Json::parse("[[65536, 1]]"));
  refused("/since", Json::parse("[[1]]"));
  refused("/ops/0/time", Json::parse("[281474976710656, 1]"));
  refused("/ops/0/time", Json::parse("[1]"));
  refused("/ops/0/child", -1);
  refused("/ops/0/child", 1.5);
  refused("/ops/0/place/name", 1);
  refused("/ops/0/place/name", Json::parse(R"({"hex": "0"})"));
  refused("/ops/0/place/name", Json::parse(R"({"hex": "0G"})"));
  refused("/ops/0/fields/0/number", 4294967296);
  refused("/ops/0/ends_batch", 1);
  EXPECT_EQ(OpDeltaFromJson(Json::parse("[]")).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(OpDeltaFromJson(Json::parse(R"({"since": [], "ops": [{}]})")).status().message()),
              HasSubstr("time"));
}

TEST(JsonTest, ADocumentOfOpsThatCannotBeIsRefused) {
  Text document(7);
  ASSERT_TRUE(document.Create(kRoot, "a").ok());
  for (const auto& [pointer, value] : std::vector<std::pair<const char*, Json>>{
           {"/actor", 0}, {"/ops/0/time/0", 2}, {"/ops/0/time/0", 0}, {"/ops/0/ends_batch", false}}) {
    Json bad = ToJson(document);
    bad[Json::json_pointer(pointer)] = value;
    EXPECT_EQ(DocumentFromJson<std::string>(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

RC_GTEST_PROP(JsonProperty, EveryHistoryComesBackAndMakesTheSameDocument, ()) {
  const OpDelta delta{{}, *test_support::Ops()};
  RC_ASSERT(*OpDeltaFromJson(Again(delta)) == delta);
  Text document(99);
  RC_ASSERT(document.Merge(delta).ok());
  RC_ASSERT(DocumentFromJson<std::string>(Again(ToJson(document)))->Save() == document.Save());
}

}  // namespace
}  // namespace copse::crdt
