#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/storage.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "feed.h"

namespace copse::replica {

/// A place of a feed where the disk has lost frames that it had.
struct FeedGap {
  std::string segment;      ///< Path of the file that it begins in; missing where that file is lost.
  std::uint64_t begin = 0;  ///< Offset in it, behind the last sound record.
  std::string what;         ///< One line with file and offset.
  /// The number of the first sound frame behind it, and the hash that this one says the frame before it has. Absent:
  /// there is none, or no frames are lost but what lies there is wrong, so frames of others cannot mend it.
  std::optional<std::uint64_t> next_frame;
  base::Hash last_frame{};
};

/// What of a feed is sound.
struct FeedScan {
  FeedEnd end;                     ///< Of the sound beginning: all of it where there is no gap.
  FeedIndex index;                 ///< Of the same.
  std::optional<FeedGap> gap;      ///< The first.
  std::vector<Grant> grants;       ///< In all sound frames, in their order.
  std::optional<FeedItem> newest;  ///< The last sound frame.
};

/// Reads all of a feed. A torn tail is no gap: opening the store cuts it. Errors: the disk's, and a file that is no
/// segment.
absl::StatusOr<FeedScan> ScanFeed(base::Storage& storage, const std::string& directory, const VolumeId& volume,
                                  crdt::ActorId actor);

/// Writes headers of segments again where the disk has damaged them: what they say is known. Returns a line for each.
/// `scratch`: a path on the same disk outside of the feed, for a file while it is written.
absl::StatusOr<std::vector<std::string>> MendSegmentHeaders(base::Storage& storage, const std::string& directory,
                                                            const VolumeId& volume, crdt::ActorId actor,
                                                            const std::string& scratch);

/// Puts `frames`, proved to be those that are lost, in the place of what lies in the gap. Durable when it returns;
/// after a crash the segment is the one before or the one after. Places of later frames in that segment change.
absl::Status FillGap(base::Storage& storage, const VolumeId& volume, crdt::ActorId actor, const FeedScan& scan,
                     std::span<const std::string> frames, const std::string& scratch);

}  // namespace copse::replica
