#pragma once

#include <absl/status/statusor.h>
#include <copse/base/content_store.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "sealing.h"

namespace copse::replica {

/// No sealed chunk is longer: a byte that says how the rest is to be read, the chunk as it is, and the tag.
inline constexpr std::uint32_t kSealedChunkBytesMax = base::ContentStore::kChunkBytesMax + 1 + kSealTagBytes;

/// A chunk as it is stored and exchanged, with what is needed to open it: docs/format/pack.md.
struct SealedChunk {
  base::ChunkRef ref;
  std::string bytes;  ///< Their SHA-256 is ref.id.
};

/// Compresses `plain` where that pays, and seals it with a key of its own. Equal chunks give equal bytes.
SealedChunk SealChunk(std::string_view plain, std::uint32_t epoch, std::string_view epoch_key);

/// The chunk's bytes, proved against every field of `ref`. Errors: kDataLoss saying which proof failed.
absl::StatusOr<std::string> OpenChunk(const base::ChunkRef& ref, std::string_view sealed, std::string_view epoch_key);

}  // namespace copse::replica
