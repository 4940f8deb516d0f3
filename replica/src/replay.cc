#include "replay.h"

#include <copse/base/status_macros.h>

#include <algorithm>
#include <utility>

namespace copse::replica {
namespace {

/// One feed and the frame that waits at its head.
struct Cursor {
  FeedReader* feed = nullptr;
  std::unique_ptr<FeedItem> head;  // Null at the end.
  std::unique_ptr<FeedItem> last;  // The frame before the head.
};

class Replay {
 public:
  Replay(crdt::ActorId own, const ReplayKeys& keys, const ReplayFrame& apply) : own_(own), keys_(keys), apply_(apply) {}

  absl::Status Add(FeedReader& feed) {
    cursors_.push_back({&feed, nullptr, nullptr});
    return Advance(cursors_.back());
  }

  absl::Status Run() {
    for (;;) {
      COPSE_ASSIGN_OR_RETURN(const bool any, ApplyReady());
      if (any) continue;
      // What is left waits for frames that are not here. Own frames stand: their author knew what it built on.
      const auto own = std::find_if(cursors_.begin(), cursors_.end(), [this](const Cursor& cursor) {
        return cursor.head != nullptr && cursor.feed->actor() == own_;
      });
      if (own == cursors_.end()) break;
      COPSE_RETURN_IF_ERROR(ApplyHead(*own));
    }
    return ReadRest();
  }

  std::map<crdt::ActorId, Dependency> TakeKnown() { return std::move(known_); }

 private:
  absl::Status Advance(Cursor& cursor) {
    auto item = std::make_unique<FeedItem>();
    COPSE_ASSIGN_OR_RETURN(const bool more, cursor.feed->Next(*item));
    if (cursor.head != nullptr) cursor.last = std::move(cursor.head);
    if (more) {
      cursor.head = std::move(item);
    } else if (cursor.last != nullptr) {
      return keys_.verify(*cursor.last);
    }
    return absl::OkStatus();
  }

  bool IsReady(const FrameHeader& header) const {
    return std::all_of(header.dependencies.begin(), header.dependencies.end(), [this](const Dependency& dependency) {
      const auto known = known_.find(dependency.actor);
      return known != known_.end() && known->second.count >= dependency.count;
    });
  }

  /// One turn over the feeds, each as far as it can go; returns whether any went on.
  absl::StatusOr<bool> ApplyReady() {
    bool any = false;
    for (Cursor& cursor : cursors_) {
      while (cursor.head != nullptr && IsReady(cursor.head->frame.header)) {
        COPSE_RETURN_IF_ERROR(ApplyHead(cursor));
        any = true;
      }
    }
    return any;
  }

  absl::Status ApplyHead(Cursor& cursor) {
    const FrameHeader& header = cursor.head->frame.header;
    if (header.op_count > 0) {
      COPSE_ASSIGN_OR_RETURN(const std::vector<crdt::Op> ops, keys_.open(*cursor.head));
      COPSE_RETURN_IF_ERROR(apply_(header.actor, header.first_op, ops));
      Dependency& known = known_[header.actor];
      known.actor = header.actor;
      known.count = header.first_op + header.op_count;
      std::copy_n(cursor.head->hash.begin(), known.frame.size(), known.frame.begin());
    }
    return Advance(cursor);
  }

  /// Proves the frames that nobody may see yet as well.
  absl::Status ReadRest() {
    for (Cursor& cursor : cursors_) {
      while (cursor.head != nullptr) COPSE_RETURN_IF_ERROR(Advance(cursor));
    }
    return absl::OkStatus();
  }

  crdt::ActorId own_;
  const ReplayKeys& keys_;
  const ReplayFrame& apply_;
  std::vector<Cursor> cursors_;
  std::map<crdt::ActorId, Dependency> known_;
};

}  // namespace

absl::StatusOr<std::map<crdt::ActorId, Dependency>> ReplayFeeds(const std::vector<std::unique_ptr<FeedReader>>& feeds,
                                                                crdt::ActorId own, const ReplayKeys& keys,
                                                                const ReplayFrame& apply) {
  Replay replay(own, keys, apply);
  for (const std::unique_ptr<FeedReader>& feed : feeds) COPSE_RETURN_IF_ERROR(replay.Add(*feed));
  COPSE_RETURN_IF_ERROR(replay.Run());
  return replay.TakeKnown();
}

}  // namespace copse::replica
