#pragma once

#include <absl/status/statusor.h>
#include <copse/base/content_store.h>
#include <copse/fs/content.h>

#include <string>
#include <vector>

namespace copse::fs {

/// The version that holds `bytes` (at most Manifest::kInlineBytesMax) itself.
Manifest InlineManifest(std::string bytes, base::UnixNanoseconds mtime, bool fixed_chunks);

/// The version made of `leaves` (at least one), whose pages it stores in `content`. Where a page ends depends on the
/// entries in it, so that versions with common stretches share pages. Errors: those of ContentStore::Put.
absl::StatusOr<Manifest> ChunkedManifest(base::ContentStore& content, std::vector<ManifestEntry> leaves,
                                         base::UnixNanoseconds mtime, bool fixed_chunks);

}  // namespace copse::fs
