// Replicas whose past is another than the others know: a disk rolled back to an old image, cloned to a second machine,
// or with a bit inverted in what was durable. Nothing can be asked of them but that they and their peers find out, say
// so, and merge nothing: recovery comes with a new member.
#include <copse/base/status_macros.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "pack.h"
#include "session_host.h"
#include "simulation/world.h"

namespace copse::simulation {
namespace {

constexpr std::chrono::seconds kFoundOutAfter{150};

std::string NameOf(const Machine& machine) { return "m" + std::to_string(machine.number()); }

/// The files below `directory`.
void FilesBelow(base::Storage& disk, const std::string& directory, std::vector<std::string>& files) {
  const auto entries = disk.List(directory);
  if (!entries.ok()) return;
  for (const auto& entry : *entries) {
    const std::string path = directory + "/" + entry.name;
    if (entry.is_directory) {
      FilesBelow(disk, path, files);
    } else if (disk.Stat(path)->size > 0) {
      files.push_back(path);
    }
  }
}

/// A chunk that is sound and that no power cut takes.
struct LastingChunk {
  std::string pack;
  replica::PackEntry entry;
};
using LastingChunks = std::map<base::Hash, LastingChunk>;

LastingChunks LastingChunksOf(const Machine& machine) {
  LastingChunks chunks;
  const auto image = machine.DurableImage();
  base::Storage& disk = *image;
  const std::string store = Machine::kStore;
  const auto identity = replica::ReadIdentity(disk, store + "/identity");
  std::vector<std::string> packs;
  FilesBelow(disk, store + "/chunks", packs);
  for (const std::string& path : packs) {
    const bool is_newest = path == packs.back();
    const auto file = disk.Open(path, base::Storage::OpenMode::kRead).value();
    const auto contents = replica::ReadPack(*file, path, identity->volume,
                                            is_newest ? replica::PackTail::kMayBeTorn : replica::PackTail::kIsSynced);
    if (!contents.ok() || contents->records_end == 0) continue;
    std::vector<std::string> problems;
    const auto records = replica::VerifyPack(*file, path, identity->volume, contents->records_end, false, problems);
    for (const replica::PackEntry& entry : records->sound) {
      // What the newest pack does not say to be synced is cut off if a power cut could have torn it.
      if (!is_newest || entry.end() <= contents->durable) chunks[entry.id] = {path, entry};
    }
  }
  return chunks;
}

/// Whether two replicas cannot both be right about some feed: they have other frames at one place, or somebody else has
/// more of a replica's own feed than itself.
bool AreAtOdds(Machine& one, crdt::ActorId actor_one, Machine& other, crdt::ActorId actor_other) {
  replica::SessionHost& here = one.store().exchange_side();
  replica::SessionHost& there = other.store().exchange_side();
  std::map<crdt::ActorId, replica::FeedHead> heads;
  for (const replica::FeedHead& head : there.Heads()) heads[head.actor] = head;
  for (const replica::FeedHead& head : here.Heads()) {
    const auto found = heads.find(head.actor);
    if (found == heads.end()) continue;
    const std::uint64_t common = std::min(head.frames, found->second.frames);
    const auto hash_here = here.FrameHash(head.actor, common - 1);
    const auto hash_there = there.FrameHash(head.actor, common - 1);
    if (!hash_here.ok() || !hash_there.ok() || *hash_here != *hash_there) return true;
    if (head.actor == actor_one && head.frames < found->second.frames) return true;
    if (head.actor == actor_other && found->second.frames < head.frames) return true;
  }
  return false;
}

}  // namespace

bool World::Damage(const Step& step, Member& member) {
  Machine& machine = *member.machine;
  const std::string& verb = step.verb;
  if (verb == "image") {
    member.image = machine.DurableImage();
    return true;
  }
  if (verb == "rollback") {
    if (member.image == nullptr) return true;
    ++outcome_.faults["disk rolled back"];
    if (machine.is_on()) Crash(member, base::MemoryStorage::Keep::kNothing, 0);
    machine.SetDisk(std::move(member.image));
    member.has_lost_frames = false;
    is_tainted_ = member.is_tainted = true;
    return true;
  }
  if (verb == "clone") {  // clone TO
    const int to = static_cast<int>(step.Number(0)) % trace_.replicas;
    if (to == step.replica) return true;
    ++outcome_.faults["disk cloned"];
    Member& clone = MemberOf(to);
    if (clone.machine->is_on()) Crash(clone, base::MemoryStorage::Keep::kNothing, 0);
    clone.machine->SetDisk(machine.DurableImage());
    clone.actor = member.actor;
    clone.has_lost_frames = false;
    is_tainted_ = member.is_tainted = clone.is_tainted = true;
    return true;
  }
  if (verb == "decay") {
    DamageChunk(member, step.Number(0));
    return true;
  }
  if (verb == "lose") {
    LoseFrames(member, step.Number(0));
    return true;
  }
  if (verb != "rot") return false;
  std::vector<std::string> files;
  FilesBelow(machine.disk(), std::string(Machine::kStore) + "/feeds", files);
  FilesBelow(machine.disk(), std::string(Machine::kStore) + "/chunks", files);
  if (files.empty()) return true;  // A power cut before anything was durable has left nothing to damage.
  const std::string& file = files[step.Number(0) % files.size()];
  const std::uint64_t bits = machine.disk().Stat(file)->size * 8;
  const std::uint64_t bit = step.Number(0) / files.size() % bits;
  machine.disk().FlipBit(file, bit / 8, static_cast<int>(bit % 8));
  ++outcome_.faults["bit flipped in a stored file"];
  is_tainted_ = member.is_tainted = true;
  member.programs->DiskMayFail();
  return true;
}

void World::DamageChunk(Member& member, std::uint64_t which) {
  base::MemoryStorage& disk = member.machine->disk();
  if (is_tainted_ || disk.power_is_cut()) return;
  const LastingChunks here = LastingChunksOf(*member.machine);
  std::map<base::Hash, LastingChunk> had_by_others;
  for (auto& other : members_) {
    if (other->actor == member.actor) continue;
    for (const auto& [id, chunk] : LastingChunksOf(*other->machine)) {
      if (const auto found = here.find(id); found != here.end()) had_by_others.insert(*found);
    }
  }
  if (had_by_others.empty()) return;
  const auto& [id, chunk] =
      *std::next(had_by_others.begin(), static_cast<std::ptrdiff_t>(which % had_by_others.size()));
  const std::uint64_t bit = which / had_by_others.size() % (std::uint64_t{chunk.entry.sealed_length} * 8);
  const std::uint64_t begin = chunk.entry.offset + replica::kPackRecordHeaderBytes;
  std::string& sealed = damaged_chunks_[id];
  sealed.resize(chunk.entry.sealed_length);
  disk.Open(chunk.pack, base::Storage::OpenMode::kRead).value()->ReadAt(begin, sealed).value();
  disk.FlipBit(chunk.pack, begin + bit / 8, static_cast<int>(bit % 8));
  ++outcome_.faults["bit flipped in a chunk that others have"];
  member.has_damaged_chunks = true;
  member.programs->DiskMayFail();
}

void World::CheckTainted() {
  PassUntil(queue_.now() + kFoundOutAfter);
  for (auto& member : members_) {
    Machine& machine = *member->machine;
    if (!machine.is_on() || HasFailed()) continue;
    const auto verification = machine.store().Verify();
    if (!member->is_tainted && !verification.ok()) Check(verification.status(), NameOf(machine) + " verify");
    if (!member->is_tainted && !member->has_damaged_chunks && !verification->problems.empty()) {
      Check(absl::DataLossError("verify: " + verification->problems.front()), NameOf(machine));
    }
    for (auto& other : members_) {
      if (other != member && other->machine->is_on()) CheckPair(*member, *other);
    }
  }
}

void World::CheckPair(Member& one, Member& other) {
  Machine& machine = *one.machine;
  if (one.actor == other.actor || !AreAtOdds(machine, one.actor, *other.machine, other.actor)) return;
  // Who is there twice is one to the others: what they show is what they heard from either.
  const auto is_there_twice = [this](const Member& member) {
    return std::count_if(members_.begin(), members_.end(),
                         [&](const auto& each) { return each->machine->is_on() && each->actor == member.actor; }) > 1;
  };
  if (is_there_twice(one) || is_there_twice(other)) {
    const auto says_so = [](const auto& each) {
      if (!each->machine->is_on()) return false;
      const std::vector<replica::PeerStatus> peers = each->machine->peers();
      return std::any_of(peers.begin(), peers.end(), [](const auto& peer) { return !peer.last_error.empty(); });
    };
    if (std::any_of(members_.begin(), members_.end(), says_so)) return;
    return Check(absl::InternalError("one replica is there twice, and nobody says so"), NameOf(machine));
  }
  const std::string key = other.machine->store().identity().signing_public;
  for (const replica::PeerStatus& peer : machine.peers()) {
    const bool is_other = peer.endpoint == other.machine->endpoint();
    if (!is_other || peer.key != key) continue;
    if (peer.in_sync || peer.last_error.empty()) {
      return Check(absl::InternalError("is at odds with " + NameOf(*other.machine) + " and does not say so"),
                   NameOf(machine));
    }
    ++outcome_.faults["fork found and told"];
  }
}

}  // namespace copse::simulation
