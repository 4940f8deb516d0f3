#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/hash.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace copse::base {

/// All that is needed to find one chunk, open it and prove it: what a manifest lists.
struct ChunkRef {
  Hash id{};                       ///< SHA-256 of the sealed bytes: its public name.
  Hash sealed_hash{};              ///< SHA-256 of exactly what was encrypted (after compression): derives the key.
  Hash plain_hash{};               ///< SHA-256 of the chunk's bytes.
  std::uint32_t plain_length = 0;  ///< Bytes.
  std::uint32_t epoch = 0;         ///< Which of the volume's keys sealed it.

  friend bool operator==(const ChunkRef&, const ChunkRef&) = default;
};

/// A chunk that must be here before what names it can be read.
struct NamedContent {
  ChunkRef chunk;
  std::uint8_t level = 0;  ///< 0: bytes of a file. Above: a page that names further content, of lower levels.

  friend bool operator==(const NamedContent&, const NamedContent&) = default;
};

/// Where the bytes of files lie: what the inode layer asks of the layer that keeps and exchanges them. Thread-safe.
class ContentStore {
 public:
  static constexpr std::uint32_t kChunkBytesMax = 4 * 1024 * 1024;

  virtual ~ContentStore() = default;

  /// Stores `plain` (1..kChunkBytesMax bytes), once however often it is put. Durable after the next sync of the
  /// journal. Errors: kResourceExhausted the disk is full; kFailedPrecondition the store went read-only.
  virtual absl::StatusOr<ChunkRef> Put(std::string_view plain) = 0;

  /// The chunk's bytes, verified. Errors: kNotFound not here; kDataLoss damaged here; both name the chunk.
  virtual absl::StatusOr<std::string> Get(const ChunkRef& chunk) = 0;
};

}  // namespace copse::base
