#include "segment.h"

#include <copse/base/check.h>
#include <copse/base/hash.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>

#include <algorithm>
#include <limits>

namespace copse::replica {
namespace {

constexpr std::string_view kSegmentMagic = "copseseg";
constexpr std::string_view kRecordMagic = "cprc";

std::uint32_t RecordChecksum(std::string_view length, std::string_view payload) {
  return base::Crc32c(payload, base::Crc32c(length));
}

struct RecordHeader {
  std::uint32_t length = 0;
  std::uint32_t checksum = 0;
  std::string_view length_bytes;
};

/// Nothing where `bytes` does not begin with the magic of a record and a whole header.
std::optional<RecordHeader> ReadRecordHeader(std::string_view bytes) {
  if (bytes.size() < kRecordHeaderBytes || bytes.substr(0, kRecordMagic.size()) != kRecordMagic) return std::nullopt;
  crdt::ByteReader reader(bytes.substr(kRecordMagic.size(), 8));
  RecordHeader header;
  header.length = reader.U32().value();
  header.checksum = reader.U32().value();
  header.length_bytes = bytes.substr(kRecordMagic.size(), 4);
  return header;
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  crdt::ByteWriter writer;
  writer.Raw(kSegmentMagic);
  writer.U32(kSegmentFormat);
  writer.Raw(base::AsBytes(header.volume));
  writer.U16(header.actor);
  writer.U64(header.first_op);
  writer.U32(base::Crc32c(writer.bytes()));
  COPSE_CHECK(writer.size() == kSegmentHeaderBytes);
  return std::move(writer).Take();
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  COPSE_ASSIGN_OR_RETURN(const std::string_view magic, reader.Raw(kSegmentMagic.size()));
  if (magic != kSegmentMagic) return reader.Error("the magic of a segment");
  COPSE_ASSIGN_OR_RETURN(const std::uint32_t format, reader.U32());
  if (format != kSegmentFormat) return reader.Error("segment format 1");
  SegmentHeader header;
  COPSE_ASSIGN_OR_RETURN(const std::string_view volume, reader.Raw(header.volume.size()));
  std::copy(volume.begin(), volume.end(), reinterpret_cast<char*>(header.volume.data()));
  COPSE_ASSIGN_OR_RETURN(header.actor, reader.U16());
  COPSE_ASSIGN_OR_RETURN(header.first_op, reader.U64());
  const std::uint32_t expected = base::Crc32c(bytes.substr(0, reader.offset()));
  COPSE_ASSIGN_OR_RETURN(const std::uint32_t checksum, reader.U32());
  if (checksum != expected) return reader.Error("the checksum of the segment's header");
  return header;
}

std::string EncodeRecord(std::string_view payload) {
  COPSE_CHECK(payload.size() <= std::numeric_limits<std::uint32_t>::max());
  crdt::ByteWriter length;
  length.U32(static_cast<std::uint32_t>(payload.size()));
  crdt::ByteWriter writer;
  writer.Raw(kRecordMagic);
  writer.Raw(length.bytes());
  writer.U32(RecordChecksum(length.bytes(), payload));
  writer.Raw(payload);
  return std::move(writer).Take();
}

absl::StatusOr<SegmentHeader> SegmentReader::ReadHeader() {
  std::string bytes(std::min<std::uint64_t>(size_, kSegmentHeaderBytes), '\0');
  COPSE_ASSIGN_OR_RETURN(const std::size_t count, file_->ReadAt(0, bytes));
  bytes.resize(count);
  return DecodeSegmentHeader(bytes);
}

absl::StatusOr<SegmentReader::Outcome> SegmentReader::Next(std::string& payload) {
  if (offset_ >= size_) return Outcome::kEnd;
  std::string head(std::min<std::uint64_t>(size_ - offset_, kRecordHeaderBytes), '\0');
  COPSE_ASSIGN_OR_RETURN(const std::size_t head_count, file_->ReadAt(offset_, head));
  head.resize(head_count);
  const std::optional<RecordHeader> header = ReadRecordHeader(head);
  if (!header || header->length > size_ - offset_ - kRecordHeaderBytes) return Outcome::kBad;
  payload.resize(header->length);
  COPSE_ASSIGN_OR_RETURN(const std::size_t count, file_->ReadAt(offset_ + kRecordHeaderBytes, payload));
  if (count != header->length || RecordChecksum(header->length_bytes, payload) != header->checksum) {
    return Outcome::kBad;
  }
  offset_ += kRecordHeaderBytes + header->length;
  return Outcome::kRecord;
}

absl::StatusOr<std::optional<std::uint64_t>> SegmentReader::FindRecordAfter(std::uint64_t offset) const {
  if (offset + 1 >= size_) return std::optional<std::uint64_t>();
  std::string rest(size_ - offset - 1, '\0');
  COPSE_ASSIGN_OR_RETURN(const std::size_t count, file_->ReadAt(offset + 1, rest));
  rest.resize(count);
  const std::string_view view = rest;
  for (std::size_t at = view.find(kRecordMagic); at != std::string_view::npos; at = view.find(kRecordMagic, at + 1)) {
    const std::string_view candidate = view.substr(at);
    const std::optional<RecordHeader> header = ReadRecordHeader(candidate);
    if (header && header->length <= candidate.size() - kRecordHeaderBytes &&
        RecordChecksum(header->length_bytes, candidate.substr(kRecordHeaderBytes, header->length)) ==
            header->checksum) {
      return std::optional<std::uint64_t>(offset + 1 + at);
    }
  }
  return std::optional<std::uint64_t>();
}

}  // namespace copse::replica
