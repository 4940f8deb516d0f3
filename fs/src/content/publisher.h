#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/content_store.h>
#include <copse/fs/content.h>

#include <cstdint>
#include <functional>
#include <span>

#include "content/change_set.h"
#include "content/chunker.h"
#include "content/manifest_reader.h"

namespace copse::fs {

/// Contents that are `changes` on top of `base`.
struct Publication {
  base::ContentStore& content;  ///< Takes new chunks and pages.
  const Chunker& chunker;
  const ManifestReader& base;
  const ChangeSet& changes;
  std::uint64_t size = 0;
  base::UnixNanoseconds mtime = 0;
  bool fixed_chunks = false;
  /// Fills the span with the contents at an offset.
  std::function<absl::Status(std::uint64_t offset, std::span<char> out)> read;
  /// Asked before each chunk that is to be stored: whether to give up.
  std::function<bool()> gives_up;
};

/// Stores what is new and returns the version: the one that cutting all of the contents from scratch would give, if
/// the base was cut in the same way. Cost: O(entries of the manifest), and reading and hashing O(chunks near changes).
/// Errors: those of the content store; kAborted where it gave up.
absl::StatusOr<Manifest> PublishContents(const Publication& publication);

}  // namespace copse::fs
