#pragma once

#include <string>

/// What the storm of processes (merge_storm_test.cc) and each of its processes (hammer.cc) agree on: names that come
/// and go, and files of which a new version replaces the whole contents.
namespace copse::test {

inline constexpr unsigned kHammeredNames = 24;
inline constexpr unsigned kHammeredFiles = 8;
inline constexpr std::size_t kVersionBytes = 4000;  ///< Within a page: read at one time, so never half of one version.

inline std::string HammeredName(unsigned random) { return "n" + std::to_string(random % kHammeredNames); }
inline std::string HammeredFile(std::size_t number) { return "version-" + std::to_string(number); }

inline std::string BytesOfVersion(unsigned version) {
  char word[9];
  std::snprintf(word, sizeof word, "%07u\n", version % 10'000'000);
  std::string bytes;
  while (bytes.size() < kVersionBytes) bytes += word;
  return bytes;
}

}  // namespace copse::test
