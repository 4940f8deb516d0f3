#include "content/staging_log.h"

#include <copse/base/hash.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "content/manifest_page.h"

// A log is a header and then changes, each one record: length, CRC-32C, body. Between them stand notes of publications,
// by which recovery knows a version that is an op already for its own. One Persist appends one change, so that
// after a crash its ranges, cut and size hold together or not at all. A record that is bad and last was being written
// when the machine stopped, and is dropped; one that a valid record follows is damage, and nothing is guessed then.

namespace copse::fs {
namespace {

constexpr std::string_view kMagic = "copseSTG";
constexpr std::uint16_t kFormat = 2;
constexpr std::size_t kFrameBytes = 8;
enum RecordType : std::uint8_t { kHeader = 1, kChange = 2, kPublication = 3, kPassthrough = 4 };

std::string Record(crdt::ByteWriter body) {
  crdt::ByteWriter record;
  record.U32(static_cast<std::uint32_t>(body.size()));
  record.U32(base::Crc32c(body.bytes()));
  record.Raw(body.bytes());
  return std::move(record).Take();
}

/// The body of the record at the start of `bytes`; nothing if it is not whole and right.
std::optional<std::string_view> RecordBody(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  const auto length = reader.U32();
  const auto checksum = reader.U32();
  if (!length.ok() || !checksum.ok() || *length == 0) return std::nullopt;
  const auto body = reader.Raw(*length);
  if (!body.ok() || base::Crc32c(*body) != *checksum) return std::nullopt;
  return *body;
}

bool HasRecord(std::string_view bytes) {
  for (std::size_t offset = 0; offset + kFrameBytes < bytes.size(); ++offset) {
    if (RecordBody(bytes.substr(offset))) return true;
  }
  return false;
}

absl::Status DecodeHeader(std::string_view body, StagingHeader& header) {
  crdt::ByteReader reader(body);
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t type, reader.U8());
  if (type != kHeader) return reader.Error("a header record");
  COPSE_ASSIGN_OR_RETURN(const std::string_view magic, reader.Raw(kMagic.size()));
  if (magic != kMagic) return reader.Error("the magic copseSTG");
  COPSE_ASSIGN_OR_RETURN(const std::uint16_t format, reader.U16());
  if (format != kFormat) return reader.Error("staging format 2, found " + std::to_string(format));
  COPSE_ASSIGN_OR_RETURN(header.node.value, reader.U64());
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t base_bytes, reader.Varint());
  if (base_bytes > reader.remaining()) return reader.Error("a base of as many bytes as there are");
  COPSE_ASSIGN_OR_RETURN(const std::string_view base, reader.Raw(base_bytes));
  COPSE_ASSIGN_OR_RETURN(header.base, DecodeManifest(base));
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t chunking, reader.U8());
  if (chunking > 1) return reader.Error("chunking 0 or 1");
  header.fixed_chunks = chunking == 1;
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t count, reader.Varint());
  if (count > reader.remaining() / sizeof(std::uint64_t)) return reader.Error("as many heads as there are bytes for");
  for (std::uint64_t i = 0; i < count; ++i) {
    COPSE_ASSIGN_OR_RETURN(const std::uint64_t head, reader.U64());
    header.base_heads.push_back(crdt::Timestamp{head});
  }
  return reader.ExpectEnd();
}

absl::StatusOr<StagingChange> DecodeChange(std::string_view body) {
  crdt::ByteReader reader(body);
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t type, reader.U8());
  if (type != kChange) return reader.Error("a change record");
  StagingChange change;
  COPSE_ASSIGN_OR_RETURN(change.size, reader.U64());
  if (change.size > kFileBytesMax) return reader.Error("a size below 2^63");
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t limit, reader.U64());
  if (limit > change.size) return reader.Error("a lowest size of at most the size");
  change.changes = ChangeSet(limit);
  COPSE_ASSIGN_OR_RETURN(change.mtime, reader.SignedVarint());
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t count, reader.Varint());
  std::uint64_t last_end = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    COPSE_ASSIGN_OR_RETURN(const std::uint8_t kind, reader.U8());
    if (kind != static_cast<std::uint8_t>(RangeKind::kData) && kind != static_cast<std::uint8_t>(RangeKind::kHole)) {
      return reader.Error("kind 1 or 2");
    }
    COPSE_ASSIGN_OR_RETURN(const std::uint64_t begin, reader.Varint());
    COPSE_ASSIGN_OR_RETURN(const std::uint64_t length, reader.Varint());
    if (length == 0 || begin > change.size || length > change.size - begin) return reader.Error("a range in the file");
    if (begin < last_end) return reader.Error("ranges that ascend and are disjoint");
    last_end = begin + length;
    change.changes.Set(begin, begin + length, static_cast<RangeKind>(kind));
  }
  COPSE_RETURN_IF_ERROR(reader.ExpectEnd());
  return change;
}

absl::StatusOr<base::Hash> DecodePublication(std::string_view body) {
  crdt::ByteReader reader(body);
  base::Hash plain_root;
  COPSE_RETURN_IF_ERROR(reader.U8().status());
  COPSE_ASSIGN_OR_RETURN(const std::string_view bytes, reader.Raw(plain_root.size()));
  COPSE_RETURN_IF_ERROR(reader.ExpectEnd());
  std::copy(bytes.begin(), bytes.end(), plain_root.begin());
  return plain_root;
}

absl::Status TakeRecord(std::string_view body, StagingLogContents& contents) {
  if (body.front() == kPublication) {
    COPSE_ASSIGN_OR_RETURN(const base::Hash plain_root, DecodePublication(body));
    contents.publications.push_back(plain_root);
    return absl::OkStatus();
  }
  if (body.front() == kPassthrough) {
    if (body.size() != 1) return absl::DataLossError("expected a passthrough record of one byte");
    contents.passes_through = true;
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(const StagingChange change, DecodeChange(body));
  contents.sum.changes.Apply(change.changes);
  contents.sum.size = change.size;
  contents.sum.mtime = change.mtime;
  return absl::OkStatus();
}

absl::Status At(std::uint64_t offset, const absl::Status& status) {
  return absl::DataLossError("record at " + std::to_string(offset) + ": " + std::string(status.message()));
}

}  // namespace

std::string EncodeStagingHeader(const StagingHeader& header) {
  crdt::ByteWriter body;
  body.U8(kHeader);
  body.Raw(kMagic);
  body.U16(kFormat);
  body.U64(header.node.value);
  const std::string base = EncodeManifest(header.base);
  body.Varint(base.size());
  body.Raw(base);
  body.U8(header.fixed_chunks ? 1 : 0);
  body.Varint(header.base_heads.size());
  for (const crdt::Timestamp head : header.base_heads) body.U64(head.value);
  return Record(std::move(body));
}

std::string EncodeStagingChange(const StagingChange& change) {
  crdt::ByteWriter body;
  body.U8(kChange);
  body.U64(change.size);
  body.U64(change.changes.limit());
  body.SignedVarint(change.mtime);
  body.Varint(change.changes.ranges().size());
  for (const auto& [begin, tail] : change.changes.ranges()) {
    body.U8(static_cast<std::uint8_t>(tail.kind));
    body.Varint(begin);
    body.Varint(tail.end - begin);
  }
  return Record(std::move(body));
}

std::string EncodeStagingPublication(const base::Hash& plain_root) {
  crdt::ByteWriter body;
  body.U8(kPublication);
  body.Raw(base::AsBytes(plain_root));
  return Record(std::move(body));
}

std::string EncodeStagingPassthrough() {
  crdt::ByteWriter body;
  body.U8(kPassthrough);
  return Record(std::move(body));
}

absl::StatusOr<StagingLogContents> ParseStagingLog(std::string_view bytes) {
  StagingLogContents contents;
  const auto header = RecordBody(bytes);
  if (!header) return absl::DataLossError("record at 0: expected a whole header");
  COPSE_RETURN_IF_ERROR(DecodeHeader(*header, contents.header));
  contents.sum.changes = ChangeSet(contents.header.base.size);
  std::size_t offset = kFrameBytes + header->size();
  const std::size_t first_change = offset;
  while (const auto body = RecordBody(bytes.substr(offset))) {
    const bool is_first = offset == first_change;
    if (is_first && body->front() != kChange) return At(offset, absl::DataLossError("expected a change"));
    absl::Status taken = TakeRecord(*body, contents);
    if (!taken.ok()) return At(offset, taken);
    offset += kFrameBytes + body->size();
  }
  if (offset < bytes.size() && HasRecord(bytes.substr(offset + 1))) {
    return At(offset, absl::DataLossError("expected a valid record, since one follows"));
  }
  if (offset == first_change) return At(offset, absl::DataLossError("expected a change"));
  contents.valid_bytes = offset;
  return contents;
}

}  // namespace copse::fs
