#pragma once

#include <absl/status/statusor.h>
#include <copse/fs/content.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::fs {

/// A page has no more entries, whoever wrote it.
inline constexpr std::size_t kPageEntriesMax = 512;
/// No more levels of pages, whoever wrote them: 512 entries a page reach the largest file long before.
inline constexpr std::uint8_t kLevelMax = 8;
/// No version has more leaves: one that claims to would fill the memory of whoever edits it.
inline constexpr std::size_t kLeavesMax = std::size_t{1} << 24;
/// The largest file: offsets are signed 64-bit integers to programs.
inline constexpr std::uint64_t kFileBytesMax = (std::uint64_t{1} << 63) - 1;

/// A run of entries, stored as a chunk. `level` as in Manifest: 0 where the entries are chunks and holes.
std::string EncodePage(std::uint8_t level, std::span<const ManifestEntry> entries);
/// The entries of a page that stands for `length` bytes; absent: for any number that a file can have.
/// Errors: kDataLoss with the offset.
absl::StatusOr<std::vector<ManifestEntry>> DecodePage(std::string_view bytes, std::uint8_t level,
                                                      std::optional<std::uint64_t> length);

/// The plain root (docs/format/manifest.md) of contents that are chunked, or inline.
base::Hash PlainRootOfLeaves(std::span<const ManifestEntry> leaves);
base::Hash PlainRootOfInline(std::string_view bytes);

}  // namespace copse::fs
