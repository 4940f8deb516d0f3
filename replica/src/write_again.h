#pragma once

#include <absl/status/status.h>
#include <copse/base/status_macros.h>
#include <copse/base/storage.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace copse::replica {

/// Writes bytes [begin, end) of `file` over themselves, so that its next Sync vouches for them. A sync that fails
/// leaves pages that are read but never written, and that Linux takes for clean: to a process that starts after it they
/// look as if they were on the disk, and syncing again does nothing for them.
///
/// A disk without room for that (one that copies on write) leaves them as they are. Errors: the disk's.
inline absl::Status WriteAgain(base::File& file, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t kPieceBytes = 1 << 20;
  std::string piece;
  for (std::uint64_t offset = begin; offset < end; offset += piece.size()) {
    piece.resize(std::min(kPieceBytes, end - offset));
    COPSE_ASSIGN_OR_RETURN(const std::size_t count, file.ReadAt(offset, piece));
    if (count != piece.size()) return absl::DataLossError("a file has become shorter while it was read");
    const absl::Status written = file.WriteAt(offset, piece);
    if (absl::IsResourceExhausted(written)) return absl::OkStatus();
    COPSE_RETURN_IF_ERROR(written);
  }
  return absl::OkStatus();
}

}  // namespace copse::replica
