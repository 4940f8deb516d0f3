#pragma once

#include <absl/status/status.h>
#include <copse/replica/invitation.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "crash/replica.h"

namespace copse::crash {

/// Two machines: the founder of a volume, and one that it invites.
class World {
 public:
  enum class Machine { kFounder, kGuest };

  explicit World(std::uint64_t seed);
  /// The same world in which the power of `machine` went, and its disk kept those pieces (MemoryStorage::Crash), while
  /// the process of the other was killed. Nothing runs.
  World(const World& before, Machine machine, const std::vector<bool>& kept, std::uint64_t seed);

  Replica& founder() { return *founder_; }
  Replica& guest() { return *guest_; }
  Replica& at(Machine machine) { return machine == Machine::kFounder ? *founder_ : *guest_; }

  /// Makes the volume where there is none, and opens it.
  absl::Status Found();
  /// Kills the founder's process and begins another, which shows what a kill may leave.
  absl::Status RestartFounder();
  absl::Status Invite();
  /// Has the guest become a member, however far it is already, and opens it.
  absl::Status Join();
  /// Exchanges until both hold the same.
  absl::Status Meet();

  /// After a crash: starts both machines again, and compares what they show with what was acknowledged; then has them
  /// join where they had not, meet, work on, and lose power once more. The message of an error says what is wrong.
  absl::Status StartAgainAndCheck();

 private:
  absl::Status CheckOpsOfEachOther();
  absl::Status CheckShown(Replica& replica, const Replica& other, bool has_met);
  absl::Status GoOn();
  absl::Status ExpectEqual();

  std::unique_ptr<Replica> founder_;
  std::unique_ptr<Replica> guest_;
  std::optional<replica::Invitation> invitation_;
  bool has_joined_ = false;
};

}  // namespace copse::crash
