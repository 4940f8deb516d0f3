#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/hash.h>
#include <copse/crdt/timestamp.h>
#include <copse/fs/attributes.h>
#include <copse/fs/content.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "content/change_set.h"

namespace copse::fs {

/// The records of a staging file's log (STORE/staging/NODE.extents). docs/format/staging.md.
struct StagingHeader {
  NodeId node;
  Manifest base;              ///< Itself, because peers may replace its heads before it is needed again.
  bool fixed_chunks = false;  ///< How to cut what is published.
  std::vector<crdt::Timestamp> base_heads;
};

/// What one Persist made durable on top of the one before (or of the base).
struct StagingChange {
  std::uint64_t size = 0;
  base::UnixNanoseconds mtime = 0;
  ChangeSet changes;  ///< Its limit is at most the size before.
};

std::string EncodeStagingHeader(const StagingHeader& header);
std::string EncodeStagingChange(const StagingChange& change);
/// A version with this plain root is about to become an op.
std::string EncodeStagingPublication(const base::Hash& plain_root);
/// From here on the data file, as it is found, is all of the contents: others write it past the log.
std::string EncodeStagingPassthrough();

struct StagingLogContents {
  StagingHeader header;
  StagingChange sum;  ///< All changes in one; size and mtime are those of the last.
  std::vector<base::Hash> publications;
  bool passes_through = false;
  std::uint64_t valid_bytes = 0;  ///< A torn record may follow.
};

/// Reads a log from its start. Errors: kDataLoss damaged, that is, a bad record that a valid one follows, or no whole
/// header or change; with the offset.
absl::StatusOr<StagingLogContents> ParseStagingLog(std::string_view bytes);

}  // namespace copse::fs
