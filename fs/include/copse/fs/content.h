#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/content_store.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace copse::fs {

/// One stretch of a version: a chunk, a page of further entries, or a hole.
struct ManifestEntry {
  std::uint64_t length = 0;  ///< Bytes of the file it stands for.
  bool is_hole = false;      ///< Reads as zeros; `chunk` means nothing.
  base::ChunkRef chunk;      ///< The bytes (level 0), or an encoded page of entries (levels above).

  friend bool operator==(const ManifestEntry&, const ManifestEntry&) = default;
};

/// One version of a file's bytes: a manifest, the root of a Merkle list over chunks. docs/format/manifest.md.
///
/// Small contents are `inline_bytes`; else `entries` (at most kRootEntriesMax) of `level`: 0 lists chunks, above 0
/// each entry is a page stored as a chunk. An empty file has neither.
struct Manifest {
  static constexpr std::size_t kInlineBytesMax = 512;
  static constexpr std::size_t kRootEntriesMax = 4;

  std::uint64_t size = 0;
  base::UnixNanoseconds mtime = 0;  ///< When the contents were last changed.
  std::uint64_t hole_bytes = 0;     ///< Of `size`, those in holes: they take no space.
  bool fixed_chunks = false;        ///< Cut every 64 KiB, not where the contents say.
  std::string inline_bytes;
  std::uint8_t level = 0;
  std::vector<ManifestEntry> entries;
  base::Hash plain_root_of_pages{};  ///< At levels above 0 the plain root, which is not to be had from `entries`.

  /// A function of the contents and their chunking only: versions fold by it. Hashes the inline bytes or the entries of
  /// level 0 on each call, as most who look at a version (its size, its time) have no use for it.
  base::Hash PlainRoot() const;

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// The value of a content register, and back; bytes from a peer are hostile. Errors: kDataLoss with the offset.
/// At level 0 and inline, `hole_bytes` is not stored but computed when decoding.
std::string EncodeManifest(const Manifest& manifest);
absl::StatusOr<Manifest> DecodeManifest(std::string_view bytes);

}  // namespace copse::fs
