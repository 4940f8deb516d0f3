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
};

class Replay {
 public:
  Replay(crdt::ActorId own, const OpenItem& open, const ReplayFrame& apply, Dependencies known, Stability stability)
      : own_(own), open_(open), apply_(apply) {
    result_.known = std::move(known);
    result_.stability = std::move(stability);
  }

  absl::Status Add(FeedReader& feed) {
    cursors_.push_back({&feed, nullptr});
    return Advance(cursors_.back());
  }

  /// An own frame builds on others' that its author had, which it does not always say: what it says is what is new
  /// since the frame before, and a snapshot may cover that one without all that it builds on. So whatever others'
  /// frames can be applied comes first. Where that is not all, frames are lost, and own ones stand: their author knew.
  absl::Status Run() {
    for (;;) {
      COPSE_ASSIGN_OR_RETURN(const bool any, ApplyOthers());
      if (any) continue;
      const auto own = std::find_if(cursors_.begin(), cursors_.end(), [this](const Cursor& cursor) {
        return cursor.head != nullptr && cursor.feed->actor() == own_;
      });
      if (own == cursors_.end()) break;
      COPSE_RETURN_IF_ERROR(ApplyHead(*own));
    }
    return ReadRest();
  }

  ReplayResult Take() { return std::move(result_); }

 private:
  /// Moves on to the next frame; the present one is the last if there is none.
  absl::Status Advance(Cursor& cursor) {
    auto item = std::make_unique<FeedItem>();
    COPSE_ASSIGN_OR_RETURN(const bool more, cursor.feed->Next(*item));
    if (more) {
      const FrameHeader& header = item->frame.header;
      for (const Grant& grant : header.grants) result_.grants[header.actor].push_back({header.number, grant});
      cursor.head = std::move(item);
    } else if (cursor.head != nullptr) {
      result_.newest.push_back(std::move(cursor.head));
    }
    return absl::OkStatus();
  }

  /// One turn over the feeds of others, each as far as it can go; returns whether any went on.
  absl::StatusOr<bool> ApplyOthers() {
    bool any = false;
    for (Cursor& cursor : cursors_) {
      if (cursor.feed->actor() == own_) continue;
      while (cursor.head != nullptr && !result_.refused.contains(cursor.feed->actor()) &&
             IsCovered(cursor.head->frame.header, result_.known)) {
        COPSE_RETURN_IF_ERROR(ApplyHead(cursor));
        any = true;
      }
    }
    return any;
  }

  absl::Status ApplyHead(Cursor& cursor) {
    const FrameHeader& header = cursor.head->frame.header;
    if (header.op_count > 0) {
      COPSE_ASSIGN_OR_RETURN(const std::vector<crdt::Op> ops, open_(*cursor.head));
      const absl::Status applied = apply_(header.actor, header.first_op, ops);
      if (absl::IsInvalidArgument(applied) && header.actor != own_) {
        result_.refused[header.actor] = cursor.head->place + ": " + std::string(applied.message());
        return absl::OkStatus();
      }
      COPSE_RETURN_IF_ERROR(applied);
      Know(header, cursor.head->hash, result_.known);
    }
    result_.stability.NoteFrame(header);
    return Advance(cursor);
  }

  /// Proves the frames that nobody may see yet as well.
  absl::Status ReadRest() {
    for (Cursor& cursor : cursors_) {
      const bool is_refused = result_.refused.contains(cursor.feed->actor());
      while (cursor.head != nullptr) {
        if (!is_refused) result_.waiting.push_back(std::make_unique<FeedItem>(*cursor.head));
        COPSE_RETURN_IF_ERROR(Advance(cursor));
      }
    }
    return absl::OkStatus();
  }

  crdt::ActorId own_;
  const OpenItem& open_;
  const ReplayFrame& apply_;
  std::vector<Cursor> cursors_;
  ReplayResult result_;
};

/// Whether the ops of a frame have higher counters than those of an author that has seen no more than `known`. The tree
/// refuses them then; where more is known it does not, so whoever refused would differ from others for ever.
bool IsAhead(const FrameHeader& header, const Dependencies& known) {
  if (header.op_count == 0) return false;
  std::uint64_t ops = header.first_op + header.op_count;
  for (const auto& [actor, dependency] : known) {
    if (actor != header.actor) ops += dependency.count;
  }
  return header.clock > ops;
}

}  // namespace

bool IsCovered(const FrameHeader& header, const Dependencies& known) {
  return !IsAhead(header, known) &&
         std::all_of(header.dependencies.begin(), header.dependencies.end(), [&](const Dependency& dependency) {
           const auto found = known.find(dependency.actor);
           return found != known.end() && found->second.count >= dependency.count;
         });
}

void Know(const FrameHeader& header, const base::Hash& hash, Dependencies& known) {
  Dependency& dependency = known[header.actor];
  if (dependency.count > header.first_op + header.op_count) return;
  dependency.actor = header.actor;
  dependency.count = header.first_op + header.op_count;
  std::copy_n(hash.begin(), dependency.frame.size(), dependency.frame.begin());
}

absl::StatusOr<ReplayResult> ReplayFeeds(const std::vector<std::unique_ptr<FeedReader>>& feeds, crdt::ActorId own,
                                         const OpenItem& open, const ReplayFrame& apply, Dependencies known,
                                         Stability stability) {
  Replay replay(own, open, apply, std::move(known), std::move(stability));
  for (const std::unique_ptr<FeedReader>& feed : feeds) COPSE_RETURN_IF_ERROR(replay.Add(*feed));
  COPSE_RETURN_IF_ERROR(replay.Run());
  return replay.Take();
}

}  // namespace copse::replica
