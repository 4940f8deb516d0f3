#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/content_store.h>
#include <copse/base/hash.h>
#include <copse/base/storage.h>
#include <copse/replica/identity.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace copse::replica {

inline constexpr std::uint32_t kPackFormat = 1;
inline constexpr std::size_t kPackHeaderBytes = 32;
inline constexpr std::size_t kPackRecordHeaderBytes = 64;

/// One sealed chunk of a pack, without its bytes: docs/format/pack.md.
struct PackEntry {
  base::Hash id{};           ///< SHA-256 of the sealed bytes.
  std::uint64_t offset = 0;  ///< Of its record within the pack; the sealed bytes are kPackRecordHeaderBytes behind.
  std::uint32_t epoch = 0;
  std::uint32_t sealed_length = 0;
  std::uint32_t plain_length = 0;

  std::uint64_t end() const { return offset + kPackRecordHeaderBytes + sealed_length; }
  friend bool operator==(const PackEntry&, const PackEntry&) = default;
};

/// As much of a reference to the chunk as its pack knows.
base::ChunkRef RefOf(const PackEntry& entry);

std::string EncodePackHeader(const VolumeId& volume);

/// The header of the record at entry.offset, where the first `durable` bytes of the pack have been synced before.
std::string EncodePackRecordHeader(const PackEntry& entry, std::uint64_t durable);

/// The index that closes a pack; it is written behind the last record, at `offset`. `entries` in any order.
std::string EncodePackIndex(std::vector<PackEntry> entries, std::uint64_t offset);

/// What is in a pack.
struct PackContents {
  std::vector<PackEntry> entries;  ///< Ascending by offset.
  std::uint64_t records_end = 0;   ///< Behind the last record; 0: not even the header was written.
  std::uint64_t file_size = 0;
  std::uint64_t durable = 0;  ///< So much of it is known to have been synced.
  bool has_index = false;
};

/// Whether unsynced bytes may stand at a pack's end: true of the one with the highest number, for the others were
/// synced whole before it was begun.
enum class PackTail { kMayBeTorn, kIsSynced };

/// Reads a pack's index, and of a pack with kMayBeTorn whether its records are those that the index names; where there
/// is no index that is sound, its records, and of a pack with kMayBeTorn their bytes too: the records from the first
/// damaged one that is not known to have been synced are left out. Errors: kDataLoss damage before that, with file and
/// offset.
absl::StatusOr<PackContents> ReadPack(base::File& file, const std::string& path, const VolumeId& volume, PackTail tail);

/// What the header of the record at `offset` says; nothing where that is none. Errors: the disk's.
absl::StatusOr<std::optional<PackEntry>> ReadPackEntry(const base::File& file, std::uint64_t offset);

/// The records of a pack.
struct PackRecords {
  std::vector<PackEntry> sound;
  std::vector<PackEntry> damaged;  ///< By their header, or the index, they are here; their bytes are not those.
};

/// Reads records and bytes of the first `size` bytes of a pack and appends a line to `problems` for each thing wrong
/// but damaged chunks. Errors: the disk's.
absl::StatusOr<PackRecords> VerifyPack(base::File& file, const std::string& path, const VolumeId& volume,
                                       std::uint64_t size, bool must_have_index, std::vector<std::string>& problems);

}  // namespace copse::replica
