#include <copse/crdt/bytes.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace copse::crdt {
namespace {

using ::testing::HasSubstr;

using std::string_literals::operator""s;

std::string VarintOf(std::uint64_t value) {
  ByteWriter writer;
  writer.Varint(value);
  return std::move(writer).Take();
}

TEST(BytesTest, FixedIntegersAreLittleEndian) {
  ByteWriter writer;
  writer.U8(0x01);
  writer.U16(0x0302);
  writer.U32(0x07060504);
  writer.U64(0x0f0e0d0c0b0a0908);
  EXPECT_EQ(writer.bytes(), "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f");
  ByteReader reader(writer.bytes());
  EXPECT_EQ(*reader.U8(), 0x01);
  EXPECT_EQ(*reader.U16(), 0x0302);
  EXPECT_EQ(*reader.U32(), 0x07060504u);
  EXPECT_EQ(*reader.U64(), 0x0f0e0d0c0b0a0908u);
  EXPECT_TRUE(reader.ExpectEnd().ok());
}

TEST(BytesTest, VarintsAreLeb128) {
  EXPECT_EQ(VarintOf(0), "\x00"s);
  EXPECT_EQ(VarintOf(0x7f), "\x7f");
  EXPECT_EQ(VarintOf(0x80), "\x80\x01");
  EXPECT_EQ(VarintOf(std::numeric_limits<std::uint64_t>::max()), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(BytesTest, AVarintThatIsTooLongOrTooLargeIsRefused) {
  for (const std::string& bytes : {"\x80\x00"s, "\x81\x80\x00"s, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s,
                                   "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s, "\x80"s, ""s}) {
    EXPECT_EQ(ByteReader(bytes).Varint().status().code(), absl::StatusCode::kDataLoss) << bytes.size();
  }
}

TEST(BytesTest, ALengthBeyondTheEndIsRefusedAndNamesTheOffset) {
  ByteWriter writer;
  writer.U8(0);
  writer.Varint(std::numeric_limits<std::uint64_t>::max());
  ByteReader reader(writer.bytes());
  ASSERT_TRUE(reader.U8().ok());
  const absl::Status status = reader.LengthPrefixed().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "offset 11: expected 18446744073709551615 bytes, there are 0");
}

TEST(BytesTest, WhatIsMissingIsNotRead) {
  ByteReader reader("abc");
  EXPECT_EQ(reader.U32().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(*reader.Raw(3), "abc");
  EXPECT_EQ(reader.U8().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(reader.Raw(std::numeric_limits<std::size_t>::max()).status().code(), absl::StatusCode::kDataLoss);
}

TEST(BytesTest, BytesAfterTheEndAreRefused) {
  ByteReader reader("ab");
  ASSERT_TRUE(reader.U8().ok());
  EXPECT_THAT(std::string(reader.ExpectEnd().message()), HasSubstr("offset 1: expected the end"));
}

RC_GTEST_PROP(BytesProperty, WhatIsWrittenIsRead, (std::uint64_t value, std::string text)) {
  // Shifted, so that every length of a varint comes up.
  const std::uint64_t unsigned_value = value >> *rc::gen::inRange(0, 64);
  const auto signed_value = static_cast<std::int64_t>(value) >> *rc::gen::inRange(0, 64);
  ByteWriter writer;
  writer.Varint(unsigned_value);
  writer.SignedVarint(signed_value);
  writer.LengthPrefixed(text);
  ByteReader reader(writer.bytes());
  RC_ASSERT(*reader.Varint() == unsigned_value);
  RC_ASSERT(*reader.SignedVarint() == signed_value);
  RC_ASSERT(*reader.LengthPrefixed() == text);
  RC_ASSERT(reader.remaining() == 0u);
}

}  // namespace
}  // namespace copse::crdt
