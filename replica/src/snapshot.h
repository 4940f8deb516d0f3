#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/content_store.h>
#include <copse/base/hash.h>
#include <copse/base/storage.h>
#include <copse/crdt/image.h>
#include <copse/replica/identity.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "feed.h"
#include "grant_record.h"
#include "stability.h"

namespace copse::replica {

inline constexpr std::uint32_t kSnapshotFormat = 1;

/// What a snapshot covers of one feed, and where reading the feed goes on.
struct SnapshotFeed {
  std::uint64_t ops = 0;            ///< Covered: at least one.
  std::uint64_t frames = 0;         ///< Covered: the last of these ends with the last op covered.
  base::Hash last_frame{};          ///< SHA-256 of that frame.
  FeedEnd resume;                   ///< At or before the end of what is covered: where a record ends.
  FeedIndex index;                  ///< Of the frames covered. Segments by name, without a directory.
  std::vector<GrantRecord> grants;  ///< Of the frames before `resume`.
};

/// What the store itself keeps in a snapshot.
struct SnapshotState {
  std::map<crdt::ActorId, SnapshotFeed> feeds;
  std::vector<base::NamedContent> wanted;  ///< Contents that the ops covered name, and that were not here.
  Stability stability;                     ///< Of at least what is covered, and of nothing that was not durable.
};

std::string EncodeSnapshotState(const SnapshotState& state);
/// The inverse, for bytes from anywhere. Errors: kDataLoss with the offset.
absl::StatusOr<SnapshotState> DecodeSnapshotState(std::string_view bytes);

/// Writes `parts` as one file, durable when it returns: docs/format/snapshot.md. `path` must not exist.
absl::Status WriteSnapshotFile(base::Storage& storage, const std::string& path, const VolumeId& volume,
                               crdt::ActorId actor, const std::vector<std::string_view>& parts);

/// Reads it, and proves its checksums.
/// Errors: kFailedPrecondition another format, or of another replica; kDataLoss damaged; those of the disk.
absl::StatusOr<std::vector<crdt::ImageBuffer>> ReadSnapshotFile(base::Storage& storage, const std::string& path,
                                                                const VolumeId& volume, crdt::ActorId actor);

/// The snapshots in `directory`, the newest first; none where there is no directory.
absl::StatusOr<std::vector<std::string>> ListSnapshots(base::Storage& storage, const std::string& directory);
/// The path of the snapshot that comes after `snapshots`, as ListSnapshots gives them.
std::string NextSnapshot(const std::string& directory, const std::vector<std::string>& snapshots);

/// What a snapshot of `feed` says that covers its first `ops` ops, but for the grants. A frame must end there.
/// Errors: kFailedPrecondition none does; kDataLoss the disk has changed what would be taken for proved; the disk's.
absl::StatusOr<SnapshotFeed> DescribeFeed(base::Storage& storage, const Feed& feed, std::uint64_t ops);

/// Whether the frame that `feed` covers last is on the disk, in `directory`. Errors: kDataLoss it is not; the disk's.
absl::Status CheckLastFrame(base::Storage& storage, const std::string& directory, const SnapshotFeed& feed);

}  // namespace copse::replica
