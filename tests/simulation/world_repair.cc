// Frames that a disk has lost among others that are sound: the store is refused, others bring them, and nothing else
// has changed.
#include <copse/base/status_macros.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "feed_repair.h"
#include "layout.h"
#include "simulation/world.h"

namespace copse::simulation {
namespace {

using replica::FeedScan;

/// Twice the longest pause between two attempts to reach a peer, and a minute.
constexpr std::chrono::seconds kMendMax{180};
/// Where the others may be away, and one waits in vain.
constexpr std::chrono::seconds kMendSoonMax{20};

/// A record of a feed, and which frames it holds.
struct Record {
  crdt::ActorId actor = 0;
  std::string segment;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t frames_end = 0;
};

/// What is durable of the feeds on a disk.
std::map<crdt::ActorId, FeedScan> FeedsOn(base::Storage& image) {
  std::map<crdt::ActorId, FeedScan> feeds;
  const replica::Layout layout(Machine::kStore);
  const auto identity = replica::ReadIdentity(image, layout.identity());
  const auto actors = replica::ListFeeds(image, layout);
  if (!identity.ok() || !actors.ok()) return feeds;
  for (const crdt::ActorId actor : *actors) {
    auto scan = replica::ScanFeed(image, layout.feed(actor), identity->volume, actor);
    if (scan.ok()) feeds.emplace(actor, *std::move(scan));
  }
  return feeds;
}

/// All records of sound feeds but the last of each, which a power cut could have torn.
std::vector<Record> RecordsOn(base::Storage& image) {
  std::vector<Record> records;
  for (const auto& [actor, scan] : FeedsOn(image)) {
    if (!scan.gaps.empty()) continue;
    const std::size_t first = records.size();
    const auto& places = scan.frames;
    for (std::size_t number = 0; number < places.size(); ++number) {
      const std::string& segment = scan.segments[places[number].segment];
      const std::uint64_t end = places[number].offset + places[number].length;
      // The frames of a record follow each other without anything in between.
      const bool continues =
          records.size() > first && records.back().segment == segment && records.back().end == places[number].offset;
      if (!continues) records.push_back({actor, segment, places[number].offset - replica::kRecordHeaderBytes, 0, 0});
      records.back().end = end;
      records.back().frames_end = number + 1;
    }
    if (records.size() > first) records.pop_back();
  }
  return records;
}

}  // namespace

void World::LoseFrames(Member& member, std::uint64_t which) {
  const auto has_lost = [](const auto& each) { return each->has_lost_frames; };
  base::MemoryStorage& disk = member.machine->disk();
  if (is_tainted_ || disk.power_is_cut() || std::any_of(members_.begin(), members_.end(), has_lost)) return;
  if (member.machine->is_on()) Crash(member, base::MemoryStorage::Keep::kEverything, 0);
  std::map<crdt::ActorId, std::uint64_t> had_by_others;
  for (auto& other : members_) {
    if (other->actor == member.actor) continue;
    for (const auto& [actor, scan] : FeedsOn(*other->machine->DurableImage())) {
      had_by_others[actor] = std::max(had_by_others[actor], scan.end.frames);
    }
  }
  std::vector<Record> records = RecordsOn(*member.machine->DurableImage());
  std::erase_if(records, [&](const Record& record) { return had_by_others[record.actor] < record.frames_end; });
  if (records.empty()) return;
  const Record& record = records[which % records.size()];
  const std::uint64_t bit = which / records.size() % ((record.end - record.begin) * 8);
  disk.FlipBit(record.segment, record.begin + bit / 8, static_cast<int>(bit % 8));
  // With a snapshot that covers it nobody would look there.
  const std::string snapshots = replica::Layout(Machine::kStore).snapshots();
  if (const auto entries = disk.List(snapshots); entries.ok()) {
    for (const auto& entry : *entries) Check(disk.Remove(snapshots + "/" + entry.name), "losing a snapshot");
    Check(disk.SyncDirectory(snapshots), "losing a snapshot");
  }
  member.has_snapshot = false;
  member.has_lost_frames = true;
  ++outcome_.faults["frames lost that others have"];
}

bool World::MendLog(Member& member) {
  Machine& machine = *member.machine;
  const std::string where = "repair of m" + std::to_string(machine.number());
  const std::vector<std::string> peers = PeersOf(machine.number());
  base::MemoryStorage& disk = machine.disk();
  if (std::exchange(member.repair_was_cut, false) && !replica::Repair::FirstDamage(disk, Machine::kStore)) {
    member.has_lost_frames = false;
    return true;
  }
  // Whether `status` is what a disk does that is to fail.
  const auto is_planned = [&](const absl::Status& status) {
    if (!disk.power_is_cut()) return absl::IsResourceExhausted(status) && member.is_disk_full;
    ++outcome_.faults["power cut while a log is mended"];
    disk.Crash(member.keep, member.keep_seed);
    return member.repair_was_cut = true;
  };
  const absl::Status refused = machine.Start(peers);
  member.replayed.clear();
  if (!absl::IsDataLoss(refused)) {
    if (refused.ok() || !is_planned(refused)) {
      Check(absl::InternalError("a store that has lost frames is not refused: " + refused.ToString()), where);
    }
    return false;
  }
  if (const absl::Status begun = machine.BeginRepair(peers); !begun.ok()) {
    if (!is_planned(begun)) Check(begun, where);
    return false;
  }
  const Time give_up = queue_.now() + (is_healing_ ? kMendMax : kMendSoonMax);
  while (!HasFailed() && !machine.repair_findings().lost.empty() && queue_.now() < give_up) {
    PassUntil(queue_.now() + std::chrono::milliseconds(500));
  }
  const replica::Repair::Findings findings = machine.repair_findings();
  const absl::Status mended = machine.EndRepair();
  if (!findings.hopeless.empty()) Check(absl::DataLossError(findings.hopeless.front()), where);
  if (HasFailed()) return false;
  if (!findings.lost.empty()) {
    ++outcome_.faults["lost frames that are not to be had"];
    return false;
  }
  if (!mended.ok()) {
    if (!is_planned(mended)) Check(mended, where);
    return false;
  }
  ++outcome_.faults["lost frames fetched again"];
  member.has_lost_frames = false;
  return true;
}

}  // namespace copse::simulation
