#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/storage.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "feed.h"
#include "layout.h"

namespace copse::replica {

/// A place of a feed where the disk has lost frames that it had.
struct FeedGap {
  FeedEnd before;    ///< Where the sound part before it ends; `segment` is empty where there is none.
  std::string what;  ///< One line with file and offset.
  /// The first sound frame behind it: its number, the hash that it says the frame before it has, and the record that
  /// it begins. Absent: there is none, or no frames are lost but what lies there is wrong, so frames of others cannot
  /// mend it.
  struct Next {
    std::uint64_t number = 0;
    base::Hash previous{};
    std::string segment;  ///< Path.
    std::uint64_t offset = 0;
  };
  std::optional<Next> next;
  /// In place of that at the end of a feed, where a damaged record looks like a torn tail: what is known of the last op
  /// that was there, and of its frame, by a frame that was made later.
  std::optional<Dependency> until;

  bool CanBeFilled() const { return next || until; }
};

/// What of a feed is sound.
struct FeedScan {
  std::vector<FeedGap> gaps;             ///< In their order.
  FeedEnd end;                           ///< Behind the last sound frame.
  FeedEnd proved;                        ///< The same before the last record, which nothing shows to be durable.
  std::vector<std::string> segments;     ///< Paths.
  std::vector<FeedIndex::Place> frames;  ///< By number; without a length where lost.
  std::vector<Grant> grants;             ///< In all sound frames, in their order.
  std::optional<FeedItem> newest;        ///< The last sound frame.
  std::map<crdt::ActorId, Dependency> dependencies;  ///< Of its frames, all together.
};

/// Reads all of a feed. A torn tail is no gap: opening the store cuts it. Errors: the disk's; kDataLoss a file that is
/// no segment.
absl::StatusOr<FeedScan> ScanFeed(base::Storage& storage, const std::string& directory, const VolumeId& volume,
                                  crdt::ActorId actor);

/// Scans all feeds of a store of `own`. What looks like a torn tail is a gap where a frame shows that it was durable:
/// an own one was made with all that it depends on, and others' were with the own ops that they depend on.
absl::StatusOr<std::map<crdt::ActorId, FeedScan>> ScanFeeds(base::Storage& storage, const Layout& layout,
                                                            const VolumeId& volume, crdt::ActorId own);

/// Segments that are to take the places of others, all at once or as nearly so as a disk lets them. Until Commit
/// nothing has changed.
class SegmentRewrites {
 public:
  /// `scratch`: a directory on the same disk, which is this one's alone; it need not exist.
  SegmentRewrites(base::Storage& storage, std::string scratch) : storage_(storage), scratch_(std::move(scratch)) {}

  /// Forgets, and removes, what was written and not committed, also by a process that ended. First of all.
  absl::Status Begin();
  /// The segment as it will be.
  absl::StatusOr<std::string> Read(const std::string& path) const;
  absl::Status Write(const std::string& path, std::string_view contents);
  /// Durable when it returns; the last in the order of paths goes first. After a crash some are in their places.
  absl::Status Commit();
  absl::Status Clear();

 private:
  base::Storage& storage_;
  const std::string scratch_;
  std::map<std::string, std::string> written_;  // Path by path of the segment.
  std::uint64_t count_ = 0;
};

/// Writes headers of segments again where the disk has damaged them: what they say is known. Returns a line for each.
absl::StatusOr<std::vector<std::string>> MendSegmentHeaders(SegmentRewrites& rewrites, base::Storage& storage,
                                                            const std::string& directory, const VolumeId& volume,
                                                            crdt::ActorId actor);

/// Puts `frames`, proved to be those that are lost, in the place of what lies in `gap`, each as a record, in the
/// segments in which they were. Changes nothing that lies before the gap, so of several the last is to be filled first.
absl::Status FillGap(SegmentRewrites& rewrites, base::Storage& storage, const std::string& directory,
                     const VolumeId& volume, crdt::ActorId actor, const FeedGap& gap,
                     std::span<const std::string> frames);

}  // namespace copse::replica
