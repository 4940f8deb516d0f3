#pragma once

#include <absl/status/status.h>
#include <copse/crdt/bytes.h>
#include <copse/crdt/timestamp.h>
#include <copse/replica/member.h>

#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "frame.h"

namespace copse::replica {

/// Up to which time every op that will ever come has been applied: the causally stable point, below which the tree
/// needs no history (Kleppmann et al., doi:10.1109/TPDS.2021.3118603, section 3.6).
///
/// Whoever makes an op has seen all that its earlier frames are built on, so an author's later ops have higher counters
/// than the clock of any of its frames. The minimum over all who may write is therefore below every op to come. A
/// member that was never heard from counts with the clock of the frame that let it in, as it writes nothing before it
/// holds what that frame builds on, and a first frame that is earlier is refused; and one that nobody here knows was
/// let in by a frame that is still to come. Not thread-safe.
class Stability {
 public:
  /// A frame was applied, with all before it in its feed and all that it depends on. Own ones count when they are
  /// durable.
  void NoteFrame(const FrameHeader& header);

  void Save(crdt::ByteWriter& out) const;
  /// Errors: kDataLoss with the offset.
  absl::Status Load(crdt::ByteReader& reader);

  /// The highest counter of an op that was applied; 0 if there was none. What this replica will make is later.
  std::uint64_t clock() const { return clock_; }

  /// The latest time up to which nothing new can come, `members` being all who may write but those whose counters will
  /// be above `clock_max`, and `own` this replica's actor, if it is a member already. Before every op if some member
  /// has not been heard of at all. Cost: O(members log actors).
  crdt::Timestamp StableTime(const std::vector<Member>& members, crdt::ActorId own,
                             std::uint64_t clock_max = std::numeric_limits<std::uint64_t>::max()) const;

 private:
  using Clocks = std::map<crdt::ActorId, std::uint64_t>;

  std::uint64_t clock_ = 0;
  Clocks clocks_;           // Of each author's newest frame.
  Clocks clocks_at_grant_;  // Of the frame that let it in; of several, the lowest.
};

}  // namespace copse::replica
