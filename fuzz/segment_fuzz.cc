// Any bytes as a segment: a header and records that are read are what the writer writes for them, the reader always
// moves forward, and what it finds behind damage is a record. Each input is read as it is, and again with right
// checksums, which a fuzzer cannot guess.

#include <copse/base/hash.h>
#include <copse/crdt/bytes.h>

#include "bytes_file.h"
#include "fuzz.h"
#include "segment.h"

namespace copse::fuzz {
namespace {

using replica::SegmentReader;

void Check(std::string_view bytes) {
  SegmentReader reader(std::make_unique<BytesFile>(bytes), bytes.size());
  if (const auto header = reader.ReadHeader(); header.ok()) {
    Require(replica::EncodeSegmentHeader(*header) == bytes.substr(0, replica::kSegmentHeaderBytes));
  }
  std::string payload;
  for (bool must_be_record = false;;) {
    const std::uint64_t begin = reader.offset();
    const SegmentReader::Outcome outcome = reader.Next(payload).value();
    if (outcome == SegmentReader::Outcome::kRecord) {
      Require(replica::EncodeRecord(payload) == bytes.substr(begin, reader.offset() - begin));
      must_be_record = false;
      continue;
    }
    Require(!must_be_record && reader.offset() == begin);
    if (outcome == SegmentReader::Outcome::kEnd) return;
    const std::optional<std::uint64_t> next = reader.FindRecordAfter(begin).value();
    if (!next) return;
    Require(*next > begin);
    reader.Seek(*next);
    must_be_record = true;
  }
}

std::string WithChecksums(std::string bytes) {
  constexpr std::string_view kMagic = "cprc";
  const auto put = [&](std::size_t offset, std::uint32_t checksum) {
    crdt::ByteWriter writer;
    writer.U32(checksum);
    bytes.replace(offset, writer.size(), writer.bytes());
  };
  if (bytes.size() >= replica::kSegmentHeaderBytes) {
    const std::size_t end = replica::kSegmentHeaderBytes - sizeof(std::uint32_t);
    put(end, base::Crc32c(std::string_view(bytes).substr(0, end)));
  }
  for (std::size_t at = bytes.find(kMagic); at != std::string::npos; at = bytes.find(kMagic, at + 1)) {
    if (bytes.size() - at < replica::kRecordHeaderBytes) break;
    const std::string_view length_bytes = std::string_view(bytes).substr(at + kMagic.size(), sizeof(std::uint32_t));
    const std::size_t length = crdt::ByteReader(length_bytes).U32().value();
    const std::string_view rest = std::string_view(bytes).substr(at + replica::kRecordHeaderBytes);
    if (length > rest.size()) continue;
    put(at + 2 * kMagic.size(), base::Crc32c(rest.substr(0, length), base::Crc32c(length_bytes)));
    at += replica::kRecordHeaderBytes + length - 1;
  }
  return bytes;
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  copse::fuzz::Check(bytes);
  copse::fuzz::Check(copse::fuzz::WithChecksums(std::string(bytes)));
  return 0;
}
