#include "memory_disk.h"

#include <copse/base/status_macros.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

// Every file exists twice: as programs see it now, and as it would be after a power cut. A change is made to the first
// and noted in a journal; a sync applies the notes to the second and drops them; a crash applies a choice of the notes
// to the second and makes it the first. Directory entries have one journal for the whole disk, since a rename belongs
// to two directories; a note holds the resulting entries, so any choice of notes gives a legal disk.

namespace copse::base {
namespace {

using Keep = MemoryStorage::Keep;
using Node = MemoryDisk::Node;
using Entries = std::map<std::string, MemoryDisk::NodePointer>;

bool Heads(std::mt19937_64& random) { return (random() & 1) != 0; }

/// Makes the change in `entries` of each directory: those of now, or the durable ones.
void ApplyTo(Entries Node::*entries, const MemoryDisk::EntryChange& change) {
  for (const auto& part : change.parts) {
    Entries& target = (*part.directory).*entries;
    if (part.node == nullptr) {
      target.erase(part.name);
    } else {
      target[part.name] = part.node;
    }
  }
}

void CrashNode(Node& node, Keep keep, std::mt19937_64& random, std::set<const Node*>& visited) {
  if (!visited.insert(&node).second) return;
  for (const MemoryDisk::Change& change : node.changes) {
    if (keep == Keep::kEverything) change.ApplyTo(node.durable_bytes);
    if (keep == Keep::kRandom) change.ApplyRandomSectorsTo(node.durable_bytes, random);
  }
  node.changes.clear();
  node.bytes = node.durable_bytes;
  node.entries = node.durable_entries;
  for (const auto& [name, child] : node.entries) CrashNode(*child, keep, random, visited);
}

/// Marks what is below `node` as linked; returns the bytes that it uses.
std::uint64_t RelinkedBytes(Node& node) {
  node.is_linked = true;
  std::uint64_t bytes = node.bytes.allocated();
  for (const auto& [name, child] : node.entries) bytes += RelinkedBytes(*child);
  return bytes;
}

MemoryDisk::NodePointer CopyOfDurable(const Node& node) {
  auto copy = std::make_shared<Node>();
  copy->is_directory = node.is_directory;
  copy->owner = node.owner;
  copy->permissions = node.permissions;
  copy->bytes = copy->durable_bytes = node.durable_bytes;
  for (const auto& [name, child] : node.durable_entries) copy->durable_entries[name] = CopyOfDurable(*child);
  copy->entries = copy->durable_entries;
  return copy;
}

}  // namespace

void MemoryDisk::Change::ApplyTo(SparseBytes& target) const {
  switch (kind) {
    case Kind::kWrite:
      return target.Write(offset, bytes);
    case Kind::kResize:
      return target.Resize(offset);
    case Kind::kPunch:
      return target.Punch(offset, length);
  }
}

void MemoryDisk::Change::ApplyRandomSectorsTo(SparseBytes& target, std::mt19937_64& random) const {
  if (kind != Kind::kWrite) {
    if (Heads(random)) ApplyTo(target);
    return;
  }
  for (std::uint64_t done = 0; done < bytes.size();) {
    const std::uint64_t begin = offset + done;
    const std::uint64_t count = std::min(kSectorBytes - begin % kSectorBytes, bytes.size() - done);
    if (Heads(random)) target.Write(begin, std::string_view(bytes).substr(done, count));
    done += count;
  }
}

MemoryDisk::NodePointer MemoryDisk::MakeDirectory() {
  auto node = std::make_shared<Node>();
  node->is_directory = true;
  node->permissions = 0700;
  return node;
}

MemoryDisk::NodePointer MemoryDisk::Find(const std::string& path) const {
  NodePointer node = root;
  for (std::size_t begin = 1; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) {
      const auto entry = node->entries.find(path.substr(begin, end - begin));
      if (entry == node->entries.end()) return nullptr;
      node = entry->second;
    }
    begin = end + 1;
  }
  return node;
}

MemoryDisk::NodePointer MemoryDisk::FindDirectory(const std::string& path) const {
  NodePointer node = Find(path);
  return node != nullptr && node->is_directory ? node : nullptr;
}

absl::Status MemoryDisk::CheckPower(const std::string& doing, const std::string& path) const {
  return changes_until_cut == 0 ? absl::InternalError(doing + " " + path + ": the power is cut") : absl::OkStatus();
}

absl::Status MemoryDisk::SpendChange(const std::string& doing, const std::string& path) {
  COPSE_RETURN_IF_ERROR(CheckPower(doing, path));
  if (changes_until_cut != std::numeric_limits<std::uint64_t>::max()) --changes_until_cut;
  return absl::OkStatus();
}

bool MemoryDisk::IsDue(std::uint64_t& calls_until_failure) {
  return calls_until_failure != 0 && --calls_until_failure == 0;
}

void MemoryDisk::ChangeFile(Node& node, Change change) {
  const std::uint64_t before = node.bytes.allocated();
  change.ApplyTo(node.bytes);
  if (node.is_linked) used_bytes = used_bytes - before + node.bytes.allocated();
  node.changes.push_back(std::move(change));
}

void MemoryDisk::ChangeEntries(EntryChange change) {
  ApplyTo(&Node::entries, change);
  entry_changes.push_back(std::move(change));
}

void MemoryDisk::Unlink(Node& node) {
  used_bytes -= node.bytes.allocated();
  node.is_linked = false;
}

void MemoryDisk::MakeFileDurable(Node& node) {
  for (const Change& change : node.changes) change.ApplyTo(node.durable_bytes);
  node.changes.clear();
}

void MemoryDisk::MakeDirectoryDurable(const NodePointer& directory) {
  // A rename takes what came before it in its other directory along, else a later note could undo it.
  std::set<NodePointer> directories = {directory};
  std::vector<bool> chosen(entry_changes.size());
  for (std::size_t index = entry_changes.size(); index-- > 0;) {
    const auto& parts = entry_changes[index].parts;
    chosen[index] =
        std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return directories.count(part.directory); });
    if (!chosen[index]) continue;
    for (const auto& part : parts) directories.insert(part.directory);
  }
  std::vector<EntryChange> rest;
  for (std::size_t index = 0; index < chosen.size(); ++index) {
    if (chosen[index]) {
      ApplyTo(&Node::durable_entries, entry_changes[index]);
    } else {
      rest.push_back(std::move(entry_changes[index]));
    }
  }
  entry_changes = std::move(rest);
}

void MemoryDisk::Crash(Keep keep, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const bool prefix = Heads(random);
  const std::size_t cut = entry_changes.empty() ? 0 : random() % (entry_changes.size() + 1);
  for (std::size_t index = 0; index < entry_changes.size(); ++index) {
    const bool lucky = prefix ? index < cut : Heads(random);
    if (keep == Keep::kEverything || (keep == Keep::kRandom && lucky)) {
      ApplyTo(&Node::durable_entries, entry_changes[index]);
    }
  }
  entry_changes.clear();
  std::set<const Node*> visited;
  CrashNode(*root, keep, random, visited);
  used_bytes = RelinkedBytes(*root);
  locks.clear();
  ++boot;
  changes_until_cut = std::numeric_limits<std::uint64_t>::max();
  writes_until_failure = 0;
  syncs_until_failure = 0;
}

void MemoryDisk::CopyDurable(const MemoryDisk& other) {
  root = CopyOfDurable(*other.root);
  used_bytes = RelinkedBytes(*root);
}

std::uint64_t MemoryDisk::FreeBytes() const { return capacity - std::min(capacity, used_bytes); }

absl::Status MemoryIoError(const std::string& doing, const std::string& path) {
  return absl::InternalError(doing + " " + path + ": Input/output error");
}

}  // namespace copse::base
