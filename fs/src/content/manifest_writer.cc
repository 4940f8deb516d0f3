#include "content/manifest_writer.h"

#include <copse/base/status_macros.h>

#include <cassert>
#include <span>
#include <utility>

#include "content/manifest_page.h"

namespace copse::fs {
namespace {

constexpr std::size_t kPageEntriesMin = 64;
/// One entry in so many ends a page that is long enough: about 192 entries a page.
constexpr std::uint64_t kPageEndOneIn = 128;

bool EndsPage(const ManifestEntry& entry) {
  if (entry.is_hole) return false;
  const base::Hash& hash = entry.chunk.plain_hash;
  return (hash[0] | hash[1] << 8) % kPageEndOneIn == 0;
}

/// How many of `entries` the first page takes.
std::size_t PageLength(std::span<const ManifestEntry> entries) {
  for (std::size_t count = kPageEntriesMin; count < entries.size(); ++count) {
    if (count == kPageEntriesMax || EndsPage(entries[count - 1])) return count;
  }
  return entries.size();
}

absl::StatusOr<ManifestEntry> StorePage(base::ContentStore& content, std::uint8_t level,
                                        std::span<const ManifestEntry> entries) {
  ManifestEntry page;
  for (const ManifestEntry& entry : entries) page.length += entry.length;
  COPSE_ASSIGN_OR_RETURN(page.chunk, content.Put(EncodePage(level, entries)));
  return page;
}

}  // namespace

Manifest InlineManifest(std::string bytes, base::UnixNanoseconds mtime, bool fixed_chunks) {
  Manifest manifest;
  manifest.size = bytes.size();
  manifest.mtime = mtime;
  manifest.fixed_chunks = fixed_chunks;
  manifest.inline_bytes = std::move(bytes);
  return manifest;
}

absl::StatusOr<Manifest> ChunkedManifest(base::ContentStore& content, std::vector<ManifestEntry> leaves,
                                         base::UnixNanoseconds mtime, bool fixed_chunks) {
  Manifest manifest;
  manifest.mtime = mtime;
  manifest.fixed_chunks = fixed_chunks;
  if (leaves.size() > Manifest::kRootEntriesMax) manifest.plain_root_of_pages = PlainRootOfLeaves(leaves);
  for (const ManifestEntry& leaf : leaves) {
    manifest.size += leaf.length;
    if (leaf.is_hole) manifest.hole_bytes += leaf.length;
  }
  std::vector<ManifestEntry> entries = std::move(leaves);
  while (entries.size() > Manifest::kRootEntriesMax) {
    std::vector<ManifestEntry> pages;
    for (std::span<const ManifestEntry> rest = entries; !rest.empty();) {
      const std::size_t count = PageLength(rest);
      COPSE_ASSIGN_OR_RETURN(ManifestEntry page, StorePage(content, manifest.level, rest.first(count)));
      pages.push_back(std::move(page));
      rest = rest.subspan(count);
    }
    entries = std::move(pages);
    ++manifest.level;
  }
  manifest.entries = std::move(entries);
  return manifest;
}

}  // namespace copse::fs
