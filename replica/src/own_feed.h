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
  OwnFeed(const Identity& identity, base::Clock& clock, base::Random& random, const SignatureScheme& signatures,
          Feed& feed, Dependencies stated, std::uint32_t frame_bytes_max)
      : identity_(identity),
        clock_(clock),
        random_(random),
        signatures_(signatures),
        feed_(feed),
        stated_(std::move(stated)),
        frame_bytes_max_(frame_bytes_max) {}

  /// Writes whole batches of ops as frames, each synced before the next is written; the first bears `grants`, and is
  /// written for their sake where there are no ops. `known`: at least all that the ops build on. Adds to `written` the
  /// headers of the frames that are on disk, also when an error ends it. Errors: as Feed::Append.
  /// `border`: a number of the feed's ops with which a frame is to end, where it is among these. `clock`, which counts
  /// only where there are no ops: no op that this replica makes from now on has a counter up to it.
  absl::Status Write(std::span<const crdt::Op> ops, std::vector<Grant> grants, Dependencies known, std::uint64_t border,
                     std::uint64_t clock, std::vector<FrameHeader>& written);

  /// Writes a frame without ops if `known` has ops of others that no frame has stated yet: so others learn that they
  /// are here. Otherwise as Write.
  absl::Status Acknowledge(Dependencies known, std::uint64_t clock, std::vector<FrameHeader>& written);

  /// Whether that would write one.
  bool HasToAcknowledge(const Dependencies& known) const;

 private:
  FrameHeader NextHeader(std::span<const crdt::Op> ops, const Dependencies& known, std::uint64_t clock);
  absl::Status WriteFrame(FrameHeader header, std::span<const crdt::Op> ops, const Dependencies& known,
                          std::vector<FrameHeader>& written);

  const Identity& identity_;
  base::Clock& clock_;
  base::Random& random_;
  const SignatureScheme& signatures_;
  Feed& feed_;
  Dependencies stated_;
  std::uint32_t frame_bytes_max_;
};

}  // namespace copse::replica
