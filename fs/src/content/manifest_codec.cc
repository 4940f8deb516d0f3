#include <copse/base/hash.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>
#include <copse/fs/content.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "content/manifest_page.h"

// docs/format/manifest.md, in code. A manifest and a page share the form of their entries. Every value has one
// encoding, so what decodes encodes to the same bytes; every count is checked against its bound before anything is
// allocated for it. The plain root is stored only where the manifest alone cannot give it, that is above level 0:
// what need not be said cannot be said wrongly.

namespace copse::fs {
namespace {

constexpr std::uint8_t kFormat = 1;
enum Form : std::uint8_t { kInline = 0, kEntries = 1 };

void WriteEntry(crdt::ByteWriter& writer, std::uint8_t level, const ManifestEntry& entry) {
  writer.Varint(entry.length << 1 | (entry.is_hole ? 1 : 0));
  if (entry.is_hole) return;
  if (level > 0) writer.Varint(entry.chunk.plain_length);
  writer.Raw(base::AsBytes(entry.chunk.id));
  writer.Raw(base::AsBytes(entry.chunk.sealed_hash));
  writer.Raw(base::AsBytes(entry.chunk.plain_hash));
  writer.Varint(entry.chunk.epoch);
}

absl::Status ReadHash(crdt::ByteReader& reader, base::Hash& hash) {
  COPSE_ASSIGN_OR_RETURN(const std::string_view bytes, reader.Raw(hash.size()));
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return absl::OkStatus();
}

absl::StatusOr<ManifestEntry> ReadEntry(crdt::ByteReader& reader, std::uint8_t level) {
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t head, reader.Varint());
  ManifestEntry entry;
  entry.length = head >> 1;
  entry.is_hole = (head & 1) != 0;
  if (entry.length == 0) return reader.Error("an entry of at least one byte");
  if (entry.is_hole) {
    if (level > 0) return reader.Error("a page, not a hole, above level 0");
    return entry;
  }
  std::uint64_t plain_length = entry.length;
  if (level > 0) {
    COPSE_ASSIGN_OR_RETURN(plain_length, reader.Varint());
  }
  if (plain_length == 0 || plain_length > base::ContentStore::kChunkBytesMax) {
    return reader.Error("a chunk of 1 to " + std::to_string(base::ContentStore::kChunkBytesMax) + " bytes");
  }
  entry.chunk.plain_length = static_cast<std::uint32_t>(plain_length);
  COPSE_RETURN_IF_ERROR(ReadHash(reader, entry.chunk.id));
  COPSE_RETURN_IF_ERROR(ReadHash(reader, entry.chunk.sealed_hash));
  COPSE_RETURN_IF_ERROR(ReadHash(reader, entry.chunk.plain_hash));
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t epoch, reader.Varint());
  if (epoch > std::numeric_limits<std::uint32_t>::max()) return reader.Error("an epoch of 32 bits");
  entry.chunk.epoch = static_cast<std::uint32_t>(epoch);
  return entry;
}

/// Reads a count of at most `count_max` and that many entries, which must stand for `length` bytes in all, or where
/// that is absent for no more than a file has.
absl::StatusOr<std::vector<ManifestEntry>> ReadEntries(crdt::ByteReader& reader, std::uint8_t level,
                                                       std::size_t count_max, std::optional<std::uint64_t> length) {
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t count, reader.Varint());
  if (count == 0 || count > count_max) return reader.Error("1 to " + std::to_string(count_max) + " entries");
  std::vector<ManifestEntry> entries;
  entries.reserve(count);
  const std::uint64_t length_max = length.value_or(kFileBytesMax);
  std::uint64_t rest = length_max;
  for (std::uint64_t i = 0; i < count; ++i) {
    COPSE_ASSIGN_OR_RETURN(ManifestEntry entry, ReadEntry(reader, level));
    if (entry.length > rest)
      return reader.Error("entries of " + std::to_string(length_max) + " bytes in all, not more");
    rest -= entry.length;
    entries.push_back(entry);
  }
  if (length && rest != 0) return reader.Error("entries of " + std::to_string(*length) + " bytes in all, not fewer");
  return entries;
}

std::uint64_t HoleBytes(std::span<const ManifestEntry> entries) {
  std::uint64_t sum = 0;
  for (const ManifestEntry& entry : entries) sum += entry.is_hole ? entry.length : 0;
  return sum;
}

absl::Status ReadInline(crdt::ByteReader& reader, Manifest& manifest) {
  if (manifest.size > Manifest::kInlineBytesMax) return reader.Error("at most 512 bytes inline");
  COPSE_ASSIGN_OR_RETURN(const std::string_view bytes, reader.Raw(manifest.size));
  manifest.inline_bytes = std::string(bytes);
  return absl::OkStatus();
}

absl::Status ReadTree(crdt::ByteReader& reader, Manifest& manifest) {
  COPSE_ASSIGN_OR_RETURN(manifest.level, reader.U8());
  if (manifest.level > kLevelMax) return reader.Error("a level of at most " + std::to_string(kLevelMax));
  if (manifest.level > 0) {
    COPSE_ASSIGN_OR_RETURN(manifest.hole_bytes, reader.Varint());
    if (manifest.hole_bytes > manifest.size) return reader.Error("no more holes than bytes");
    COPSE_RETURN_IF_ERROR(ReadHash(reader, manifest.plain_root_of_pages));
  }
  COPSE_ASSIGN_OR_RETURN(manifest.entries,
                         ReadEntries(reader, manifest.level, Manifest::kRootEntriesMax, manifest.size));
  if (manifest.level == 0) manifest.hole_bytes = HoleBytes(manifest.entries);
  return absl::OkStatus();
}

}  // namespace

base::Hash Manifest::PlainRoot() const {
  if (level > 0) return plain_root_of_pages;
  return entries.empty() ? PlainRootOfInline(inline_bytes) : PlainRootOfLeaves(entries);
}

std::string EncodeManifest(const Manifest& manifest) {
  crdt::ByteWriter writer;
  writer.U8(kFormat);
  writer.U8(manifest.entries.empty() ? kInline : kEntries);
  writer.U8(manifest.fixed_chunks ? 1 : 0);
  writer.Varint(manifest.size);
  writer.SignedVarint(manifest.mtime);
  if (manifest.entries.empty()) {
    writer.Raw(manifest.inline_bytes);
    return std::move(writer).Take();
  }
  writer.U8(manifest.level);
  if (manifest.level > 0) {
    writer.Varint(manifest.hole_bytes);
    writer.Raw(base::AsBytes(manifest.plain_root_of_pages));
  }
  writer.Varint(manifest.entries.size());
  for (const ManifestEntry& entry : manifest.entries) WriteEntry(writer, manifest.level, entry);
  return std::move(writer).Take();
}

absl::StatusOr<Manifest> DecodeManifest(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  Manifest manifest;
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format != kFormat) return reader.Error("manifest format 1, found " + std::to_string(format));
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t form, reader.U8());
  if (form > kEntries) return reader.Error("form 0 or 1");
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t chunking, reader.U8());
  if (chunking > 1) return reader.Error("chunking 0 or 1");
  manifest.fixed_chunks = chunking == 1;
  COPSE_ASSIGN_OR_RETURN(manifest.size, reader.Varint());
  if (manifest.size > kFileBytesMax) return reader.Error("a size below 2^63");
  COPSE_ASSIGN_OR_RETURN(manifest.mtime, reader.SignedVarint());
  COPSE_RETURN_IF_ERROR(form == kInline ? ReadInline(reader, manifest) : ReadTree(reader, manifest));
  COPSE_RETURN_IF_ERROR(reader.ExpectEnd());
  return manifest;
}

std::string EncodePage(std::uint8_t level, std::span<const ManifestEntry> entries) {
  crdt::ByteWriter writer;
  writer.U8(kFormat);
  writer.U8(level);
  writer.Varint(entries.size());
  for (const ManifestEntry& entry : entries) WriteEntry(writer, level, entry);
  return std::move(writer).Take();
}

absl::StatusOr<std::vector<ManifestEntry>> DecodePage(std::string_view bytes, std::uint8_t level,
                                                      std::optional<std::uint64_t> length) {
  crdt::ByteReader reader(bytes);
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format != kFormat) return reader.Error("page format 1, found " + std::to_string(format));
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t found_level, reader.U8());
  if (found_level != level) return reader.Error("a page of level " + std::to_string(level));
  COPSE_ASSIGN_OR_RETURN(std::vector<ManifestEntry> entries, ReadEntries(reader, level, kPageEntriesMax, length));
  COPSE_RETURN_IF_ERROR(reader.ExpectEnd());
  return entries;
}

base::Hash PlainRootOfLeaves(std::span<const ManifestEntry> leaves) {
  crdt::ByteWriter writer;
  writer.Raw("copse plain root 1 leaves");
  for (const ManifestEntry& leaf : leaves) {
    writer.U64(leaf.length);
    writer.U8(leaf.is_hole ? 1 : 0);
    if (!leaf.is_hole) writer.Raw(base::AsBytes(leaf.chunk.plain_hash));
  }
  return base::Sha256(writer.bytes());
}

base::Hash PlainRootOfInline(std::string_view bytes) {
  return base::Sha256("copse plain root 1 inline" + std::string(bytes));
}

}  // namespace copse::fs
