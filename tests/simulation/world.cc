#include "simulation/world.h"

#include <copse/base/hash.h>
#include <copse/fs/content.h>
#include <copse/fs/named_content.h>

#include <algorithm>
#include <utility>

#include "chunk_seal.h"
#include "feed.h"
#include "simulation/checks.h"
#include "simulation/founding.h"

namespace copse::simulation {
namespace {

using Keep = base::MemoryStorage::Keep;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// What lies in memory longer than this is durable: the store syncs after a second.
constexpr milliseconds kSyncedAfter{1010};

/// Whether some staged content is kept for later: what was left as damaged is lost.
bool MayBeLate(const std::vector<std::string>& notes) {
  const auto is_lost = [](const std::string& note) { return note.rfind("left ", 0) == 0; };
  return !notes.empty() && std::none_of(notes.begin(), notes.end(), is_lost);
}

/// Feeds on the disk that end with a part of a record.
std::uint64_t TornFeedsOn(base::MemoryStorage& disk) {
  const std::string feeds = std::string(Machine::kStore) + "/feeds";
  const auto volume = replica::ReadIdentity(disk, std::string(Machine::kStore) + "/identity")->volume;
  std::uint64_t torn = 0;
  const auto entries = disk.List(feeds);
  for (const auto& entry : *entries) {
    const auto actor = static_cast<crdt::ActorId>(std::stoul(entry.name, nullptr, 16));
    auto reader = replica::FeedReader::Open(disk, feeds + "/" + entry.name, volume, actor);
    replica::FeedItem item;
    while (reader.ok() && (*reader)->Next(item).value_or(false)) {
    }
    if (reader.ok() && (*reader)->is_torn()) ++torn;
  }
  return torn;
}

}  // namespace

World::World(const Trace& trace)
    : trace_(trace),
      crypto_(trace.has_real_crypto ? RealCrypto() : LightCrypto()),
      network_(queue_, trace.seed * 31 + 7, outcome_.faults) {
  const Founding& founding = GetFounding(crypto_);
  ops_ = founding.ops;
  for (int i = 0; i < trace.replicas; ++i) {
    auto member = std::make_unique<Member>();
    member->machine =
        std::make_unique<Machine>(i, founding.disks[static_cast<std::size_t>(i)]->Copy(), queue_, network_, crypto_,
                                  *this, trace.seed * 100 + static_cast<std::uint64_t>(i));
    member->machine->WriteSnapshotsEach(milliseconds(trace.snapshots));
    member->programs = std::make_unique<Programs>(*member->machine, ops_, contents_);
    member->actor = replica::ReadIdentity(member->machine->disk(), std::string(Machine::kStore) + "/identity")->actor;
    members_.push_back(std::move(member));
  }
}

World::~World() = default;

void World::Check(const absl::Status& status, const std::string& where) {
  if (status.ok() || HasFailed()) return;
  outcome_.status = absl::Status(status.code(), "at " + std::to_string(queue_.now() / milliseconds(1)) + " ms, " +
                                                    where + ": " + std::string(status.message()));
}

Outcome World::Run() {
  network_.set_weather(
      {trace_.drop, trace_.duplicate, trace_.flip, milliseconds(trace_.delay_min), milliseconds(trace_.delay_max)});
  for (auto& member : members_) Start(*member);
  for (const Step& step : trace_.steps) {
    if (HasFailed()) break;
    PassUntil(milliseconds(step.at));
    if (HasFailed()) break;
    Do(step);
  }
  if (!HasFailed()) Heal();
  for (auto& member : members_) {
    outcome_.calls += member->programs->calls();
    if (member->machine->is_on() && !is_tainted_)
      outcome_.ops = std::max<std::uint64_t>(outcome_.ops, OpsShownBy(*member).size());
  }
  seen_ += outcome_.status.ToString() + std::to_string(queue_.now().count());
  for (const auto& [kind, count] : outcome_.faults) seen_ += kind + std::to_string(count);
  outcome_.digest = base::Hex(base::AsBytes(base::Sha256(seen_)));
  return outcome_;
}

void World::PassUntil(Time end) {
  while (!HasFailed() && queue_.RunNext(end)) NoticePowerCuts();
}

void World::NoticePowerCuts() {
  for (auto& member : members_) {
    if (!member->machine->is_on() || !member->machine->disk().power_is_cut()) continue;
    ++outcome_.faults["power cut in the middle of a call"];
    Crash(*member, member->keep, member->keep_seed);
  }
}

void World::Do(const Step& step) {
  if (step.replica >= trace_.replicas) return;
  Member& member = MemberOf(step.replica);
  if (Programs::Knows(step.verb)) {
    if (!member.machine->is_on() || member.machine->is_stopped()) return;
    Check(member.programs->Execute(step), FormatStep(step));
  } else if (!Befall(step, member)) {
    Check(absl::InvalidArgumentError("nobody knows what that is"), FormatStep(step));
  }
  NoticePowerCuts();
}

std::vector<std::string> World::PeersOf(int machine) const {
  std::vector<std::string> peers;
  for (int other = 0; other < trace_.replicas; ++other) {
    const bool dials = trace_.topology == "star"   ? other == 0
                       : trace_.topology == "ring" ? other == (machine + 1) % trace_.replicas
                                                   : true;
    if (other != machine && dials) peers.push_back("m" + std::to_string(other) + ":1");
  }
  return peers;
}

void World::OnSubmitted(int machine, std::span<const crdt::Op> batch) {
  const Member& member = MemberOf(machine);
  if (is_tainted_) return;  // From here on histories may differ, and the ledger keeps one.
  ops_.OnSubmitted(member.actor, batch, queue_.now());
}

void World::OnReplayed(int machine, crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
  MemberOf(machine).replayed.push_back({actor, first, {ops.begin(), ops.end()}});
}

void World::OnOpened(int machine) {
  Member& member = MemberOf(machine);
  const std::string where = "start of m" + std::to_string(machine);
  CheckSnapshotNotes(member);
  const bool has_snapshot = member.machine->store().snapshot_ops() > 0;
  std::unique_ptr<test::VolumeToLookAt> shown;
  if (has_snapshot) {
    auto opened = test::VolumeToLookAt::Open(member.machine->tree());
    if (!opened.ok()) return Check(opened.status(), where);
    shown = *std::move(opened);
    Check(CheckRestored(member, shown->volume()), where);
  }
  std::vector<test::OpRun> runs = std::exchange(member.replayed, {});
  if (is_tainted_ || HasFailed()) return;
  std::vector<crdt::Op> own;
  for (const test::OpRun& run : runs) {
    if (run.actor != member.actor) {
      Check(ops_.OnReceived(run.actor, run.first, run.ops), "replay at m" + std::to_string(machine));
      continue;
    }
    if (run.first != own.size()) Check(absl::DataLossError("own ops are replayed with a gap"), where);
    own.insert(own.end(), run.ops.begin(), run.ops.end());
  }
  Check(ops_.OnReplayed(member.actor, own), where);
  if (!has_snapshot || HasFailed()) return;
  Check(CheckAgainstModel(member.machine->tree().tree(), shown->volume(), ExpectedOf(member)), where);
}

void World::OnReceived(int machine, crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
  if (is_tainted_) return;
  Check(ops_.OnReceived(actor, first, ops), "arrival at m" + std::to_string(machine));
}

void World::Start(Member& member) {
  member.replayed.clear();
  NoteDiskBefore(member);
  // A failure that was planned belongs to the life that it was planned for.
  member.machine->disk().FailSync(0);
  member.machine->disk().FailWrite(0);
  member.disk_failed = member.is_disk_full;
  if (member.has_lost_frames && !MendLog(member)) {
    if (is_tainted_) member.is_tainted = true;  // Whoever had the frames need not have them any more.
    return;
  }
  member.resumed = queue_.now();
  const absl::Status started = member.machine->Start(PeersOf(member.machine->number()));
  if (!started.ok()) {
    if (member.is_tainted) {
      ++outcome_.faults["damaged store refused"];
    } else if (!member.machine->disk().power_is_cut() && !member.is_disk_full) {
      Check(started, "start of m" + std::to_string(member.machine->number()));
    }
    return;
  }
  member.programs->OnProcessBegan();
  if (member.is_disk_full || member.is_tainted || member.has_damaged_chunks) member.programs->DiskMayFail();
  if (!HasFailed() && !is_tainted_ && !member.machine->disk().power_is_cut()) CheckRecovered(member);
}

void World::Crash(Member& member, Keep keep, std::uint64_t seed) {
  Machine& machine = *member.machine;
  if (!member.disk_failed && queue_.now() - member.resumed > kSyncedAfter) {
    ops_.AllBefore(member.actor, queue_.now() - kSyncedAfter);
  }
  NoteFilesLeft(member);
  member.programs->OnProcessEnded();
  const base::MemoryStorage::Counts before = machine.disk().counts();
  machine.Crash(keep, seed);
  CountUndone(member, before);
}

void World::CountUndone(Member& member, const base::MemoryStorage::Counts& before) {
  base::MemoryStorage& disk = member.machine->disk();
  const base::MemoryStorage::Counts after = disk.counts();
  if (after.undone_entries > before.undone_entries) {
    outcome_.faults["create, rename or removal undone"] += after.undone_entries - before.undone_entries;
  }
  if (after.torn_writes == before.torn_writes) return;
  outcome_.faults["write torn"] += after.torn_writes - before.torn_writes;
  const std::uint64_t torn = TornFeedsOn(disk);
  if (torn > 0) outcome_.faults["record torn at the end of a feed"] += torn;
}

void World::NoteFilesLeft(Member& member) {
  for (auto& [node, file] : contents_.TakeFiles(member.machine->number())) {
    member.left_open.push_back(file);
    ever_left_open_.push_back(std::move(file));
  }
  for (ContentLedger::File& file : contents_.TakeRemoved(member.machine->number())) {
    ever_left_open_.push_back(std::move(file));
  }
}

void World::Stop(Member& member) {
  Machine& machine = *member.machine;
  if (member.disk_failed) NoteFilesLeft(member);
  const absl::Status stopped = machine.Stop();
  member.programs->OnProcessEnded();
  if (machine.disk().power_is_cut()) {
    NoteFilesLeft(member);
    // The process is gone already; what is left is the disk's part.
    const base::MemoryStorage::Counts before = machine.disk().counts();
    machine.disk().Crash(member.keep, member.keep_seed);
    CountUndone(member, before);
  } else if (!member.disk_failed) {
    Check(stopped, "end of m" + std::to_string(machine.number()));
    ops_.OnSynced(member.actor);
    contents_.OnFlushed(machine.number());
  }
}

std::optional<std::string> World::ContentOf(const crdt::Op& op, Member& member) {
  for (const crdt::Field& field : op.fields) {
    if (!field.replaces || !field.value) continue;
    const auto manifest = fs::DecodeManifest(*field.value);
    if (!manifest.ok()) continue;  // A register of another kind.
    if (const auto known = content_of_.find(op.time); known != content_of_.end()) return known->second;
    std::string bytes = manifest->inline_bytes;
    for (const fs::ManifestEntry& entry : manifest->entries) {
      if (entry.is_hole) {
        bytes.append(entry.length, '\0');
        continue;
      }
      auto plain = member.machine->store().Get(entry.chunk);
      if (const auto damaged = damaged_chunks_.find(entry.chunk.id); !plain.ok() && damaged != damaged_chunks_.end()) {
        const auto& keys = member.machine->store().identity().epoch_keys;
        plain = replica::OpenChunk(entry.chunk, damaged->second, keys.at(entry.chunk.epoch));
      }
      if (!plain.ok()) return std::nullopt;
      bytes += *plain;
    }
    if (manifest->level == 0) content_of_[op.time] = bytes;
    return bytes;
  }
  return std::nullopt;
}

std::vector<crdt::Op> World::OpsShownBy(const Member& member) const {
  std::vector<crdt::Op> ops;
  for (const auto& [actor, count] : member.machine->tree().version().counts()) {
    const auto own = ops_.OpsOf(actor, count);
    ops.insert(ops.end(), own.begin(), own.end());
  }
  return ops;
}

const Expected& World::ExpectedOf(const Member& member) {
  auto same = expected_.ops.begin();
  for (const auto& [actor, count] : member.machine->tree().version().counts()) {
    const auto own = ops_.OpsOf(actor, count);
    const auto [differs, at] = std::mismatch(own.begin(), own.end(), same, expected_.ops.end());
    if (differs != own.end()) return expected_ = Expected(OpsShownBy(member));
    same = at;
  }
  if (same != expected_.ops.end()) expected_ = Expected(OpsShownBy(member));
  return expected_;
}

void World::CheckRecovered(Member& member) {
  Machine& machine = *member.machine;
  std::vector<ContentLedger::File> left = std::exchange(member.left_open, {});
  if (left.empty()) return;
  std::vector<std::string> history;
  for (const crdt::Op& op : OpsShownBy(member)) {
    if (auto content = ContentOf(op, member)) history.push_back(*std::move(content));
  }
  for (const ContentLedger::File& file : left) {
    if (!file.durable) continue;
    const auto since = std::span(file.versions).subspan(*file.durable);
    // An empty file needs no version.
    if (std::any_of(since.begin(), since.end(), [](const std::string& version) { return version.empty(); })) continue;
    const auto found = std::find_if(history.begin(), history.end(),
                                    [&](const std::string& content) { return IsMixOf(content, since); });
    if (found != history.end()) {
      contents_.Admit(machine.number(), *found);
      contents_.MustLast(*found);
    } else if (!MayBeLate(machine.notes())) {
      Check(absl::DataLossError("what was fsynced is lost: " + since.front().substr(0, 60)),
            "start of m" + std::to_string(machine.number()));
    }
  }
}

Outcome Execute(const Trace& trace) { return World(trace).Run(); }

}  // namespace copse::simulation
