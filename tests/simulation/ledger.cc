#include "simulation/ledger.h"

#include <algorithm>
#include <utility>

namespace copse::simulation {
namespace {

std::string NameOf(crdt::ActorId actor, std::uint64_t index) {
  return "op " + std::to_string(index) + " of actor " + std::to_string(actor);
}

}  // namespace

void OpLedger::OnSubmitted(crdt::ActorId actor, std::span<const crdt::Op> batch, Time now) {
  Feed& feed = feeds_[actor];
  feed.ops.insert(feed.ops.end(), batch.begin(), batch.end());
  feed.submitted.resize(feed.ops.size(), now);
}

void OpLedger::OnSynced(crdt::ActorId actor) {
  Feed& feed = feeds_[actor];
  feed.durable = feed.ops.size();
  feed.why = "a sync returned";
}

void OpLedger::AllBefore(crdt::ActorId actor, Time time) {
  Feed& feed = feeds_[actor];
  const auto end = std::upper_bound(feed.submitted.begin(), feed.submitted.end(), time);
  const auto count = static_cast<std::uint64_t>(end - feed.submitted.begin());
  if (count <= feed.durable) return;
  feed.durable = count;
  feed.why = "its time to be synced was over";
}

absl::Status OpLedger::OnReceived(crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
  Feed& feed = feeds_[actor];
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (first + i >= feed.ops.size()) {
      return absl::DataLossError(NameOf(actor, first + i) + " arrived at a peer, and its author never made it");
    }
    if (feed.ops[first + i] != ops[i]) {
      return absl::DataLossError(NameOf(actor, first + i) + " arrived at a peer as another one");
    }
  }
  if (first + ops.size() > feed.durable) {
    feed.durable = first + ops.size();
    feed.why = "a peer has seen it";
  }
  return absl::OkStatus();
}

absl::Status OpLedger::OnReplayed(crdt::ActorId actor, std::span<const crdt::Op> ops) {
  Feed& feed = feeds_[actor];
  if (ops.size() > feed.ops.size()) {
    return absl::DataLossError(NameOf(actor, feed.ops.size()) + " is on the disk, and was never made");
  }
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (feed.ops[i] != ops[i]) return absl::DataLossError(NameOf(actor, i) + " is another one on the disk");
  }
  if (ops.size() < feed.durable) {
    return absl::DataLossError(NameOf(actor, ops.size()) + " is lost, though " + feed.why + " (" +
                               std::to_string(ops.size()) + " of " + std::to_string(feed.durable) + " are there)");
  }
  if (!ops.empty() && !ops.back().ends_batch) return absl::DataLossError(NameOf(actor, ops.size()) + " cuts a batch");
  feed.ops.resize(ops.size());
  feed.submitted.resize(ops.size());
  feed.durable = ops.size();
  feed.why = "it was there after a start";
  return absl::OkStatus();
}

std::span<const crdt::Op> OpLedger::OpsOf(crdt::ActorId actor, std::uint64_t count) const {
  const auto feed = feeds_.find(actor);
  if (feed == feeds_.end()) return {};
  return std::span(feed->second.ops).first(std::min<std::size_t>(count, feed->second.ops.size()));
}

std::uint64_t OpLedger::CountOf(crdt::ActorId actor) const {
  const auto feed = feeds_.find(actor);
  return feed == feeds_.end() ? 0 : feed->second.ops.size();
}

void ContentLedger::OnChanged(int machine, crdt::NodeId node, std::string before, std::string after, bool has_name) {
  seen_at_[machine].insert(before);
  if (before == after) return;
  seen_at_[machine].insert(after);
  Files& removed = removed_[machine];
  if (has_name) {
    if (auto named_again = removed.extract(node)) once_removed_[machine].push_back(std::move(named_again.mapped()));
  }
  const auto unnamed = removed.find(node);
  if (unnamed == removed.end()) FindMoved(machine, node, before);
  File& file = unnamed == removed.end() ? files_[machine][node] : unnamed->second;
  if (file.versions.empty() || file.versions.back() != before) file.versions.push_back(std::move(before));
  seen_.insert(after);
  file.versions.push_back(std::move(after));
}

void ContentLedger::OnRemoved(int machine, crdt::NodeId node) {
  auto file = files_[machine].extract(node);
  removed_[machine].try_emplace(node, file ? std::move(file.mapped()) : File());
  if (auto before = renumbered_[machine].extract(node)) OnRemoved(machine, before.mapped());
}

void ContentLedger::FindMoved(int machine, crdt::NodeId node, const std::string& before) {
  Files& files = files_[machine];
  const auto known = files.find(node);
  if (before.empty() || (known != files.end() && known->second.versions.back() == before)) return;
  const auto moved = std::find_if(files.begin(), files.end(),
                                  [&](const auto& other) { return other.second.versions.back() == before; });
  if (moved == files.end()) return;
  File file = std::move(moved->second);
  files.erase(moved);
  files[node] = std::move(file);
}

void ContentLedger::OnFsynced(int machine, crdt::NodeId node) {
  const auto file = files_[machine].find(node);
  if (file != files_[machine].end()) file->second.durable = file->second.versions.size() - 1;
}

void ContentLedger::OnFlushed(int machine) {
  for (auto& [node, file] : files_[machine]) MustLast(std::move(file.versions.back()));
  files_[machine].clear();
}

ContentLedger::Files ContentLedger::TakeFiles(int machine) {
  renumbered_[machine].clear();
  return std::exchange(files_[machine], {});
}

std::vector<ContentLedger::File> ContentLedger::TakeRemoved(int machine) {
  std::vector<File> taken = std::exchange(once_removed_[machine], {});
  for (auto& [node, file] : std::exchange(removed_[machine], {})) taken.push_back(std::move(file));
  return taken;
}

bool IsMixOf(std::string_view content, std::span<const std::string> versions) {
  if (std::none_of(versions.begin(), versions.end(), [&](const auto& one) { return one.size() == content.size(); })) {
    return false;
  }
  for (std::size_t i = 0; i < content.size(); ++i) {
    const bool was_there = std::any_of(versions.begin(), versions.end(), [&](const std::string& version) {
      // A version that was shorter stands for the zeros that a later growth reads as.
      return i < version.size() ? version[i] == content[i] : content[i] == '\0';
    });
    if (!was_there) return false;
  }
  return true;
}

}  // namespace copse::simulation
