#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/hash.h>
#include <copse/base/storage.h>
#include <copse/replica/identity.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frame.h"
#include "segment.h"

namespace copse::replica {

/// Where a feed ends.
struct FeedEnd {
  std::uint64_t ops = 0;
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;  ///< Of all its segments.
  std::uint64_t clock = 0;  ///< Of the last frame.
  base::Hash last_frame{};  ///< SHA-256 of the last frame; zeros if there is none.
  std::string segment;      ///< Path of the last segment; empty if there is none.
  std::uint64_t segment_first_op = 0;
  std::uint64_t segment_bytes = 0;  ///< Up to here the last segment is sound.
};

/// One frame of a feed. Not copyable: `frame` points into `bytes`.
struct FeedItem {
  FeedItem() = default;
  FeedItem(const FeedItem&) = delete;
  FeedItem& operator=(const FeedItem&) = delete;

  std::string bytes;
  Frame frame;
  base::Hash hash{};
  std::string place;  ///< "FILE offset N", for messages.
};

/// Reads one actor's directory of segments in order, and proves its chain: each frame names the hash of the one before
/// it, and the op that follows it. Signatures are left to the caller. Changes nothing on disk. Not thread-safe.
class FeedReader {
 public:
  /// Reads `directory` up to `limit` (its segment and segment_bytes) where that is given.
  static absl::StatusOr<std::unique_ptr<FeedReader>> Open(base::Storage& storage, std::string directory,
                                                          const VolumeId& volume, crdt::ActorId actor,
                                                          const FeedEnd* limit = nullptr);

  /// Returns false at the end. A torn tail of the last segment is the end.
  /// Errors: kDataLoss with file and offset; another call goes on behind the damage. Any other error is the disk's.
  absl::StatusOr<bool> Next(FeedItem& item);

  crdt::ActorId actor() const { return actor_; }
  /// After Next returned false:
  const FeedEnd& end() const { return end_; }
  /// Whether something follows the end that is not a frame, or a segment was being made when the machine stopped.
  bool is_torn() const { return torn_bytes_.has_value(); }
  /// What the feed's frames so far depend on, all together.
  const std::map<crdt::ActorId, Dependency>& dependencies() const { return dependencies_; }

  /// Cuts the torn tail, and makes durable what is left: after a mere kill it may be in the page cache only.
  absl::Status Repair();

 private:
  FeedReader(base::Storage& storage, std::string directory, const VolumeId& volume, crdt::ActorId actor)
      : storage_(storage), directory_(std::move(directory)), volume_(volume), actor_(actor) {}

  absl::StatusOr<bool> OpenNextSegment();
  absl::Status HandleBadRecord();
  absl::Status Accept(FeedItem& item);
  bool IsLastSegment() const { return next_segment_ == segments_.size(); }
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  base::Storage& storage_;
  std::string directory_;
  VolumeId volume_;
  crdt::ActorId actor_;
  std::vector<std::string> segments_;  // Names, ascending.
  std::size_t next_segment_ = 0;
  std::optional<std::uint64_t> last_segment_limit_;
  std::optional<SegmentReader> segment_;
  bool at_segment_start_ = false;
  bool is_chain_known_ = true;  // False behind damage: the next frame is taken as it is.
  FeedEnd end_;
  std::optional<std::uint64_t> torn_bytes_;
  std::string torn_segment_;  // Path of a last segment that has not even its header.
  std::map<crdt::ActorId, Dependency> dependencies_;
};

/// Appends to one actor's feed. Not thread-safe.
class FeedWriter {
 public:
  FeedWriter(base::Storage& storage, std::string directory, const VolumeId& volume, crdt::ActorId actor,
             std::uint64_t segment_bytes_max, FeedEnd end)
      : storage_(storage),
        directory_(std::move(directory)),
        volume_(volume),
        actor_(actor),
        segment_bytes_max_(segment_bytes_max),
        end_(std::move(end)) {}

  /// Whether the next frame will be the first of its segment, so that its dependencies must be full.
  bool StartsSegment() const;

  /// Writes and syncs one frame, which continues the feed.
  /// Errors: kResourceExhausted the disk is full, and the feed is as it was; any other: the feed must not be used
  /// again.
  absl::Status Append(std::string_view frame, const FrameHeader& header);

  const FeedEnd& end() const { return end_; }

 private:
  bool NeedsSegment() const;
  absl::Status StartSegment();

  base::Storage& storage_;
  std::string directory_;
  VolumeId volume_;
  crdt::ActorId actor_;
  std::uint64_t segment_bytes_max_;
  FeedEnd end_;
  std::unique_ptr<base::File> file_;
};

/// `actor` as 4 hex digits: the name of its directory below feeds/.
std::string FeedName(crdt::ActorId actor);

}  // namespace copse::replica
