// Snapshots of the state that replaying gives: which of them opening uses, and how one is made.
//
// The feeds are the truth. A snapshot says how much of each it covers, and the hash of the frame that this ends with;
// it is used only where every feed has that frame. What lies before is not read again: it was proved when it came, and
// Verify proves it still.

#include <copse/base/status_macros.h>

#include <algorithm>
#include <utility>

#include "snapshot.h"
#include "store_state.h"

namespace copse::replica {
namespace {

constexpr std::size_t kKept = 2;

Dependency DependencyOn(crdt::ActorId actor, const SnapshotFeed& feed) {
  Dependency dependency;
  dependency.actor = actor;
  dependency.count = feed.ops;
  std::copy_n(feed.last_frame.begin(), dependency.frame.size(), dependency.frame.begin());
  return dependency;
}

}  // namespace

absl::StatusOr<Store::State::Readers> Store::State::OpenReaders() {
  Readers readers;
  COPSE_ASSIGN_OR_RETURN(const std::vector<crdt::ActorId> actors, ListFeeds(environment.storage, layout));
  for (const crdt::ActorId actor : actors) {
    COPSE_ASSIGN_OR_RETURN(readers.emplace_back(),
                           FeedReader::Open(environment.storage, layout.feed(actor), identity.volume, actor));
  }
  return readers;
}

absl::StatusOr<Dependencies> Store::State::RestoreSnapshot(Readers& readers) {
  Dependencies covered;
  if (options.restorer) {
    COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                           ListSnapshots(environment.storage, layout.snapshots()));
    for (const std::string& path : paths) {
      const absl::Status restored = RestoreFrom(path, readers, covered);
      if (restored.ok()) return covered;
      notes.push_back("the snapshot " + path + " is not used: " + std::string(restored.message()));
    }
  }
  COPSE_ASSIGN_OR_RETURN(readers, OpenReaders());
  return Dependencies();
}

absl::Status Store::State::RestoreFrom(const std::string& path, Readers& readers, Dependencies& covered) {
  COPSE_ASSIGN_OR_RETURN(std::vector<crdt::ImageBuffer> parts,
                         ReadSnapshotFile(environment.storage, path, identity.volume, identity.actor));
  if (parts.empty()) return absl::DataLossError("it is empty");
  COPSE_ASSIGN_OR_RETURN(SnapshotState state, DecodeSnapshotState(parts.front().view()));
  COPSE_ASSIGN_OR_RETURN(readers, OpenReaders());
  covered.clear();
  std::size_t found = 0;
  for (const std::unique_ptr<FeedReader>& reader : readers) {
    const auto feed = state.feeds.find(reader->actor());
    if (feed == state.feeds.end()) continue;
    ++found;
    COPSE_RETURN_IF_ERROR(CheckLastFrame(environment.storage, layout.feed(reader->actor()), feed->second));
    COPSE_RETURN_IF_ERROR(reader->ResumeAt(feed->second.resume, std::move(feed->second.index)));
    covered[reader->actor()] = DependencyOn(reader->actor(), feed->second);
  }
  if (found != state.feeds.size()) return absl::DataLossError("a feed that it covers is missing");
  parts.erase(parts.begin());
  COPSE_RETURN_IF_ERROR(options.restorer(std::move(parts)));
  for (auto& [actor, feed] : state.feeds) {
    grants[actor] = std::move(feed.grants);
    snapshot_ops += feed.ops;
  }
  stability = std::move(state.stability);
  for (const base::NamedContent& content : state.wanted) intake->AddWanted(content);
  return absl::OkStatus();
}

absl::Status Store::State::WriteSnapshot(const crdt::VersionVector& version, const std::vector<std::string>& parts) {
  const std::lock_guard snapshot_lock(snapshot_mutex);
  SnapshotState state;
  {
    // Before the sync: what has come since is durable then.
    const std::lock_guard lock(intake_mutex);
    state.wanted = intake->AllWantedContents();
  }
  COPSE_RETURN_IF_ERROR(Sync());
  {
    // After the sync, with which the last own ops that are covered count. What counts is durable: whoever opens what is
    // here now replays all of it.
    const std::lock_guard lock(mutex);
    state.stability = stability;
  }
  base::Storage& storage = environment.storage;
  for (const auto& [actor, ops] : version.counts()) {
    const Feed* const feed = FindFeed(actor);
    if (feed == nullptr) return absl::FailedPreconditionError("there is no feed of actor " + std::to_string(actor));
    COPSE_ASSIGN_OR_RETURN(state.feeds[actor], DescribeFeed(storage, *feed, ops));
    const std::lock_guard lock(feeds_mutex);
    for (const GrantRecord& record : grants[actor]) {
      if (record.frame < state.feeds[actor].resume.frames) state.feeds[actor].grants.push_back(record);
    }
  }
  if (absl::Status made = storage.CreateDirectory(layout.snapshots()); !made.ok() && !absl::IsAlreadyExists(made)) {
    return made;
  }
  // Also where it is there already: who made it may not have come to this, or may have seen it fail.
  COPSE_RETURN_IF_ERROR(storage.SyncDirectory(layout.store));
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> before, ListSnapshots(storage, layout.snapshots()));
  const std::string own_part = EncodeSnapshotState(state);
  std::vector<std::string_view> all = {own_part};
  all.insert(all.end(), parts.begin(), parts.end());
  COPSE_RETURN_IF_ERROR(
      WriteSnapshotFile(storage, NextSnapshot(layout.snapshots(), before), identity.volume, identity.actor, all));
  for (std::size_t i = kKept - 1; i < before.size(); ++i) COPSE_RETURN_IF_ERROR(storage.Remove(before[i]));
  return absl::OkStatus();
}

void Store::EndFrameHere() {
  const std::lock_guard lock(state_->mutex);
  state_->frame_border = state_->own_ops;
}

absl::Status Store::WriteSnapshot(const crdt::VersionVector& version, const std::vector<std::string>& parts) {
  return state_->WriteSnapshot(version, parts);
}

std::uint64_t Store::snapshot_ops() const { return state_->snapshot_ops; }
const std::vector<std::string>& Store::notes() const { return state_->notes; }

}  // namespace copse::replica
