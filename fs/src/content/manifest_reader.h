#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/content_store.h>
#include <copse/fs/content.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "content/chunk_cache.h"

namespace copse::fs {

/// Reads any part of one version. Thread-safe. Errors are those of the content store, and kDataLoss where a page is
/// not what its manifest says. `content` must outlive it.
class ManifestReader {
 public:
  ManifestReader(base::ContentStore& content, std::shared_ptr<ChunkCache> cache, Manifest manifest);

  const Manifest& manifest() const { return manifest_; }

  /// Fills `out` from `offset`; the range lies within the version. Cost: O(levels) and one chunk for each touched.
  absl::Status Read(std::uint64_t offset, std::span<char> out) const;

  /// The first offset in [begin, end) that lies in a hole (`hole`), or in data; `end` if there is none.
  absl::StatusOr<std::uint64_t> Seek(std::uint64_t begin, std::uint64_t end, bool hole) const;

  /// All chunks and holes in order; none for inline contents. Cost: every page.
  absl::StatusOr<std::vector<ManifestEntry>> Leaves() const;

 private:
  struct Leaf {
    std::uint64_t begin = 0;  ///< Where in the file.
    ManifestEntry entry;
  };

  struct Search {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    bool hole = false;
    std::size_t leaves_left = 0;  ///< To look at before giving up.
  };

  absl::StatusOr<std::optional<std::uint64_t>> SeekIn(std::span<const ManifestEntry> entries, std::uint8_t level,
                                                      std::uint64_t entry_begin, Search& search) const;
  /// The chunk or hole at `offset`, in contents that are not inline.
  absl::StatusOr<Leaf> LeafAt(std::uint64_t offset) const;
  absl::StatusOr<std::string> Fetch(const ManifestEntry& entry) const;
  absl::StatusOr<ChunkCache::Value> LoadPage(const ManifestEntry& entry, std::uint8_t level) const;
  absl::StatusOr<ChunkCache::Value> LoadChunk(const ManifestEntry& entry) const;
  absl::Status CollectLeaves(std::span<const ManifestEntry> entries, std::uint8_t level,
                             std::vector<ManifestEntry>& leaves) const;

  base::ContentStore& content_;
  const std::shared_ptr<ChunkCache> cache_;
  const Manifest manifest_;
};

}  // namespace copse::fs
