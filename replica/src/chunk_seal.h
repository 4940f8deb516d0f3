#pragma once

#include <absl/status/statusor.h>
#include <copse/base/content_store.h>

#include <string>
#include <string_view>

namespace copse::replica {

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
