// Any bytes as a pack: the entries that ReadPack gives are ascending and lie in the file; an index is what the writer
// writes for them, and without one each has its record. Each input is read as it is, and again with right checksums,
// which a fuzzer cannot guess.

#include <copse/base/hash.h>
#include <copse/crdt/bytes.h>

#include "bytes_file.h"
#include "fuzz.h"
#include "pack.h"

namespace copse::fuzz {
namespace {

using replica::PackContents;
using replica::PackEntry;
using replica::PackTail;

constexpr std::size_t kDurableOffset = 52;
constexpr std::size_t kTrailerBytes = 32;
constexpr std::size_t kTrailerChecksums = 16;  // After the index's offset and the number of its entries.

void CheckRecord(std::string_view bytes, const PackEntry& entry) {
  const std::uint64_t durable = crdt::ByteReader(bytes.substr(entry.offset + kDurableOffset)).U64().value();
  Require(replica::EncodePackRecordHeader(entry, durable) ==
          bytes.substr(entry.offset, replica::kPackRecordHeaderBytes));
}

void CheckContents(std::string_view bytes, const PackContents& contents) {
  Require(contents.file_size == bytes.size() && contents.records_end <= bytes.size());
  std::uint64_t last = 0;
  for (const PackEntry& entry : contents.entries) {
    Require(entry.offset >= last && entry.end() <= bytes.size());
    last = entry.offset;
    if (!contents.has_index) CheckRecord(bytes, entry);
  }
  if (contents.has_index) {
    Require(replica::EncodePackIndex(contents.entries, contents.records_end) == bytes.substr(contents.records_end));
  }
}

void Check(std::string_view bytes) {
  BytesFile file(bytes);
  for (const PackTail tail : {PackTail::kMayBeTorn, PackTail::kIsSynced}) {
    const auto contents = replica::ReadPack(file, "pack", {}, tail);
    if (contents.ok()) CheckContents(bytes, *contents);
  }
  for (const bool must_have_index : {false, true}) {
    std::vector<std::string> problems;
    const auto records = replica::VerifyPack(file, "pack", {}, bytes.size(), must_have_index, problems);
    for (const PackEntry& entry : records.value().sound) {
      if (!must_have_index) CheckRecord(bytes, entry);  // Else the index may know one whose header is damaged.
      Require(base::Sha256(bytes.substr(entry.offset + replica::kPackRecordHeaderBytes, entry.sealed_length)) ==
              entry.id);
    }
  }
}

void PutChecksum(std::string& bytes, std::size_t begin, std::size_t end, std::size_t at) {
  crdt::ByteWriter writer;
  writer.U32(base::Crc32c(std::string_view(bytes).substr(begin, end - begin)));
  bytes.replace(at, writer.size(), writer.bytes());
}

std::string WithChecksums(std::string bytes) {
  const std::string header = replica::EncodePackHeader({});
  bytes.replace(0, header.size(), header);
  for (std::size_t at = bytes.find("cpch"); at != std::string::npos; at = bytes.find("cpch", at + 1)) {
    if (bytes.size() - at < replica::kPackRecordHeaderBytes) break;
    PutChecksum(bytes, at, at + 60, at + 60);
  }
  if (bytes.size() < header.size() + kTrailerBytes) return bytes;
  const std::size_t trailer = bytes.size() - kTrailerBytes;
  const std::uint64_t index = crdt::ByteReader(std::string_view(bytes).substr(trailer)).U64().value();
  if (index > trailer) return bytes;
  PutChecksum(bytes, index, trailer, trailer + kTrailerChecksums);
  PutChecksum(bytes, trailer, trailer + kTrailerChecksums + 4, trailer + kTrailerChecksums + 4);
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
