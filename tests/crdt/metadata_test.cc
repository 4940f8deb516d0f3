// What a program's metadata is as bytes, and that nothing but those bytes is taken for it.

#include <copse/crdt/metadata.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace copse::crdt {
namespace {

enum class Colour : std::uint8_t { kRed = 1, kGreen = 200 };

struct Inner {
  std::int16_t number = 0;
  std::string text;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& number& text;
  }
  friend bool operator==(const Inner&, const Inner&) = default;
};

struct Everything {
  std::string title;
  bool done = false;
  char letter = 0;
  std::int64_t signed_number = 0;
  std::uint64_t big = 0;
  Colour colour = Colour::kRed;
  double real = 0;
  float small = 0;
  std::vector<std::string> tags;
  std::vector<bool> flags;
  std::optional<Inner> inner;
  std::vector<Inner> more;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& Named("title", title) & done& letter& signed_number& big& colour& real& small& tags& flags& inner& more;
  }
  friend bool operator==(const Everything&, const Everything&) = default;
};

struct Item {
  std::string title;
  bool done = false;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& title& done;
  }
  friend bool operator==(const Item&, const Item&) = default;
};

struct Nest {
  std::vector<Nest> nests;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& nests;
  }
};

/// Its bytes are its own: a specialisation.
struct Celsius {
  int degrees = 0;
};

}  // namespace

template <>
struct MetadataTraits<Celsius> {
  static std::string ToBytes(const Celsius& value) { return std::to_string(value.degrees) + "C"; }
  static absl::StatusOr<Celsius> FromBytes(std::string_view bytes) {
    if (bytes.empty() || bytes.back() != 'C') return absl::DataLossError("no temperature");
    return Celsius{std::atoi(std::string(bytes).c_str())};
  }
};

namespace {

using ::testing::HasSubstr;

Everything Sample() {
  Everything value;
  value.title = std::string("caf\xc3\xa9 \0 \xff", 9);
  value.done = true;
  value.letter = '\xe9';
  value.signed_number = std::numeric_limits<std::int64_t>::min();
  value.big = std::numeric_limits<std::uint64_t>::max();
  value.colour = Colour::kGreen;
  value.real = -0.1;
  value.small = std::numeric_limits<float>::denorm_min();
  value.tags = {"", "a"};
  value.flags = {true, false, true};
  value.inner = Inner{-300, "x"};
  value.more = {{1, "one"}, {2, ""}};
  return value;
}

template <typename T>
absl::Status StatusOf(std::string_view bytes) {
  return MetadataTraits<T>::FromBytes(bytes).status();
}

TEST(MetadataTest, AStringIsItsOwnBytes) {
  const std::string any("a\0\xff", 3);
  EXPECT_EQ(MetadataTraits<std::string>::ToBytes(any), any);
  EXPECT_EQ(*MetadataTraits<std::string>::FromBytes(any), any);
}

TEST(MetadataTest, AStructIsItsMembersOneAfterAnother) {
  EXPECT_EQ(MetadataTraits<Item>::ToBytes({"plan", true}), std::string("\x04plan\x01", 6));
  EXPECT_EQ(*MetadataTraits<Item>::FromBytes(std::string_view("\x04plan\x01", 6)), (Item{"plan", true}));
}

TEST(MetadataTest, EveryKindOfMemberComesBack) {
  EXPECT_EQ(*MetadataTraits<Everything>::FromBytes(MetadataTraits<Everything>::ToBytes(Sample())), Sample());
  EXPECT_EQ(*MetadataTraits<Everything>::FromBytes(MetadataTraits<Everything>::ToBytes({})), Everything());
}

TEST(MetadataTest, ASpecialisationHasItsOwnForm) {
  EXPECT_EQ(MetadataTraits<Celsius>::ToBytes({-4}), "-4C");
  EXPECT_EQ(MetadataTraits<Celsius>::FromBytes("21C")->degrees, 21);
  EXPECT_FALSE(MetadataTraits<Celsius>::FromBytes("21").ok());
}

TEST(MetadataTest, BytesCutOffAnywhereAreRefusedWithTheOffset) {
  const std::string bytes = MetadataTraits<Everything>::ToBytes(Sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const absl::Status status = StatusOf<Everything>(bytes.substr(0, length));
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << length;
    EXPECT_THAT(std::string(status.message()), HasSubstr("offset "));
  }
  EXPECT_EQ(StatusOf<Everything>(bytes + "x").code(), absl::StatusCode::kDataLoss) << "something is left over";
}

TEST(MetadataTest, WhatIsNotOfTheTypeIsRefused) {
  EXPECT_EQ(StatusOf<Item>(std::string_view("\x00\x02", 2)).code(), absl::StatusCode::kDataLoss) << "a bool of 2";
  // 32,768 in zigzag needs 17 bits.
  EXPECT_EQ(StatusOf<Inner>(std::string_view("\x80\x80\x04\x00", 4)).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(StatusOf<Inner>(std::string_view("\xfe\xff\x03\x00", 4)).ok()) << "32,767 is of 16 bits";
  EXPECT_EQ(StatusOf<Inner>(std::string_view("\x80\x00\x00", 3)).code(), absl::StatusCode::kDataLoss)
      << "a number longer than it need be";
}

TEST(MetadataTest, LengthsBeyondTheBytesAreRefusedBeforeAnythingIsAllocated) {
  EXPECT_EQ(StatusOf<Item>("\xff\xff\xff\xff\x0fx").code(), absl::StatusCode::kDataLoss) << "4 GiB of title";
  EXPECT_EQ(StatusOf<Nest>("\xff\xff\xff\xff\x0fx").code(), absl::StatusCode::kDataLoss) << "4 billion elements";
}

TEST(MetadataTest, NestingIsBounded) {
  EXPECT_TRUE(StatusOf<Nest>(std::string(20, '\x01') + std::string(1, '\0')).ok());
  const absl::Status status = StatusOf<Nest>(std::string(1'000'000, '\x01') + std::string(1, '\0'));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("at most 64 values within each other"));
}

RC_GTEST_PROP(MetadataProperty, AnyBytesAreRefusedOrWrittenAgainAsTheyWere, ()) {
  std::string bytes = MetadataTraits<Everything>::ToBytes(Sample());
  for (const auto& [at, byte] : *rc::gen::arbitrary<std::vector<std::pair<std::uint16_t, char>>>()) {
    bytes[at % bytes.size()] = byte;
  }
  if (const auto value = MetadataTraits<Everything>::FromBytes(bytes); value.ok()) {
    RC_ASSERT(MetadataTraits<Everything>::ToBytes(*value) == bytes);
  }
}

RC_GTEST_PROP(MetadataProperty, ItemsComeBack, (const std::string& title, bool done)) {
  const Item item{title, done};
  RC_ASSERT(*MetadataTraits<Item>::FromBytes(MetadataTraits<Item>::ToBytes(item)) == item);
}

}  // namespace
}  // namespace copse::crdt
