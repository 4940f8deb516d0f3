#include "content/manifest_reader.h"

#include <copse/base/hash.h>
#include <copse/base/status_macros.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "content/about_to_wait.h"
#include "content/manifest_page.h"

namespace copse::fs {
namespace {

absl::Status WrongLength(const ManifestEntry& entry, std::uint64_t found) {
  return absl::DataLossError("chunk " + base::Hex(base::AsBytes(entry.chunk.id)) + " has " + std::to_string(found) +
                             " bytes where its manifest says " + std::to_string(entry.length));
}

absl::Status TooManyLeaves() {
  return absl::DataLossError("a manifest has more chunks and holes than cutting a file of its size gives");
}

/// Cutting gives fewer: chunks have 16 KiB or more, but for two at the ends of each stretch, and holes 64 KiB.
std::size_t LeavesMax(std::uint64_t size) { return std::min<std::uint64_t>(kLeavesMax, size / 8192 + 4); }

}  // namespace

ManifestReader::ManifestReader(base::ContentStore& content, std::shared_ptr<ChunkCache> cache, Manifest manifest)
    : content_(content), cache_(std::move(cache)), manifest_(std::move(manifest)) {}

absl::Status ManifestReader::Read(std::uint64_t offset, std::span<char> out) const {
  if (manifest_.entries.empty()) {
    std::copy_n(manifest_.inline_bytes.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return absl::OkStatus();
  }
  while (!out.empty()) {
    COPSE_ASSIGN_OR_RETURN(const Leaf leaf, LeafAt(offset));
    const std::uint64_t skip = offset - leaf.begin;
    const std::size_t count = std::min<std::uint64_t>(out.size(), leaf.entry.length - skip);
    if (leaf.entry.is_hole) {
      std::fill_n(out.begin(), count, '\0');
    } else {
      COPSE_ASSIGN_OR_RETURN(const ChunkCache::Value chunk, LoadChunk(leaf.entry));
      std::copy_n(chunk->bytes.begin() + static_cast<std::ptrdiff_t>(skip), count, out.begin());
    }
    out = out.subspan(count);
    offset += count;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> ManifestReader::Seek(std::uint64_t begin, std::uint64_t end, bool hole) const {
  if (manifest_.hole_bytes == 0) return hole ? end : begin;
  Search search{begin, end, hole, LeavesMax(manifest_.size)};
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> found,
                         SeekIn(manifest_.entries, manifest_.level, 0, search));
  return found.value_or(end);
}

absl::StatusOr<std::optional<std::uint64_t>> ManifestReader::SeekIn(std::span<const ManifestEntry> entries,
                                                                    std::uint8_t level, std::uint64_t entry_begin,
                                                                    Search& search) const {
  for (const ManifestEntry& entry : entries) {
    if (entry_begin >= search.end) break;
    const std::uint64_t entry_end = entry_begin + entry.length;
    if (entry_end > search.begin && level > 0) {
      const auto below = static_cast<std::uint8_t>(level - 1);
      COPSE_ASSIGN_OR_RETURN(const ChunkCache::Value page, LoadPage(entry, below));
      COPSE_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> found,
                             SeekIn(page->entries, below, entry_begin, search));
      if (found) return found;
    } else if (entry_end > search.begin) {
      if (entry.is_hole == search.hole) return std::max(search.begin, entry_begin);
      if (search.leaves_left-- == 0) return TooManyLeaves();
    }
    entry_begin = entry_end;
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<ManifestEntry>> ManifestReader::Leaves() const {
  std::vector<ManifestEntry> leaves;
  COPSE_RETURN_IF_ERROR(CollectLeaves(manifest_.entries, manifest_.level, leaves));
  return leaves;
}

absl::StatusOr<ManifestReader::Leaf> ManifestReader::LeafAt(std::uint64_t offset) const {
  Leaf leaf;
  for (const ManifestEntry& entry : manifest_.entries) {
    leaf.entry = entry;
    if (offset - leaf.begin < entry.length) break;
    leaf.begin += entry.length;
  }
  for (std::uint8_t level = manifest_.level; level > 0; --level) {
    COPSE_ASSIGN_OR_RETURN(const ChunkCache::Value page, LoadPage(leaf.entry, static_cast<std::uint8_t>(level - 1)));
    const auto end = std::upper_bound(page->ends.begin(), page->ends.end(), offset - leaf.begin);
    const auto index = static_cast<std::size_t>(end - page->ends.begin());
    leaf.entry = page->entries[index];
    leaf.begin += *end - leaf.entry.length;
  }
  return leaf;
}

absl::StatusOr<std::string> ManifestReader::Fetch(const ManifestEntry& entry) const {
  AboutToWait();
  return content_.Get(entry.chunk);
}

absl::StatusOr<ChunkCache::Value> ManifestReader::LoadPage(const ManifestEntry& entry, std::uint8_t level) const {
  COPSE_ASSIGN_OR_RETURN(const ChunkCache::Value page,
                         cache_->GetOrLoad({entry.chunk.id, true, level}, [&]() -> absl::StatusOr<CachedChunk> {
                           COPSE_ASSIGN_OR_RETURN(const std::string bytes, Fetch(entry));
                           CachedChunk chunk;
                           absl::StatusOr<std::vector<ManifestEntry>> entries = DecodePage(bytes, level, entry.length);
                           if (!entries.ok()) {
                             return absl::DataLossError("manifest page " + base::Hex(base::AsBytes(entry.chunk.id)) +
                                                        ": " + std::string(entries.status().message()));
                           }
                           chunk.entries = *std::move(entries);
                           chunk.ends.reserve(chunk.entries.size());
                           std::uint64_t end = 0;
                           for (const ManifestEntry& child : chunk.entries) chunk.ends.push_back(end += child.length);
                           return chunk;
                         }));
  // Another manifest may name the same page with another length.
  if (page->ends.back() != entry.length) return WrongLength(entry, page->ends.back());
  return page;
}

absl::StatusOr<ChunkCache::Value> ManifestReader::LoadChunk(const ManifestEntry& entry) const {
  COPSE_ASSIGN_OR_RETURN(const ChunkCache::Value chunk,
                         cache_->GetOrLoad({entry.chunk.id, false, 0}, [&]() -> absl::StatusOr<CachedChunk> {
                           CachedChunk loaded;
                           COPSE_ASSIGN_OR_RETURN(loaded.bytes, Fetch(entry));
                           return loaded;
                         }));
  if (chunk->bytes.size() != entry.length) return WrongLength(entry, chunk->bytes.size());
  return chunk;
}

absl::Status ManifestReader::CollectLeaves(std::span<const ManifestEntry> entries, std::uint8_t level,
                                           std::vector<ManifestEntry>& leaves) const {
  if (level == 0) {
    if (entries.size() > LeavesMax(manifest_.size) - leaves.size()) return TooManyLeaves();
    leaves.insert(leaves.end(), entries.begin(), entries.end());
    return absl::OkStatus();
  }
  const auto below = static_cast<std::uint8_t>(level - 1);
  for (const ManifestEntry& entry : entries) {
    COPSE_ASSIGN_OR_RETURN(const ChunkCache::Value page, LoadPage(entry, below));
    COPSE_RETURN_IF_ERROR(CollectLeaves(page->entries, below, leaves));
  }
  return absl::OkStatus();
}

}  // namespace copse::fs
