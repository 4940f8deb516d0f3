#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/hash.h>
#include <copse/base/storage.h>
#include <copse/replica/identity.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "feed_head.h"
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

/// Where each frame of a feed lies: 16 bytes a frame.
struct FeedIndex {
  struct Place {
    std::uint32_t segment = 0;  ///< Into `segments`.
    std::uint32_t length = 0;
    std::uint64_t offset = 0;
  };
  std::vector<std::string> segments;  ///< Paths.
  std::vector<Place> frames;
};

/// One frame of a feed.
struct FeedItem {
  std::shared_ptr<const std::string> record;  ///< Holds the bytes that `frame` points into.
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

  /// Goes on behind what a snapshot covers, instead of at the beginning: `index` is of the frames up to `end`, with the
  /// names of the segments. To be called first. Errors: kDataLoss the feed on the disk is another, or shorter.
  absl::Status ResumeAt(const FeedEnd& end, FeedIndex index);

  /// Returns false at the end. A torn tail of the last segment is the end.
  /// Errors: kDataLoss with file and offset; another call goes on behind the damage. Any other error is the disk's.
  absl::StatusOr<bool> Next(FeedItem& item);

  crdt::ActorId actor() const { return actor_; }
  /// After Next returned false:
  const FeedEnd& end() const { return end_; }
  /// Whether something follows the end that is not a frame, or a segment was being made when the machine stopped.
  bool is_torn() const { return torn_bytes_.has_value(); }
  /// Of all frames that Next returned, and of those behind damage that it found wrong.
  const FeedIndex& index() const { return index_; }
  FeedIndex TakeIndex() && { return std::move(index_); }
  /// What the feed's frames so far depend on, all together.
  const std::map<crdt::ActorId, Dependency>& dependencies() const { return dependencies_; }

  /// Cuts the torn tail, and makes durable what is left: after a mere kill it may be in the page cache only, and after
  /// a sync that failed the last record may never have left it.
  absl::Status Repair();

 private:
  FeedReader(base::Storage& storage, std::string directory, const VolumeId& volume, crdt::ActorId actor)
      : storage_(storage), directory_(std::move(directory)), volume_(volume), actor_(actor) {}

  absl::StatusOr<bool> OpenNextSegment();
  /// Reads the next record into record_; false at the end.
  absl::StatusOr<bool> NextRecord();
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
  std::shared_ptr<const std::string> record_;  // The one being read; null behind it.
  std::size_t record_position_ = 0;            // Of the next frame in it.
  std::uint64_t record_offset_ = 0;            // Of its payload in the segment.
  std::uint64_t unproved_ = 0;                 // From here on no later record shows that the last segment was synced.
  bool at_segment_start_ = false;
  bool is_chain_known_ = true;  // False behind damage: the next frame is taken as it is.
  FeedEnd end_;
  std::optional<std::uint64_t> torn_bytes_;
  std::string torn_segment_;  // Path of a last segment that has not even its header.
  std::map<crdt::ActorId, Dependency> dependencies_;
  FeedIndex index_;
};

/// One actor's feed in use: takes frames at its end, and reads those that it has. Thread-safe.
class Feed {
 public:
  /// Goes on where a FeedReader has ended. `storage` must outlive the feed.
  Feed(base::Storage& storage, std::string directory, const VolumeId& volume, crdt::ActorId actor,
       std::uint64_t segment_bytes_max, FeedEnd end, FeedIndex index)
      : storage_(storage),
        directory_(std::move(directory)),
        volume_(volume),
        actor_(actor),
        segment_bytes_max_(segment_bytes_max),
        end_(std::move(end)),
        index_(std::move(index)) {}

  crdt::ActorId actor() const { return actor_; }
  FeedEnd end() const;
  /// Of `end`, what peers are told.
  FeedHead head() const;
  /// Where its frames lie. A copy: 16 bytes a frame.
  FeedIndex index() const;

  /// Whether the next frame should be the first of a segment, and therefore state all its dependencies.
  bool WantsSegment() const;

  /// Writes frames that continue the feed as one record, durable when it returns: after a crash all of them are there
  /// or none. A frame that states all its dependencies begins a segment where the last one is long enough.
  /// Errors: kResourceExhausted the disk is full, and the feed is as it was; any other: the feed must not be used
  /// again.
  absl::Status Append(std::span<const Frame> run);

  /// Frames from number `first` on, as long as they fit into `bytes_max`, but at least one. Empty where the feed ends
  /// before. Errors: the disk's.
  absl::StatusOr<std::vector<std::string>> Read(std::uint64_t first, std::size_t bytes_max) const;

 private:
  bool NeedsSegment(const FrameHeader& first) const;
  absl::Status StartSegment();
  absl::Status WriteRun(std::span<const Frame> run);

  base::Storage& storage_;
  const std::string directory_;
  const VolumeId volume_;
  const crdt::ActorId actor_;
  const std::uint64_t segment_bytes_max_;

  std::mutex append_mutex_;           // One append at a time; taken before mutex_, and held over disk I/O.
  std::unique_ptr<base::File> file_;  // Guarded by append_mutex_.
  mutable std::mutex mutex_;          // Guards all below; they change only under append_mutex_ as well.
  FeedEnd end_;
  FeedIndex index_;
};

/// `actor` as 4 hex digits: the name of its directory below feeds/.
std::string FeedName(crdt::ActorId actor);

/// The file of the segment that begins with that op of the feed; and back, nothing for any other name.
std::string SegmentName(std::uint64_t first_op);
std::optional<std::uint64_t> FirstOpOf(const std::string& segment_name);

}  // namespace copse::replica
