#include "pack.h"

#include <copse/base/check.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "chunk_seal.h"

// Many records may be written between two syncs, and a crash keeps any of their sectors, so valid records may stand
// behind a torn one. To tell that from damage, each record states how much of the pack had been synced before it was
// written: the greatest such statement is proof, and what is bad before it is damage.

namespace copse::replica {
namespace {

constexpr std::string_view kPackMagic = "copsepak";
constexpr std::string_view kRecordMagic = "cpch";
constexpr std::string_view kIndexMagic = "copseidx";
constexpr std::size_t kIndexEntryBytes = 56;
constexpr std::size_t kTrailerBytes = 32;
constexpr std::size_t kSearchWindowBytes = 1 << 20;

struct RecordHeader {
  PackEntry entry;
  std::uint64_t durable = 0;
};

absl::Status Damage(const std::string& path, std::uint64_t offset, const std::string& what) {
  return absl::DataLossError(path + " offset " + std::to_string(offset) + ": " + what);
}

absl::StatusOr<std::string> Read(const base::File& file, std::uint64_t offset, std::uint64_t length) {
  std::string bytes(length, '\0');
  COPSE_ASSIGN_OR_RETURN(const std::size_t count, file.ReadAt(offset, bytes));
  bytes.resize(count);
  return bytes;
}

base::Hash ReadHash(crdt::ByteReader& reader) {
  base::Hash hash;
  const std::string_view bytes = reader.Raw(hash.size()).value();
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(hash.data()));
  return hash;
}

/// Nothing where `bytes` are not the header of a record at `offset`.
std::optional<RecordHeader> DecodeRecordHeader(std::string_view bytes, std::uint64_t offset) {
  if (bytes.size() < kPackRecordHeaderBytes || bytes.substr(0, kRecordMagic.size()) != kRecordMagic) return {};
  crdt::ByteReader reader(bytes.substr(0, kPackRecordHeaderBytes));
  (void)reader.Raw(kRecordMagic.size());
  RecordHeader header;
  header.entry.id = ReadHash(reader);
  header.entry.offset = offset;
  header.entry.epoch = reader.U32().value();
  header.entry.sealed_length = reader.U32().value();
  header.entry.plain_length = reader.U32().value();
  const std::uint32_t flags = reader.U32().value();
  header.durable = reader.U64().value();
  const std::uint32_t expected = base::Crc32c(bytes.substr(0, reader.offset()));
  if (reader.U32().value() != expected || flags != 0 || header.durable > offset ||
      header.entry.sealed_length > kSealedChunkBytesMax) {
    return {};
  }
  return header;
}

/// What a walk over the records found.
struct Walk {
  std::vector<PackEntry> entries;         // Those that are sound, ascending by offset.
  std::vector<PackEntry> damaged;         // Their header is sound, their bytes are not.
  std::vector<std::uint64_t> unreadable;  // Offsets where a record should begin and does not.
  std::uint64_t end = 0;                  // Behind the last record.
  std::uint64_t durable = 0;              // What is proved to have been synced.
};

/// The next offset after `offset` where a record's header is sound, below `size`.
absl::StatusOr<std::optional<std::uint64_t>> FindRecordAfter(const base::File& file, std::uint64_t offset,
                                                             std::uint64_t size) {
  for (std::uint64_t begin = offset + 1; begin + kPackRecordHeaderBytes <= size; begin += kSearchWindowBytes) {
    // Windows overlap, so that a header across a border is seen whole.
    const std::uint64_t length = std::min<std::uint64_t>(kSearchWindowBytes + kPackRecordHeaderBytes, size - begin);
    COPSE_ASSIGN_OR_RETURN(const std::string bytes, Read(file, begin, length));
    for (std::size_t at = bytes.find(kRecordMagic.data(), 0, kRecordMagic.size()); at != std::string::npos;
         at = bytes.find(kRecordMagic.data(), at + 1, kRecordMagic.size())) {
      if (DecodeRecordHeader(std::string_view(bytes).substr(at), begin + at)) {
        return std::optional<std::uint64_t>(begin + at);
      }
    }
  }
  return std::optional<std::uint64_t>();
}

absl::StatusOr<bool> IsIntact(const base::File& file, const PackEntry& entry) {
  COPSE_ASSIGN_OR_RETURN(const std::string sealed,
                         Read(file, entry.offset + kPackRecordHeaderBytes, entry.sealed_length));
  return sealed.size() == entry.sealed_length && base::Sha256(sealed) == entry.id;
}

absl::StatusOr<Walk> WalkRecords(const base::File& file, std::uint64_t size, bool check_bytes) {
  Walk walk;
  walk.end = kPackHeaderBytes;
  for (std::uint64_t offset = kPackHeaderBytes; offset < size;) {
    COPSE_ASSIGN_OR_RETURN(const std::string bytes,
                           Read(file, offset, std::min<std::uint64_t>(kPackRecordHeaderBytes, size - offset)));
    if (bytes.compare(0, kIndexMagic.size(), kIndexMagic.data(), kIndexMagic.size()) == 0) break;
    const std::optional<RecordHeader> header = DecodeRecordHeader(bytes, offset);
    if (!header) {
      walk.unreadable.push_back(offset);
      COPSE_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> next, FindRecordAfter(file, offset, size));
      if (!next) break;
      offset = *next;
      continue;
    }
    walk.durable = std::max(walk.durable, header->durable);
    bool intact = header->entry.end() <= size;
    if (intact && check_bytes) {
      COPSE_ASSIGN_OR_RETURN(intact, IsIntact(file, header->entry));
    }
    (intact ? walk.entries : walk.damaged).push_back(header->entry);
    offset = header->entry.end();
    walk.end = std::min(offset, size);
  }
  return walk;
}

/// The entries of a pack's index and where it begins; nothing if there is none that is sound.
struct Index {
  std::vector<PackEntry> entries;
  std::uint64_t offset = 0;
};
absl::StatusOr<std::optional<Index>> ReadIndex(const base::File& file, std::uint64_t size) {
  if (size < kPackHeaderBytes + kIndexMagic.size() + kTrailerBytes) return std::optional<Index>();
  COPSE_ASSIGN_OR_RETURN(const std::string trailer, Read(file, size - kTrailerBytes, kTrailerBytes));
  if (trailer.size() != kTrailerBytes || trailer.compare(24, 8, kIndexMagic.data(), kIndexMagic.size()) != 0) {
    return std::optional<Index>();
  }
  crdt::ByteReader reader(trailer);
  const std::uint64_t offset = reader.U64().value();
  const std::uint64_t count = reader.U64().value();
  const std::uint32_t entries_checksum = reader.U32().value();
  const std::uint32_t expected = base::Crc32c(std::string_view(trailer).substr(0, reader.offset()));
  const std::uint64_t entries_end = size - kTrailerBytes;
  if (reader.U32().value() != expected || offset < kPackHeaderBytes || offset > entries_end - kIndexMagic.size() ||
      (entries_end - kIndexMagic.size() - offset) % kIndexEntryBytes != 0 ||
      (entries_end - kIndexMagic.size() - offset) / kIndexEntryBytes != count) {
    return std::optional<Index>();
  }
  COPSE_ASSIGN_OR_RETURN(const std::string bytes, Read(file, offset, entries_end - offset));
  if (base::Crc32c(bytes) != entries_checksum ||
      bytes.compare(0, kIndexMagic.size(), kIndexMagic.data(), kIndexMagic.size()) != 0) {
    return std::optional<Index>();
  }
  Index index;
  index.offset = offset;
  crdt::ByteReader entries(bytes);
  (void)entries.Raw(kIndexMagic.size());
  for (std::uint64_t i = 0; i < count; ++i) {
    PackEntry entry;
    entry.id = ReadHash(entries);
    entry.offset = entries.U64().value();
    entry.epoch = entries.U32().value();
    entry.sealed_length = entries.U32().value();
    entry.plain_length = entries.U32().value();
    const std::uint32_t flags = entries.U32().value();
    const bool ascends = index.entries.empty() || index.entries.back().id < entry.id;
    if (flags != 0 || !ascends || entry.sealed_length > kSealedChunkBytesMax || entry.offset > offset ||
        entry.end() > offset) {
      return std::optional<Index>();
    }
    index.entries.push_back(entry);
  }
  std::sort(index.entries.begin(), index.entries.end(),
            [](const PackEntry& a, const PackEntry& b) { return a.offset < b.offset; });
  return std::optional<Index>(std::move(index));
}

/// Whether the records that `index` names are those of the pack, without gaps up to where it begins. Where a pack was
/// not closed, its last bytes are of a chunk, and whoever made that may have made them look like an index.
absl::StatusOr<bool> IsOfRecords(const base::File& file, const Index& index) {
  std::uint64_t offset = kPackHeaderBytes;
  for (const PackEntry& entry : index.entries) {
    if (entry.offset != offset) return false;
    COPSE_ASSIGN_OR_RETURN(const std::string bytes, Read(file, offset, kPackRecordHeaderBytes));
    const std::optional<RecordHeader> header = DecodeRecordHeader(bytes, offset);
    if (header && header->entry != entry) return false;
    if (!header) {
      // Damage, which must cost no chunk that the index still finds. Only the chunk itself can prove it then.
      COPSE_ASSIGN_OR_RETURN(const bool is_intact, IsIntact(file, entry));
      if (!is_intact) return false;
    }
    offset = entry.end();
  }
  return offset == index.offset;
}

/// Those of `entries` that the walk did not come by.
std::vector<PackEntry> WithoutThoseOf(const Walk& walk, const std::vector<PackEntry>& entries) {
  std::set<std::uint64_t> walked;
  for (const auto* const seen : {&walk.entries, &walk.damaged}) {
    for (const PackEntry& entry : *seen) walked.insert(entry.offset);
  }
  std::vector<PackEntry> others;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(others),
               [&](const PackEntry& entry) { return !walked.contains(entry.offset); });
  return others;
}

absl::StatusOr<bool> HasSoundHeader(const base::File& file, const VolumeId& volume) {
  COPSE_ASSIGN_OR_RETURN(const std::string header, Read(file, 0, kPackHeaderBytes));
  return header == EncodePackHeader(volume);
}

/// What of a walk over a pack with a torn tail is kept: all before the first record that is bad and not proved synced.
absl::Status CutTornTail(const std::string& path, Walk& walk) {
  std::uint64_t cut = walk.end;
  for (const std::uint64_t offset : walk.unreadable) {
    if (offset < walk.durable) return Damage(path, offset, "a record is damaged");
    cut = std::min(cut, offset);
  }
  for (const PackEntry& entry : walk.damaged) {
    if (entry.end() <= walk.durable) {
      walk.entries.push_back(entry);  // Synced once: Get will say that it is damaged, and nothing else is lost.
    } else {
      cut = std::min(cut, entry.offset);
    }
  }
  std::sort(walk.entries.begin(), walk.entries.end(),
            [](const PackEntry& a, const PackEntry& b) { return a.offset < b.offset; });
  while (!walk.entries.empty() && walk.entries.back().end() > cut) walk.entries.pop_back();
  walk.end = cut;
  return absl::OkStatus();
}

}  // namespace

base::ChunkRef RefOf(const PackEntry& entry) {
  base::ChunkRef chunk;
  chunk.id = entry.id;
  chunk.epoch = entry.epoch;
  chunk.plain_length = entry.plain_length;
  return chunk;
}

std::string EncodePackHeader(const VolumeId& volume) {
  crdt::ByteWriter writer;
  writer.Raw(kPackMagic);
  writer.U32(kPackFormat);
  writer.Raw(base::AsBytes(volume));
  writer.U32(base::Crc32c(writer.bytes()));
  COPSE_CHECK(writer.size() == kPackHeaderBytes);
  return std::move(writer).Take();
}

std::string EncodePackRecordHeader(const PackEntry& entry, std::uint64_t durable) {
  crdt::ByteWriter writer;
  writer.Raw(kRecordMagic);
  writer.Raw(base::AsBytes(entry.id));
  writer.U32(entry.epoch);
  writer.U32(entry.sealed_length);
  writer.U32(entry.plain_length);
  writer.U32(0);  // Flags.
  writer.U64(durable);
  writer.U32(base::Crc32c(writer.bytes()));
  COPSE_CHECK(writer.size() == kPackRecordHeaderBytes);
  return std::move(writer).Take();
}

std::string EncodePackIndex(std::vector<PackEntry> entries, std::uint64_t offset) {
  std::sort(entries.begin(), entries.end(), [](const PackEntry& a, const PackEntry& b) { return a.id < b.id; });
  crdt::ByteWriter writer;
  writer.Raw(kIndexMagic);
  for (const PackEntry& entry : entries) {
    writer.Raw(base::AsBytes(entry.id));
    writer.U64(entry.offset);
    writer.U32(entry.epoch);
    writer.U32(entry.sealed_length);
    writer.U32(entry.plain_length);
    writer.U32(0);  // Flags.
  }
  crdt::ByteWriter trailer;
  trailer.U64(offset);
  trailer.U64(entries.size());
  trailer.U32(base::Crc32c(writer.bytes()));
  trailer.U32(base::Crc32c(trailer.bytes()));
  trailer.Raw(kIndexMagic);
  COPSE_CHECK(trailer.size() == kTrailerBytes);
  writer.Raw(trailer.bytes());
  return std::move(writer).Take();
}

absl::StatusOr<PackContents> ReadPack(base::File& file, const std::string& path, const VolumeId& volume,
                                      PackTail tail) {
  PackContents contents;
  COPSE_ASSIGN_OR_RETURN(contents.file_size, file.Size());
  COPSE_ASSIGN_OR_RETURN(const bool sound_header, HasSoundHeader(file, volume));
  if (!sound_header) {
    // The header is synced before anything else is written: without a record behind it the pack was just being made.
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> record, FindRecordAfter(file, 0, contents.file_size));
    if (tail == PackTail::kMayBeTorn && !record) return contents;
    return Damage(path, 0, "is not a pack of this volume, or its header is damaged");
  }
  COPSE_ASSIGN_OR_RETURN(std::optional<Index> index, ReadIndex(file, contents.file_size));
  if (index && tail == PackTail::kMayBeTorn) {
    COPSE_ASSIGN_OR_RETURN(const bool is_of_records, IsOfRecords(file, *index));
    if (!is_of_records) index.reset();
  }
  if (index) {
    contents.entries = std::move(index->entries);
    contents.records_end = contents.durable = index->offset;
    contents.has_index = true;
    return contents;
  }
  COPSE_ASSIGN_OR_RETURN(Walk walk, WalkRecords(file, contents.file_size, tail == PackTail::kMayBeTorn));
  if (tail == PackTail::kMayBeTorn) {
    COPSE_RETURN_IF_ERROR(CutTornTail(path, walk));
  } else if (!walk.unreadable.empty()) {
    return Damage(path, walk.unreadable.front(), "a record is damaged");
  } else if (!walk.damaged.empty()) {
    return Damage(path, walk.damaged.front().offset, "a record is longer than the pack");
  }
  contents.entries = std::move(walk.entries);
  contents.records_end = walk.end;
  contents.durable = walk.durable;
  return contents;
}

absl::StatusOr<std::optional<PackEntry>> ReadPackEntry(const base::File& file, std::uint64_t offset) {
  COPSE_ASSIGN_OR_RETURN(const std::string bytes, Read(file, offset, kPackRecordHeaderBytes));
  const std::optional<RecordHeader> header = DecodeRecordHeader(bytes, offset);
  return header ? std::optional(header->entry) : std::nullopt;
}

absl::StatusOr<PackRecords> VerifyPack(base::File& file, const std::string& path, const VolumeId& volume,
                                       std::uint64_t size, bool must_have_index, std::vector<std::string>& problems) {
  const auto add = [&](const absl::Status& damage) { problems.emplace_back(damage.message()); };
  COPSE_ASSIGN_OR_RETURN(const bool sound_header, HasSoundHeader(file, volume));
  if (!sound_header) add(Damage(path, 0, "is not a pack of this volume, or its header is damaged"));
  COPSE_ASSIGN_OR_RETURN(Walk walk, WalkRecords(file, size, /*check_bytes=*/true));
  std::optional<Index> index;
  if (must_have_index) {
    COPSE_ASSIGN_OR_RETURN(index, ReadIndex(file, size));
    if (!index) {
      add(Damage(path, walk.end, "the index is damaged or missing"));
    } else if (walk.unreadable.empty() && walk.damaged.empty() && index->entries != walk.entries) {
      add(Damage(path, index->offset, "the index is not that of the records"));
    }
  }
  // The walk passes over all that stands between a damaged header and the next sound one.
  std::vector<PackEntry> passed_over;
  if (index) passed_over = WithoutThoseOf(walk, index->entries);
  std::set<std::uint64_t> told;
  for (const PackEntry& entry : passed_over) {
    COPSE_ASSIGN_OR_RETURN(const bool is_intact, IsIntact(file, entry));
    (is_intact ? walk.entries : walk.damaged).push_back(entry);
    if (!is_intact) told.insert(entry.offset);
  }
  for (const std::uint64_t offset : walk.unreadable) {
    if (!told.contains(offset)) add(Damage(path, offset, "a record is damaged"));
  }
  return PackRecords{std::move(walk.entries), std::move(walk.damaged)};
}

}  // namespace copse::replica
