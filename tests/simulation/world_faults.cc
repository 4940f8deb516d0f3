// What befalls machines and lines. Each fault counts where it happens, not where it is drawn.
#include <algorithm>

#include "simulation/founding.h"
#include "simulation/world.h"

namespace copse::simulation {
namespace {

using Keep = base::MemoryStorage::Keep;
using std::chrono::milliseconds;

constexpr std::uint64_t kDiskBytes = std::uint64_t{1} << 39;
constexpr int kRubbishMachine = 9;
constexpr std::chrono::hours kWeek{7 * 24};

Keep KeepOf(const std::string& word) {
  return word == "everything" ? Keep::kEverything
         : word == "prefix"   ? Keep::kPrefix
         : word == "random"   ? Keep::kRandom
                              : Keep::kNothing;
}

/// The identity of the last member, which seldom takes part itself.
absl::StatusOr<replica::Identity> OfNobody(const Crypto& crypto) {
  const auto disk = GetFounding(crypto).disks.back()->Copy();
  return replica::ReadIdentity(*disk, std::string(Machine::kStore) + "/identity");
}

}  // namespace

bool World::Befall(const Step& step, Member& member) {
  Machine& machine = *member.machine;
  const std::string& verb = step.verb;
  const auto count = [&](const std::string& kind) { ++outcome_.faults[kind]; };

  if (verb == "partition") {  // partition OTHER DURATION oneway|both
    const int other = static_cast<int>(step.Number(0)) % trace_.replicas;
    if (other == step.replica) return true;
    const bool both = step.Word(2) != "oneway";
    count(both ? "partition" : "partition one way");
    network_.SetCut(step.replica, other, true);
    if (both) network_.SetCut(other, step.replica, true);
    queue_.Post(milliseconds(step.Number(1)), nullptr, [this, from = step.replica, other, both] {
      network_.SetCut(from, other, false);
      if (both) network_.SetCut(other, from, false);
    });
    return true;
  }
  if (verb == "jump") {  // jump MILLISECONDS forward|back
    count("clock jumps");
    const milliseconds by(static_cast<std::int64_t>(step.Number(0)));
    machine.clock().Jump(step.Word(1) == "back" ? -by : by);
    return true;
  }
  if (verb == "stick") {  // stick on|off
    if (step.Word(0) != "off") count("clock sticks");
    machine.clock().Stick(step.Word(0) != "off");
    return true;
  }
  if (verb == "sleep") {  // sleep MILLISECONDS: everything stands still, and then goes on.
    count("everything stands still for long");
    queue_.Skip(milliseconds(step.Number(0)));
    for (auto& each : members_) each->resumed = std::max(each->resumed, queue_.now());  // One may pause for longer.
    return true;
  }
  if (verb == "start") {
    if (!machine.is_on()) Start(member);
    return true;
  }
  if (verb == "space") {  // space BYTES|all
    if (step.Word(0) == "all") {
      machine.disk().SetFreeBytes(kDiskBytes);
      member.is_disk_full = false;
    } else {
      count("disk full");
      member.is_disk_full = true;
      machine.disk().SetFreeBytes(step.Number(0));
      member.disk_failed = true;
      member.programs->DiskMayFail();
    }
    return true;
  }
  if (verb == "rubbish") {  // rubbish stranger|member SEED
    const bool as_member = step.Word(0) == "member";
    count(as_member ? "a member talks rubbish" : "a stranger talks rubbish");
    if (rubbish_ == nullptr) {
      rubbish_ = std::make_unique<RubbishPeer>(kRubbishMachine, queue_, network_, crypto_, *OfNobody(crypto_));
    }
    rubbish_->Talk(machine.endpoint(), as_member, step.Number(1));
    return true;
  }
  if (verb == "spoil") {  // spoil BIT: of a snapshot
    SpoilSnapshot(member, step.Number(0));
    return true;
  }
  const bool needs_process = verb == "crash" || verb == "kill" || verb == "stop" || verb == "pause" || verb == "cut" ||
                             verb == "failsync" || verb == "failwrite";
  if (!needs_process) return Damage(step, member);
  if (!machine.is_on()) return true;
  if (verb == "crash") {  // crash nothing|everything|prefix|random SEED
    count("power cut, keeps " + step.Word(0));
    Crash(member, KeepOf(step.Word(0)), step.Number(1));
  } else if (verb == "kill") {
    count("process killed");
    Crash(member, Keep::kEverything, 0);
  } else if (verb == "stop") {
    count("restart in order");
    Stop(member);
  } else if (verb == "pause") {  // pause MILLISECONDS
    const milliseconds pause(step.Number(0));
    count(pause < kWeek ? "process paused" : "process paused for weeks");
    member.resumed = std::max(member.resumed, queue_.now() + pause);
    machine.StopUntil(member.resumed);
  } else if (verb == "cut") {  // cut CHANGES nothing|everything|prefix|random SEED
    machine.disk().CutPowerAfter(step.Number(0));
    member.keep = KeepOf(step.Word(1));
    member.keep_seed = step.Number(2);
  } else if (verb == "failsync") {  // failsync NTH
    count("sync fails");
    machine.disk().FailSync(1 + step.Number(0));
    member.disk_failed = true;
    member.programs->DiskMayFail();
  } else {  // failwrite NTH
    count("write fails");
    machine.disk().FailWrite(1 + step.Number(0));
    member.disk_failed = true;
    member.programs->DiskMayFail();
  }
  return true;
}

}  // namespace copse::simulation
