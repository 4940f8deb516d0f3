#include <copse/base/status_macros.h>
#include <copse/replica/repair.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "address_book.h"
#include "feed_repair.h"
#include "layout.h"
#include "members.h"
#include "session_host.h"

// To a session this is a store whose damaged feeds end where their first gap begins, and that takes in frames of no
// others. Frames that come are gathered until they reach the frame behind the gap, which names the hash of the last of
// them; then the gap is filled, and the feed ends at its next gap, or where it always did.

namespace copse::replica {
namespace {

/// A feed as far as it can be used.
struct Held {
  FeedScan scan;
  std::unique_ptr<Feed> feed;        ///< Its sound beginning.
  std::vector<std::string> fetched;  ///< Frames that follow it.
  FeedHead head;                     ///< With those.

  void Forget() {
    fetched.clear();
    head = feed->head();
  }
};

}  // namespace

struct Repair::State final : public SessionHost {
  State(base::Storage& the_storage, const std::string& path) : storage(the_storage), layout(path) {}

  absl::Status Open();
  absl::Status Scan(crdt::ActorId actor);
  void CountMembers();
  std::string Describe(crdt::ActorId actor, const Held& held) const;
  /// Takes the next frame of a gap.
  absl::Status Take(crdt::ActorId actor, const std::string& bytes);
  absl::Status Fill(crdt::ActorId actor);
  absl::Status RemoveSnapshots();
  std::string scratch() const { return layout.store + "/repairing"; }

  std::vector<FeedHead> Heads() override;
  bool IsMember(crdt::ActorId actor) override;
  absl::StatusOr<std::vector<std::string>> ReadFrames(crdt::ActorId actor, std::uint64_t first,
                                                      std::size_t bytes_max) override;
  absl::StatusOr<base::Hash> FrameHash(crdt::ActorId actor, std::uint64_t frame) override;
  absl::Status AddFrames(crdt::ActorId actor, std::uint64_t first, std::span<const std::string> frames) override;
  absl::StatusOr<std::string> ReadChunk(const base::Hash&) override {
    return absl::NotFoundError("chunks wait until the log is mended");
  }
  void OnChunk(const base::Hash&, absl::StatusOr<std::string>) override {}
  std::uint64_t ChunksMissing() override { return 0; }
  absl::StatusOr<std::string> Admit(const std::string&, std::string_view, const std::string&) override {
    return absl::UnavailableError("this replica mends its log; try again when that is done");
  }

  base::Storage& storage;
  const Layout layout;
  std::unique_ptr<base::StorageLock> lock;
  Identity identity;
  Store::Addresses addresses;

  mutable std::mutex mutex;  // Guards all below; held over disk I/O, since nobody else uses the store.
  std::map<crdt::ActorId, Held> feeds;
  std::optional<Members> members;
  std::vector<std::string> mended;
};

absl::Status Repair::State::Open() {
  COPSE_RETURN_IF_ERROR(CheckFormat(storage, layout).status());
  COPSE_ASSIGN_OR_RETURN(lock, storage.Lock(layout.lock()));
  COPSE_ASSIGN_OR_RETURN(identity, CheckStore(storage, layout));
  COPSE_ASSIGN_OR_RETURN(addresses, ReadAddresses(storage, layout.addresses()));
  COPSE_ASSIGN_OR_RETURN(const std::vector<crdt::ActorId> actors, ListFeeds(storage, layout));
  for (const crdt::ActorId actor : actors) {
    COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> headers,
                           MendSegmentHeaders(storage, layout.feed(actor), identity.volume, actor, scratch()));
    mended.insert(mended.end(), headers.begin(), headers.end());
    COPSE_RETURN_IF_ERROR(Scan(actor));
  }
  CountMembers();
  identity.actor = 0;
  return absl::OkStatus();
}

absl::Status Repair::State::Scan(crdt::ActorId actor) {
  Held& held = feeds[actor];
  COPSE_ASSIGN_OR_RETURN(held.scan, ScanFeed(storage, layout.feed(actor), identity.volume, actor));
  const FeedEnd& end = held.scan.end;
  held.feed = std::make_unique<Feed>(storage, layout.feed(actor), identity.volume, actor, /*segment_bytes_max=*/0, end,
                                     std::exchange(held.scan.index, {}));
  held.Forget();
  return absl::OkStatus();
}

void Repair::State::CountMembers() {
  std::map<crdt::ActorId, std::vector<Grant>> grants;
  for (const auto& [actor, held] : feeds) grants[actor] = held.scan.grants;
  members.emplace(identity.founder);
  members->AddAll(grants);
}

std::string Repair::State::Describe(crdt::ActorId actor, const Held& held) const {
  const FeedGap& gap = *held.scan.gap;
  if (!gap.next_frame) return gap.what;
  const Member* const member = members->OfActor(actor);
  const bool has_label = member != nullptr && !member->grant.label.empty();  // What says it may be lost.
  const std::uint64_t first = held.scan.end.frames;
  const std::uint64_t last = *gap.next_frame - 1;
  return gap.segment + " offset " + std::to_string(gap.begin) + ": frame" +
         (first == last ? " " + std::to_string(first) : "s " + std::to_string(first) + " to " + std::to_string(last)) +
         " of " + (has_label ? member->grant.label : "actor " + std::to_string(actor));
}

std::vector<FeedHead> Repair::State::Heads() {
  const std::lock_guard guard(mutex);
  std::vector<FeedHead> heads;
  for (const auto& [actor, held] : feeds) {
    if (held.head.frames > 0) heads.push_back(held.head);
  }
  return heads;
}

bool Repair::State::IsMember(crdt::ActorId actor) {
  const std::lock_guard guard(mutex);
  const auto held = feeds.find(actor);
  return held != feeds.end() && held->second.scan.gap && held->second.scan.gap->next_frame;
}

absl::StatusOr<std::vector<std::string>> Repair::State::ReadFrames(crdt::ActorId actor, std::uint64_t first,
                                                                   std::size_t bytes_max) {
  const std::lock_guard guard(mutex);
  const auto held = feeds.find(actor);
  if (held == feeds.end()) return std::vector<std::string>();
  const std::uint64_t fetched_from = held->second.scan.end.frames;
  if (first < fetched_from) return held->second.feed->Read(first, bytes_max);
  const std::vector<std::string>& fetched = held->second.fetched;
  if (first - fetched_from >= fetched.size()) return std::vector<std::string>();
  return std::vector<std::string>{fetched[first - fetched_from]};
}

absl::StatusOr<base::Hash> Repair::State::FrameHash(crdt::ActorId actor, std::uint64_t frame) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> frames, ReadFrames(actor, frame, 1));
  if (frames.empty()) return absl::NotFoundError("no frame " + std::to_string(frame) + " here");
  return base::Sha256(frames.front());
}

absl::Status Repair::State::AddFrames(crdt::ActorId actor, std::uint64_t first, std::span<const std::string> frames) {
  const std::lock_guard guard(mutex);
  std::uint64_t number = first;
  for (const std::string& frame : frames) {
    // What lies behind a gap is here.
    if (number++ < feeds[actor].head.frames) continue;
    COPSE_RETURN_IF_ERROR(Take(actor, frame));
  }
  return absl::OkStatus();
}

absl::Status Repair::State::Take(crdt::ActorId actor, const std::string& bytes) {
  Held& held = feeds[actor];
  const std::optional<FeedGap>& gap = held.scan.gap;
  if (!gap || !gap->next_frame) return absl::CancelledError("the feed is mended: nothing more is taken now");
  const absl::StatusOr<Frame> frame = DecodeFrame(bytes);
  if (!frame.ok()) return frame.status();
  const FrameHeader& header = frame->header;
  if (header.volume != identity.volume || header.actor != actor || header.number != held.head.frames ||
      header.first_op != held.head.ops || header.previous != held.head.last_frame) {
    return absl::DataLossError("frame " + std::to_string(held.head.frames) + " of actor " + std::to_string(actor) +
                               " does not follow the one before it");
  }
  const base::Hash hash = base::Sha256(bytes);
  if (header.number + 1 == *gap->next_frame && hash != gap->last_frame) {
    return absl::DataLossError("frame " + std::to_string(header.number) + " of actor " + std::to_string(actor) +
                               " is not the one that the next one follows");
  }
  held.fetched.push_back(bytes);
  held.head = {actor, header.number + 1, header.first_op + header.op_count, hash};
  if (held.head.frames < *gap->next_frame) return absl::OkStatus();
  const absl::Status filled = Fill(actor);
  if (!filled.ok()) held.Forget();  // Or they would never be asked for again.
  return filled;
}

absl::Status Repair::State::Fill(crdt::ActorId actor) {
  const Held& held = feeds[actor];
  const std::string what = Describe(actor, held);
  const std::uint64_t behind = *held.scan.gap->next_frame;
  COPSE_RETURN_IF_ERROR(RemoveSnapshots());
  COPSE_RETURN_IF_ERROR(FillGap(storage, identity.volume, actor, held.scan, held.fetched, scratch()));
  COPSE_RETURN_IF_ERROR(Scan(actor));
  if (held.scan.end.frames <= behind) {
    return absl::InternalError(what +
                               " was written again and is still damaged: the disk fails; copy the store to another");
  }
  mended.push_back(what);
  CountMembers();
  return absl::OkStatus();
}

/// They say where frames lie. They are a cache, and the next mount writes one.
absl::Status Repair::State::RemoveSnapshots() {
  const auto entries = storage.List(layout.snapshots());
  if (absl::IsNotFound(entries.status())) return absl::OkStatus();
  COPSE_RETURN_IF_ERROR(entries.status());
  for (const base::Storage::Entry& entry : *entries) {
    COPSE_RETURN_IF_ERROR(storage.Remove(layout.snapshots() + "/" + entry.name));
  }
  return storage.SyncDirectory(layout.snapshots());
}

Repair::Repair(std::unique_ptr<State> state) : state_(std::move(state)) {}
Repair::~Repair() = default;

absl::StatusOr<std::unique_ptr<Repair>> Repair::Open(base::Storage& storage, const std::string& path) {
  auto state = std::make_unique<State>(storage, path);
  COPSE_RETURN_IF_ERROR(state->Open());
  return std::unique_ptr<Repair>(new Repair(std::move(state)));
}

const Identity& Repair::identity() const { return state_->identity; }
const Store::Addresses& Repair::addresses() const { return state_->addresses; }
SessionHost& Repair::exchange_side() { return *state_; }

bool Repair::IsWelcome(const std::string& key) const {
  const std::lock_guard guard(state_->mutex);
  // Only frames of members are stored, so whoever signed one is a member, also where the frame that says so is lost.
  const auto has_signed = [&](const auto& feed) {
    const std::optional<FeedItem>& newest = feed.second.scan.newest;
    return newest && VerifyFrame(newest->frame, key).ok();
  };
  return state_->members->OfKey(key) != nullptr || key == state_->identity.inviter ||
         std::any_of(state_->feeds.begin(), state_->feeds.end(), has_signed);
}

Repair::Findings Repair::findings() const {
  const std::lock_guard guard(state_->mutex);
  Findings findings;
  for (const auto& [actor, held] : state_->feeds) {
    if (!held.scan.gap) continue;
    (held.scan.gap->next_frame ? findings.lost : findings.hopeless).push_back(state_->Describe(actor, held));
  }
  findings.mended = state_->mended;
  return findings;
}

}  // namespace copse::replica
