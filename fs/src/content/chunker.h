#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace copse::fs {

/// How long the chunks of one file are, in bytes.
struct ChunkSizes {
  std::uint32_t min = 0;      ///< No cut before; only the last chunk of a stretch is shorter.
  std::uint32_t average = 0;  ///< A power of two.
  std::uint32_t max = 0;      ///< A cut at the latest.

  friend bool operator==(const ChunkSizes&, const ChunkSizes&) = default;
};

/// Every chunk of a file with fixed chunks ends at a multiple of this.
inline constexpr std::uint32_t kFixedChunkBytes = 64 * 1024;

/// A known hole at least so long becomes an entry of its own; a shorter one is stored as zeros.
inline constexpr std::uint64_t kHoleBytesMin = 64 * 1024;

/// Larger files have larger chunks, so that their manifests stay small. docs/format/manifest.md.
ChunkSizes ChunkSizesFor(std::uint64_t file_size);

/// Content-defined cuts: FastCDC with normalised chunking, and a gear table that only members can compute, so that
/// chunk lengths tell an outsider nothing about the contents. Thread-safe.
///
/// Where a chunk ends depends on its own bytes only, which is what lets a publication reuse the chunks around an edit.
///
/// Source: Xia et al., USENIX ATC 2016, "FastCDC: a Fast and Efficient Content-Defined Chunking Approach".
class Chunker {
 public:
  explicit Chunker(std::string_view volume_key) : volume_key_(volume_key) {}

  /// How many bytes the chunk at the start of `data` has. `data` is not empty, and ends either where the stretch
  /// does or no earlier than `sizes.max`.
  std::size_t Cut(std::string_view data, const ChunkSizes& sizes) const;

 private:
  using Gear = std::array<std::uint64_t, 256>;

  /// Made when first needed: a start that writes no large file does without.
  const Gear& GearTable() const;

  const std::string volume_key_;
  mutable std::once_flag is_made_;
  mutable Gear gear_;
};

}  // namespace copse::fs
