#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/hash.h>
#include <copse/crdt/ids.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "feed_head.h"

namespace copse::replica {

/// What a session exchanges: the feeds, chunks and invitations of one replica. Called from one thread at a time; must
/// not call back into the session or exchange that calls it, except for what these say may be called from anywhere.
class SessionHost {
 public:
  virtual ~SessionHost() = default;

  /// The heads of all feeds that are here, durable frames only, ascending by actor. Within a process they only grow.
  virtual std::vector<FeedHead> Heads() = 0;

  /// Whether frames of `actor` could be verified here.
  virtual bool IsMember(crdt::ActorId actor) = 0;

  /// Frames from `first` on, which is below the feed's head: as many whole ones as fit in `bytes_max`, at least one.
  virtual absl::StatusOr<std::vector<std::string>> ReadFrames(crdt::ActorId actor, std::uint64_t first,
                                                              std::size_t bytes_max) = 0;

  /// The hash of a frame below the feed's head: shows whether a peer's shorter feed is the beginning of this one.
  virtual absl::StatusOr<base::Hash> FrameHash(crdt::ActorId actor, std::uint64_t frame) = 0;

  /// Verifies and stores durably; `first` is the number of frames of `actor` that are here.
  /// Errors: kDataLoss the frames are bad, which is the peer's fault; any other: they could not be stored now.
  virtual absl::Status AddFrames(crdt::ActorId actor, std::uint64_t first, std::span<const std::string> frames) = 0;

  /// The sealed bytes of a chunk, verified. Errors: kNotFound; kDataLoss damage; any other: it cannot be read now.
  virtual absl::StatusOr<std::string> ReadChunk(const base::Hash& id) = 0;

  /// The answer for a chunk that was asked for; the bytes have the SHA-256 `id`. kNotFound: the peer does not have it.
  virtual void OnChunk(const base::Hash& id, absl::StatusOr<std::string> sealed) = 0;

  /// How many chunks that ops name are not here yet. 0 only once those that OnChunk brought are durable.
  virtual std::uint64_t ChunksMissing() = 0;

  /// Admits the stranger with the public key `peer_key` if `secret` is that of an open invitation; returns what it has
  /// to know. Any error is told to the stranger, its message as it is.
  virtual absl::StatusOr<std::string> Admit(const std::string& peer_key, std::string_view secret,
                                            const std::string& label) = 0;
};

}  // namespace copse::replica
