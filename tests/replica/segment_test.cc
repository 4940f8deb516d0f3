#include "segment.h"

#include <copse/base/memory_storage.h>
#include <gtest/gtest.h>

namespace copse::replica {
namespace {

using Outcome = SegmentReader::Outcome;

const SegmentHeader kHeader{.volume = {1, 2, 3}, .actor = 7, .first_op = 99};

class SegmentTest : public testing::Test {
 protected:
  SegmentReader Reader(const std::string& bytes) {
    storage_.Remove("/s").IgnoreError();
    auto file = storage_.Open("/s", base::Storage::OpenMode::kCreate).value();
    EXPECT_TRUE(file->WriteAt(0, bytes).ok());
    return SegmentReader(std::move(file), bytes.size());
  }

  base::MemoryStorage storage_;
};

TEST_F(SegmentTest, RecordsComeBackInOrderAndThenTheEnd) {
  SegmentReader reader =
      Reader(EncodeSegmentHeader(kHeader) + EncodeRecord("one") + EncodeRecord("") + EncodeRecord("3"));
  EXPECT_EQ(reader.ReadHeader().value(), kHeader);
  std::string payload;
  for (const char* expected : {"one", "", "3"}) {
    EXPECT_EQ(reader.Next(payload).value(), Outcome::kRecord);
    EXPECT_EQ(payload, expected);
  }
  EXPECT_EQ(reader.Next(payload).value(), Outcome::kEnd);
}

TEST_F(SegmentTest, ARecordIsMagicLengthChecksumAndPayload) {
  EXPECT_EQ(EncodeRecord("abc").substr(0, 8), std::string("cprc\x03\0\0\0", 8));
  EXPECT_EQ(EncodeRecord("abc").size(), kRecordHeaderBytes + 3);
}

TEST_F(SegmentTest, NoFlippedBitOfARecordIsAccepted) {
  const std::string header = EncodeSegmentHeader(kHeader);
  const std::string record = EncodeRecord("payload");
  for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
    std::string flipped = record;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    SegmentReader reader = Reader(header + flipped);
    std::string payload;
    EXPECT_EQ(reader.Next(payload).value(), Outcome::kBad) << bit;
    EXPECT_EQ(reader.offset(), kSegmentHeaderBytes);
  }
}

TEST_F(SegmentTest, NoFlippedBitOfTheHeaderIsAccepted) {
  const std::string header = EncodeSegmentHeader(kHeader);
  EXPECT_EQ(header.size(), kSegmentHeaderBytes);
  for (std::size_t bit = 0; bit < header.size() * 8; ++bit) {
    std::string flipped = header;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(absl::IsDataLoss(DecodeSegmentHeader(flipped).status())) << bit;
  }
}

TEST_F(SegmentTest, TheNextValidRecordIsFoundBehindADamagedOne) {
  const std::string header = EncodeSegmentHeader(kHeader);
  std::string damaged = EncodeRecord("the first cprc record");  // Its payload has the magic of a record in it.
  damaged.back() = 'x';
  const SegmentReader followed = Reader(header + damaged + EncodeRecord("valid"));
  EXPECT_EQ(followed.FindRecordAfter(kSegmentHeaderBytes).value(), kSegmentHeaderBytes + damaged.size());
  const SegmentReader torn = Reader(header + damaged + EncodeRecord("valid").substr(0, 14));
  EXPECT_EQ(torn.FindRecordAfter(kSegmentHeaderBytes).value(), std::nullopt);
}

}  // namespace
}  // namespace copse::replica
