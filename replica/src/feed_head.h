#pragma once

#include <copse/base/hash.h>
#include <copse/crdt/ids.h>

#include <cstdint>

namespace copse::replica {

/// How far a feed is durable somewhere. Frames are numbered from 0 within their feed.
struct FeedHead {
  crdt::ActorId actor = 0;
  std::uint64_t frames = 0;
  std::uint64_t ops = 0;
  base::Hash last_frame{};  ///< SHA-256 of the whole frame numbered `frames - 1`.

  friend bool operator==(const FeedHead&, const FeedHead&) = default;
};

}  // namespace copse::replica
