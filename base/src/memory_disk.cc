#include "memory_disk.h"

#include <copse/base/status_macros.h>

#include <algorithm>
#include <random>
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

/// Adds `node` and what is below it, durably or now, unless it is there.
void Collect(const MemoryDisk::NodePointer& node, std::set<const Node*>& visited,
             std::vector<MemoryDisk::NodePointer>& nodes) {
  if (node == nullptr || !visited.insert(node.get()).second) return;
  nodes.push_back(node);
  for (const Entries* entries : {&node->durable_entries, &node->entries}) {
    for (const auto& [name, child] : *entries) Collect(child, visited, nodes);
  }
}

/// Marks what is below `node` as linked; returns the bytes that it uses.
std::uint64_t RelinkedBytes(Node& node) {
  node.is_linked = true;
  std::uint64_t bytes = node.bytes.allocated();
  for (const auto& [name, child] : node.entries) bytes += RelinkedBytes(*child);
  return bytes;
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

std::size_t MemoryDisk::Change::Pieces() const { return kind == Kind::kWrite ? Sectors() + (grows ? 1 : 0) : 1; }

std::size_t MemoryDisk::Change::Sectors() const {
  return static_cast<std::size_t>((offset + bytes.size() - 1) / kSectorBytes - offset / kSectorBytes + 1);
}

void MemoryDisk::Change::ApplyPieceTo(SparseBytes& target, std::size_t piece) const {
  if (kind != Kind::kWrite) return ApplyTo(target);
  if (piece == Sectors()) return target.Resize(std::max(target.size(), offset + bytes.size()));
  const std::uint64_t begin = std::max(offset, (offset / kSectorBytes + piece) * kSectorBytes);
  const std::uint64_t end = std::min(offset + bytes.size(), (begin / kSectorBytes + 1) * kSectorBytes);
  target.Write(begin, std::string_view(bytes).substr(begin - offset, end - begin));
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

absl::Status MemoryDisk::CheckDescriptors(const std::string& doing, const std::string& path) const {
  return has_descriptors ? absl::OkStatus() : absl::UnavailableError(doing + " " + path + ": Too many open files");
}

absl::Status MemoryDisk::SpendChange(const std::string& doing, const std::string& path) {
  COPSE_RETURN_IF_ERROR(CheckPower(doing, path));
  if (changes_until_cut != std::numeric_limits<std::uint64_t>::max()) --changes_until_cut;
  ++counts.changes;
  return absl::OkStatus();
}

bool MemoryDisk::IsDue(std::uint64_t& calls_until_failure) {
  return calls_until_failure != 0 && --calls_until_failure == 0;
}

void MemoryDisk::ChangeFile(Node& node, Change change) {
  const std::uint64_t before = node.bytes.allocated();
  change.order = ++last_order;
  change.grows = change.kind == Change::Kind::kWrite && change.offset + change.bytes.size() > node.bytes.size();
  change.ApplyTo(node.bytes);
  if (node.is_linked) used_bytes = used_bytes - before + node.bytes.allocated();
  node.changes.push_back(std::move(change));
}

void MemoryDisk::ChangeEntries(EntryChange change) {
  ApplyTo(&Node::entries, change);
  change.order = ++last_order;
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

std::vector<MemoryDisk::NodePointer> MemoryDisk::NodesThatMaySurvive() const {
  std::set<const Node*> visited;
  std::vector<NodePointer> nodes;
  Collect(root, visited, nodes);
  for (const EntryChange& change : entry_changes) {
    for (const auto& part : change.parts) {
      Collect(part.directory, visited, nodes);
      Collect(part.node, visited, nodes);
    }
  }
  return nodes;
}

std::size_t MemoryDisk::UnsyncedPieces() const {
  std::size_t pieces = entry_changes.size();
  for (const NodePointer& node : NodesThatMaySurvive()) {
    for (const Change& change : node->changes) pieces += change.Pieces();
  }
  return pieces;
}

std::vector<bool> MemoryDisk::ChoosePrefix(std::uint64_t seed) const {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> orders;
  for (const EntryChange& change : entry_changes) orders.push_back(change.order);
  const std::vector<NodePointer> nodes = NodesThatMaySurvive();
  for (const NodePointer& node : nodes) {
    for (const Change& change : node->changes) orders.push_back(change.order);
  }
  if (orders.empty()) return {};
  std::sort(orders.begin(), orders.end());
  // All changes before this one, and of this one the first pieces.
  const std::uint64_t last = orders[random() % orders.size()];
  std::vector<bool> kept;
  for (const EntryChange& change : entry_changes) kept.push_back(change.order < last);
  for (const NodePointer& node : nodes) {
    for (const Change& change : node->changes) {
      const std::size_t pieces = change.Pieces();
      const std::size_t first = change.order < last ? pieces : change.order > last ? 0 : random() % pieces;
      for (std::size_t piece = 0; piece < pieces; ++piece) kept.push_back(piece < first);
      if (change.order == last && change.grows) kept.back() = Heads(random);
    }
  }
  return kept;
}

std::vector<bool> MemoryDisk::Choose(Keep keep, std::uint64_t seed) const {
  if (keep == Keep::kPrefix) return ChoosePrefix(seed);
  std::vector<bool> kept(UnsyncedPieces(), keep == Keep::kEverything);
  if (keep != Keep::kRandom) return kept;
  std::mt19937_64 random(seed);
  const bool prefix = Heads(random);
  const std::size_t cut = entry_changes.empty() ? 0 : random() % (entry_changes.size() + 1);
  for (std::size_t piece = 0; piece < kept.size(); ++piece) {
    kept[piece] = prefix && piece < entry_changes.size() ? piece < cut : Heads(random);
  }
  return kept;
}

void MemoryDisk::Crash(const std::vector<bool>& kept) {
  const std::vector<NodePointer> nodes = NodesThatMaySurvive();
  auto keep = kept.begin();
  for (const EntryChange& change : entry_changes) {
    if (*keep++) {
      ApplyTo(&Node::durable_entries, change);
    } else {
      ++counts.undone_entries;
    }
  }
  entry_changes.clear();
  for (const NodePointer& node : nodes) {
    for (const Change& change : node->changes) {
      std::size_t kept_pieces = 0;
      for (std::size_t piece = 0; piece < change.Pieces(); ++piece) {
        if (!*keep++) continue;
        change.ApplyPieceTo(node->durable_bytes, piece);
        ++kept_pieces;
      }
      if (kept_pieces != 0 && kept_pieces != change.Pieces()) ++counts.torn_writes;
    }
    node->changes.clear();
    node->bytes = node->durable_bytes;
    node->entries = node->durable_entries;
  }
  used_bytes = RelinkedBytes(*root);
  locks.clear();
  ++boot;
  changes_until_cut = std::numeric_limits<std::uint64_t>::max();
  writes_until_failure = 0;
  syncs_until_failure = 0;
  has_descriptors = true;
}

std::shared_ptr<MemoryDisk> MemoryDisk::Copy() const {
  std::map<const Node*, NodePointer> copies = {{nullptr, nullptr}};
  for (const NodePointer& node : NodesThatMaySurvive()) copies[node.get()] = std::make_shared<Node>(*node);
  for (const auto& [original, copy] : copies) {
    if (copy == nullptr) continue;
    for (Entries* entries : {&copy->entries, &copy->durable_entries}) {
      for (auto& [name, child] : *entries) child = copies.at(child.get());
    }
  }
  auto disk = std::make_shared<MemoryDisk>();
  disk->root = copies.at(root.get());
  disk->entry_changes = entry_changes;
  disk->last_order = last_order;
  for (EntryChange& change : disk->entry_changes) {
    for (auto& part : change.parts) {
      part.directory = copies.at(part.directory.get());
      part.node = copies.at(part.node.get());
    }
  }
  disk->used_bytes = used_bytes;
  disk->capacity = capacity;
  return disk;
}

std::uint64_t MemoryDisk::FreeBytes() const { return capacity - std::min(capacity, used_bytes); }

absl::Status MemoryIoError(const std::string& doing, const std::string& path) {
  return absl::InternalError(doing + " " + path + ": Input/output error");
}

}  // namespace copse::base
