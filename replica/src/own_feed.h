#pragma once

#include <absl/status/status.h>
#include <copse/base/clock.h>
#include <copse/base/random.h>
#include <copse/crdt/op.h>
#include <copse/replica/identity.h>

#include <cstdint>
#include <map>
#include <span>

#include "feed.h"

namespace copse::replica {

/// Makes frames of this replica's ops and writes them. Not thread-safe.
class OwnFeed {
 public:
  using Dependencies = std::map<crdt::ActorId, Dependency>;

  /// `known`: what this replica knows of every actor. `stated`: what its feed's last frames have said of that.
  OwnFeed(const Identity& identity, base::Clock& clock, base::Random& random, FeedWriter writer, Dependencies known,
          Dependencies stated, std::uint32_t frame_bytes_max)
      : identity_(identity),
        clock_(clock),
        random_(random),
        writer_(std::move(writer)),
        known_(std::move(known)),
        stated_(std::move(stated)),
        frame_bytes_max_(frame_bytes_max) {
    known_.erase(identity.actor);
  }

  /// Writes whole batches of ops as frames, each synced before the next is written. Adds to `durable` the ops that are
  /// on disk, also when an error ends it. Errors: as FeedWriter::Append.
  absl::Status Write(std::span<const crdt::Op> ops, std::uint64_t& durable);

  const FeedEnd& end() const { return writer_.end(); }

 private:
  FrameHeader NextHeader(std::span<const crdt::Op> ops);

  const Identity& identity_;
  base::Clock& clock_;
  base::Random& random_;
  FeedWriter writer_;
  Dependencies known_;
  Dependencies stated_;
  std::uint32_t frame_bytes_max_;
};

}  // namespace copse::replica
