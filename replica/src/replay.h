#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "feed.h"
#include "grant_record.h"
#include "own_feed.h"
#include "stability.h"

namespace copse::replica {

/// The ops of a frame, for who holds the keys. Errors: kDataLoss with file and offset.
using OpenItem = std::function<absl::StatusOr<std::vector<crdt::Op>>(const FeedItem&)>;
using ReplayFrame =
    std::function<absl::Status(crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops)>;

/// What a replay found.
struct ReplayResult {
  Dependencies known;  ///< Of each actor: the ops handed on, and the frame that they end with.
  std::map<crdt::ActorId, std::vector<GrantRecord>> grants;  ///< Of each feed, in its order.
  std::vector<std::unique_ptr<FeedItem>> waiting;  ///< Not handed on: their dependencies are missing. In feed order.
  std::vector<std::unique_ptr<FeedItem>> newest;   ///< The last frame of each feed: its signature proves the feed.
  Stability stability;                             ///< What the frames say that were handed on.
  std::map<crdt::ActorId, std::string> refused;    ///< Feeds that were not handed on to their end, and why.
};

/// Reads all feeds to their ends and hands each frame that has ops to `apply`, in causal order: a frame after those
/// that it depends on. One of `own` comes when no other can, and so even where dependencies of it are missing; of
/// others, frames whose dependencies are missing are not handed on. Where `apply` refuses a frame of another actor with
/// kInvalidArgument, that feed is handed on no further. Signatures are left to the caller. Errors: kDataLoss with file
/// and offset; any of `apply`. `known`, `stability`: what has been handed on before, where the feeds are read from
/// behind that on.
absl::StatusOr<ReplayResult> ReplayFeeds(const std::vector<std::unique_ptr<FeedReader>>& feeds, crdt::ActorId own,
                                         const OpenItem& open, const ReplayFrame& apply, Dependencies known = {},
                                         Stability stability = {});

/// Whether `known` has all that `header` depends on: what it says, and as many ops as its clock stands for. The clock
/// of an honest author is never above the number of ops that it says it depends on.
bool IsCovered(const FrameHeader& header, const Dependencies& known);

/// Notes that the frame of `header`, whose hash is `hash`, is known, unless more of its feed is.
void Know(const FrameHeader& header, const base::Hash& hash, Dependencies& known);

}  // namespace copse::replica
