#pragma once

#include <copse/base/memory_storage.h>
#include <copse/fs/content.h>
#include <copse/fs/staged_file.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "content/chunker.h"
#include "content/manifest_reader.h"
#include "support/memory_content_store.h"

namespace copse::fs {

inline constexpr NodeId kNode = NodeId::Of(7, 42);
inline constexpr std::string_view kVolumeKey = "the key of the volume";
inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;

inline std::string RandomBytes(std::uint64_t seed, std::size_t count) {
  std::mt19937_64 engine(seed);
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(engine() >> 32);
  return bytes;
}

template <typename T>
T Must(absl::StatusOr<T> result) {
  EXPECT_TRUE(result.ok()) << result.status();
  return *std::move(result);
}
inline void Must(const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; }

inline std::string ReadAll(const StagedFile& file) {
  std::string bytes(file.size(), '?');
  EXPECT_EQ(Must(file.Read(0, bytes)), bytes.size());
  return bytes;
}

/// A staging area on a disk and a chunk store in memory.
struct ContentWorld {
  explicit ContentWorld(const StagingArea::Options& the_options = {}) : options(the_options) { Start(); }

  /// Opens the area, as a process does that starts.
  void Start() { area = Must(StagingArea::Open(storage, content, "/staging", kVolumeKey, options)); }

  std::unique_ptr<StagedFile> Open(const Manifest& base = {}, bool fixed_chunks = false) {
    return area->OpenFile(kNode, base, {crdt::Timestamp::Of(1, 7)}, fixed_chunks);
  }
  /// Publishes `bytes` as a file of its own.
  Manifest Version(std::string_view bytes, bool fixed_chunks = false) {
    const auto file = area->OpenFile(NodeId::Of(9, 1), {}, {}, fixed_chunks);
    Must(file->Write(0, bytes, 5));
    return Must(file->Publish());
  }
  ManifestReader Reader(const Manifest& manifest) {
    return ManifestReader(content, std::make_shared<ChunkCache>(options.cache_bytes_max), manifest);
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : Must(storage.List("/staging"))) names.push_back(entry.name);
    return names;
  }

  StagingArea::Options options;
  base::MemoryStorage storage;
  test::MemoryContentStore content;
  std::unique_ptr<StagingArea> area;
};

}  // namespace copse::fs
