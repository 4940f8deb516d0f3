// What is checked once everything is healed: replicas become equal within a bounded time, nothing that had to last is
// missing anywhere, meeting writes nothing, and a restart changes nothing.
#include <algorithm>
#include <set>
#include <utility>

#include "simulation/checks.h"
#include "simulation/world.h"
#include "volume/schema.h"

namespace copse::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Twice the longest pause between two attempts to reach a peer, and a minute.
constexpr seconds kConvergeMax{180};
/// Whoever has heard of new ops and made none acknowledges them after a minute, and others store that.
constexpr seconds kAcknowledged{90};
constexpr seconds kIdle{40};
/// What is open and was not published, because its name was gone, is so long after the name has come back.
constexpr seconds kRest{3};
constexpr std::uint64_t kDiskBytes = std::uint64_t{1} << 39;
/// Of what one connection may hold: what a session sends unasked, encrypted.
constexpr std::size_t kQueuedBytesMax = 32 << 20;

/// The first marks of a content, without the zeros before.
std::string Shown(const std::string& content) {
  return content.substr(std::min(content.find_first_not_of('\0'), content.size()), 30);
}

std::string PeersSeenBy(const Machine& machine) {
  std::string text = "m" + std::to_string(machine.number()) + " sees";
  for (const replica::PeerStatus& peer : machine.peers()) {
    text += " " + (peer.endpoint.empty() ? peer.label : peer.endpoint) + (peer.connected ? " connected" : " away") +
            (peer.in_sync ? " in sync" : "") + (peer.last_error.empty() ? "" : " (" + peer.last_error + ")") + ",";
  }
  return text;
}

/// The versions that deletions took along, and the first of these deletions.
std::map<crdt::Timestamp, crdt::Timestamp> DroppedBy(const std::vector<crdt::Op>& ops) {
  std::map<crdt::Timestamp, crdt::Timestamp> dropped;
  for (const crdt::Op& op : ops) {
    for (const crdt::Field& field : op.fields) {
      if (field.id.number != fs::schema::kUnlinked || !field.value) continue;
      const auto unlinked = fs::schema::DecodeUnlinked(*field.value);
      if (!unlinked) continue;
      for (const crdt::Timestamp head : unlinked->dropped) {
        const auto [first, is_new] = dropped.emplace(head, op.time);
        if (!is_new) first->second = std::min(first->second, op.time);
      }
    }
  }
  return dropped;
}

std::string NameOf(int machine) { return "m" + std::to_string(machine); }

}  // namespace

void World::Heal() {
  is_healing_ = true;
  network_.HealAll();
  network_.set_weather({});
  for (auto& member : members_) PassUntil(member->resumed);
  for (auto& member : members_) {
    Machine& machine = *member->machine;
    machine.disk().SetFreeBytes(kDiskBytes);
    member->is_disk_full = false;
    // A disk that failed has its process read-only until it is started again.
    if (machine.is_on() && (member->disk_failed || machine.store().usage().read_only)) {
      Crash(*member, base::MemoryStorage::Keep::kNothing, 0);
    }
    machine.disk().CutPowerAfter(UINT64_MAX);
    if (!machine.is_on() && !member->has_lost_frames) Start(*member);
  }
  for (auto& member : members_) {
    Machine& machine = *member->machine;
    if (!machine.is_on() && !HasFailed()) Start(*member);  // Whose lost frames the others have: they are there now.
    if (HasFailed()) return;
    if (!machine.is_on() && !member->is_tainted) {
      return Check(absl::InternalError("does not start"), NameOf(machine.number()));
    }
  }
  if (is_tainted_) return CheckTainted();
  for (auto& member : members_) {
    // Whoever looks for damage has it mended.
    if (member->has_damaged_chunks) Check(member->machine->store().Verify().status(), "looking for damage");
  }
  Converge("after healing");
  if (HasFailed()) return;
  for (auto& member : members_) {
    if (std::exchange(member->has_damaged_chunks, false)) member->programs->DiskIsSound();
  }
  for (auto& member : members_) {
    Check(member->programs->Execute({0, member->machine->number(), "flush", {}}), "the last flush");
  }
  Converge("after the last flush");
  PassUntil(queue_.now() + kRest);
  Converge("after what came back has rested");
  if (!HasFailed()) CheckEqual();  // While much is still open, and clean.
  for (auto& member : members_) {
    if (HasFailed()) return;
    Check(member->programs->CheckRememberedNames(), NameOf(member->machine->number()));
    Check(member->programs->LetGoOfAll(), NameOf(member->machine->number()));
  }
  Converge("after all is closed");
  if (!HasFailed()) CheckEqual();
  if (!HasFailed()) CheckContents();
  if (!HasFailed()) CheckReplacedVersions();
  if (!HasFailed()) CheckNothingIsWritten();
  if (!HasFailed()) CheckRestart();
  if (network_.most_queued() > kQueuedBytesMax) {
    Check(absl::ResourceExhaustedError(std::to_string(network_.most_queued()) + " bytes were queued for one peer"),
          "network");
  }
}

bool World::HasConverged(std::string& why_not) {
  const auto& first = *members_.front()->machine;
  for (auto& member : members_) {
    Machine& machine = *member->machine;
    const replica::Store::Usage usage = machine.store().usage();
    const std::string name = NameOf(machine.number());
    if (usage.durable_ops != usage.own_ops) {
      why_not = name + " has ops that are not durable: " + usage.last_error;
    } else if (usage.chunks_missing > 0) {
      why_not = name + " misses " + std::to_string(usage.chunks_missing) + " chunks";
    } else if (const auto held = machine.volume().GetUsage();
               held.dirty_files > 0 && held.open_handles + held.lookups == 0) {
      why_not = name + " has files that are not published";
    } else if (!usage.refused_feeds.empty()) {
      why_not = name + ": " + usage.refused_feeds.front();
    } else if (!(const_cast<Machine&>(first).tree().version() == machine.tree().version()) ||
               const_cast<Machine&>(first).store().frame_counts() != machine.store().frame_counts()) {
      why_not = name + " does not know what m0 knows, or the other way round";
      for (auto& each : members_) why_not += "; " + PeersSeenBy(*each->machine);
    } else {
      continue;
    }
    return false;
  }
  return true;
}

void World::Converge(const std::string& when) {
  const Time end = queue_.now() + kConvergeMax;
  std::string why_not;
  while (!HasFailed() && !HasConverged(why_not)) {
    if (queue_.now() >= end) return Check(absl::DeadlineExceededError("not converged: " + why_not), when);
    PassUntil(queue_.now() + milliseconds(500));
  }
}

void World::CheckEqual() {
  std::vector<std::string> listing;
  for (auto& member : members_) {
    Machine& machine = *member->machine;
    const std::string name = NameOf(machine.number());
    Check(CheckAgainstModel(machine.tree().tree(), machine.volume(), ExpectedOf(*member)), name);
    const auto lines = Listing(machine.volume(), *member->programs);
    if (!lines.ok()) return Check(lines.status(), name);
    if (member == members_.front()) {
      listing = *lines;
      for (const std::string& line : listing) seen_ += line + "\n";
      dump_ = machine.volume().Dump();
      seen_ += dump_;
      continue;
    }
    const auto [ours, theirs] = std::mismatch(lines->begin(), lines->end(), listing.begin(), listing.end());
    if (ours != lines->end() || theirs != listing.end()) {
      Check(absl::DataLossError("shows '" + (ours == lines->end() ? "nothing" : ours->substr(0, 200)) +
                                "' where m0 shows '" + (theirs == listing.end() ? "nothing" : theirs->substr(0, 200)) +
                                "'"),
            name);
    }
    if (machine.volume().Dump() != dump_) {
      Check(absl::DataLossError("its dump differs from that of m0"), name);
    }
  }
}

void World::CheckContents() {
  for (auto& member : members_) {
    std::set<std::string> history;
    for (const crdt::Op& op : OpsShownBy(*member)) {
      const auto content = ContentOf(op, *member);
      if (!content) continue;
      history.insert(*content);
      const bool is_recovered =
          std::any_of(ever_left_open_.begin(), ever_left_open_.end(),
                      [&](const ContentLedger::File& file) { return IsMixOf(*content, file.versions); });
      if (contents_.IsKnown(*content) || is_recovered) continue;
      Check(absl::DataLossError("a version holds what no program ever wrote: '" + Shown(*content) + "'"),
            NameOf(member->machine->number()));
    }
    for (const std::string& content : contents_.lasting()) {
      if (content.empty() || history.contains(content)) continue;
      Check(absl::DataLossError("what was durable is in no version: '" + Shown(content) + "', " +
                                std::to_string(content.size()) + " bytes"),
            NameOf(member->machine->number()));
    }
  }
}

void World::CheckReplacedVersions() {
  const std::vector<crdt::Op> ops = OpsShownBy(*members_.front());
  const std::map<crdt::Timestamp, crdt::Timestamp> dropped = DroppedBy(ops);
  for (const crdt::Op& op : ops) {
    for (const crdt::Field& field : op.fields) {
      if (!field.replaces || !field.value || !content_of_.contains(op.time)) continue;
      for (auto& member : members_) {
        if (member->actor != op.time.actor()) continue;
        for (const crdt::Timestamp replaced : *field.replaces) {
          const auto content = content_of_.find(replaced);
          if (content == content_of_.end()) continue;
          // What went with a name goes for good when another version takes that name.
          if (const auto by = dropped.find(replaced); by != dropped.end() && by->second < op.time) continue;
          const int machine = member->machine->number();
          if (contents_.WasSeenAt(machine, content->second) || contents_.WasNamedUnreadAt(machine, replaced)) continue;
          Check(absl::DataLossError("a version was replaced that no program there had seen: '" +
                                    Shown(content->second) + "'"),
                NameOf(machine));
        }
      }
    }
  }
}

void World::CheckNothingIsWritten() {
  PassUntil(queue_.now() + kAcknowledged);
  if (HasFailed()) return;
  const auto frames = members_.front()->machine->store().frame_counts();
  PassUntil(queue_.now() + kIdle);
  if (HasFailed()) return;
  for (auto& member : members_) {
    if (member->machine->store().frame_counts() == frames) continue;
    Check(absl::InternalError("wrote though nobody did anything"), NameOf(member->machine->number()));
  }
}

void World::CheckRestart() {
  for (auto& member : members_) {
    Machine& machine = *member->machine;
    const std::string name = NameOf(machine.number());
    const auto staged = machine.disk().List(std::string(Machine::kStore) + "/staging");
    for (const auto& entry : staged.value()) {
      Check(absl::InternalError("staging/" + entry.name + " is left though all is published"), name);
    }
    const auto verification = machine.store().Verify();
    if (!verification.ok()) return Check(verification.status(), name + " verify");
    if (!verification->problems.empty()) {
      return Check(absl::DataLossError("verify: " + verification->problems.front()), name);
    }
    Stop(*member);
    if (HasFailed()) return;
    Start(*member);
    if (HasFailed()) return;
    if (!machine.is_on()) return Check(absl::InternalError("does not start"), name);
    if (machine.volume().Dump() != dump_) Check(absl::DataLossError("a restart changes the dump"), name);
    Check(CheckAgainstModel(machine.tree().tree(), machine.volume(), ExpectedOf(*member)), name + " restarted");
  }
}

}  // namespace copse::simulation
