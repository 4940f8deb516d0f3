#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "feed.h"

namespace copse::replica {

/// What a replay asks of who holds the keys.
struct ReplayKeys {
  std::function<absl::Status(const FeedItem&)> verify;                         ///< Checks the signature.
  std::function<absl::StatusOr<std::vector<crdt::Op>>(const FeedItem&)> open;  ///< The frame's ops.
};
using ReplayFrame =
    std::function<absl::Status(crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops)>;

/// Reads all feeds to their ends and hands each frame that has ops to `apply`, in causal order: a frame after those
/// that it depends on. Frames of `own` whose dependencies are missing are handed on all the same, after everything
/// else; those of others are not. The newest frame of each feed has its signature checked, which proves the whole feed.
/// Returns, for each actor, the ops handed on and the frame that they end with.
/// Errors: kDataLoss with file and offset; any of `apply`.
absl::StatusOr<std::map<crdt::ActorId, Dependency>> ReplayFeeds(const std::vector<std::unique_ptr<FeedReader>>& feeds,
                                                                crdt::ActorId own, const ReplayKeys& keys,
                                                                const ReplayFrame& apply);

}  // namespace copse::replica
