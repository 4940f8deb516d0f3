#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fs/content/content_fixture.h"

namespace copse::fs {

/// What a staged file should hold, said the slow and obvious way: a string, and flags for each byte.
struct ModelContents {
  std::string bytes;
  std::vector<bool> hole;           ///< Known to be a hole.
  std::vector<bool> since_publish;  ///< Changed after the last publication.
  std::vector<bool> since_persist;  ///< Changed after what would be recovered.

  void Write(std::uint64_t offset, std::string_view data) {
    if (data.empty()) return;
    if (offset + data.size() > bytes.size()) Resize(offset + data.size());
    bytes.replace(offset, data.size(), data);
    Mark(offset, data.size(), false);
  }
  void Resize(std::size_t size) {
    bytes.resize(size, '\0');
    hole.resize(size, true);
    since_publish.resize(size, true);
    since_persist.resize(size, true);
  }
  void Punch(std::uint64_t offset, std::uint64_t length) {
    if (offset >= bytes.size()) return;
    length = std::min<std::uint64_t>(length, bytes.size() - offset);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), length, '\0');
    Mark(offset, length, true);
  }
  /// The first byte from `offset` on that is a hole, or data; the size if there is none.
  std::uint64_t Find(std::uint64_t offset, bool is_hole) const {
    while (offset < hole.size() && hole[offset] != is_hole) ++offset;
    return offset;
  }
  std::uint64_t DataBytes() const { return static_cast<std::uint64_t>(std::count(hole.begin(), hole.end(), false)); }

  /// Whether each byte is in a hole that a version keeps: one of kHoleBytesMin or more, and not inline.
  std::vector<bool> PublishedHoles() const {
    std::vector<bool> kept(hole.size(), false);
    if (bytes.size() <= Manifest::kInlineBytesMax) return kept;
    for (std::uint64_t begin = Find(0, true); begin < hole.size();) {
      const std::uint64_t end = Find(begin, false);
      if (end - begin >= kHoleBytesMin)
        std::fill(kept.begin() + static_cast<std::ptrdiff_t>(begin), kept.begin() + static_cast<std::ptrdiff_t>(end),
                  true);
      begin = Find(end, true);
    }
    return kept;
  }

 private:
  void Mark(std::uint64_t offset, std::uint64_t length, bool is_hole) {
    for (std::uint64_t i = offset; i < offset + length; ++i) {
      hole[i] = is_hole;
      since_publish[i] = since_persist[i] = true;
    }
  }
};

/// The chunks and holes that cutting all of the contents from scratch gives; without refs but for the plain hash.
inline std::vector<ManifestEntry> CutFromScratch(const ModelContents& contents, bool fixed_chunks) {
  const Chunker chunker(kVolumeKey);
  const ChunkSizes sizes = ChunkSizesFor(contents.bytes.size());
  const std::vector<bool> holes = contents.PublishedHoles();
  std::vector<ManifestEntry> leaves;
  for (std::uint64_t begin = 0; begin < holes.size(); begin += leaves.back().length) {
    const auto from = holes.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto end = static_cast<std::uint64_t>(std::find(from, holes.end(), !*from) - holes.begin());
    ManifestEntry entry;
    entry.is_hole = *from;
    entry.length = end - begin;
    if (!entry.is_hole) {
      std::string_view stretch(contents.bytes.data() + begin, end - begin);
      entry.length = fixed_chunks ? std::min<std::uint64_t>(stretch.size(), kFixedChunkBytes - begin % kFixedChunkBytes)
                                  : chunker.Cut(stretch, sizes);
      entry.chunk.plain_hash = base::Sha256(stretch.substr(0, entry.length));
    }
    leaves.push_back(entry);
  }
  return leaves;
}

/// The leaves of a version, reduced to what CutFromScratch gives.
inline std::vector<ManifestEntry> PlainLeaves(ContentWorld& world, const Manifest& manifest) {
  std::vector<ManifestEntry> leaves = Must(world.Reader(manifest).Leaves());
  for (ManifestEntry& leaf : leaves) {
    base::ChunkRef plain;
    plain.plain_hash = leaf.chunk.plain_hash;
    leaf.chunk = plain;
  }
  return leaves;
}

}  // namespace copse::fs
