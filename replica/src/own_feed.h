#pragma once

#include <absl/status/status.h>
#include <copse/base/clock.h>
#include <copse/base/random.h>
#include <copse/crdt/op.h>
#include <copse/replica/identity.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "feed.h"

namespace copse::replica {

/// What is known of each actor.
using Dependencies = std::map<crdt::ActorId, Dependency>;

/// Makes frames of this replica's ops and memberships and writes them. Not thread-safe.
class OwnFeed {
 public:
  /// `stated`: what the feed's last frames have said of other actors.
  OwnFeed(const Identity& identity, base::Clock& clock, base::Random& random, Feed& feed, Dependencies stated,
          std::uint32_t frame_bytes_max)
      : identity_(identity),
        clock_(clock),
        random_(random),
        feed_(feed),
        stated_(std::move(stated)),
        frame_bytes_max_(frame_bytes_max) {}

  /// Writes whole batches of ops as frames, each synced before the next is written; the first bears `grants`, and is
  /// written for their sake where there are no ops. `known`: at least all that the ops build on. Adds to `durable` the
  /// ops that are on disk, also when an error ends it. Errors: as Feed::Append.
  /// `border`: a number of the feed's ops with which a frame is to end, where it is among these.
  absl::Status Write(std::span<const crdt::Op> ops, std::vector<Grant> grants, Dependencies known, std::uint64_t border,
                     std::uint64_t& durable);

 private:
  FrameHeader NextHeader(std::span<const crdt::Op> ops, const Dependencies& known);

  const Identity& identity_;
  base::Clock& clock_;
  base::Random& random_;
  Feed& feed_;
  Dependencies stated_;
  std::uint32_t frame_bytes_max_;
};

}  // namespace copse::replica
