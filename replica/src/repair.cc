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

// To a session this is a store whose feeds end where their first gap begins, or before their last record. Frames that
// come are gathered until they reach the sound frame behind the gap, which names the hash of the last of them; then the
// feed ends at its next gap. What is told to peers is durable: each record was synced before the one behind it was
// written.

namespace copse::replica {
namespace {

/// A feed, of which frames may be lost.
struct Held {
  FeedScan scan;
  std::vector<std::vector<std::string>> fetched;  ///< For each gap; those before `gap` are complete.
  std::size_t gap = 0;                            ///< Which is being fetched.
  FeedHead head;                                  ///< With what was fetched for it.

  bool IsComplete() const { return gap == scan.gaps.size(); }
  const FeedGap& present() const { return scan.gaps[gap]; }
  void GoTo(const FeedEnd& end) { head = {head.actor, end.frames, end.ops, end.last_frame}; }
  /// Of the present gap: who sent what does not fit is not known.
  void Forget() {
    fetched[gap].clear();
    GoTo(present().before);
  }
};

/// Whether that frame, by its place the last that is lost, is the one that a later one names.
bool IsLastOf(const FeedGap& gap, const FrameHeader& header, const base::Hash& hash) {
  if (gap.next) return hash == gap.next->previous;
  const Dependency& until = *gap.until;
  return header.first_op + header.op_count == until.count &&
         std::equal(until.frame.begin(), until.frame.end(), hash.begin());
}

absl::Status BadFrame(const FeedHead& head, const std::string& what) {
  return absl::DataLossError("frame " + std::to_string(head.frames) + " of actor " + std::to_string(head.actor) + " " +
                             what);
}

}  // namespace

struct Repair::State final : public SessionHost {
  State(base::Storage& the_storage, const std::string& path, const SignatureScheme& the_signatures)
      : storage(the_storage), signatures(the_signatures), layout(path), rewrites(the_storage, path + "/repairing") {}

  absl::Status Open();
  std::string Describe(crdt::ActorId actor, const FeedGap& gap) const;
  /// Takes the next frame of a gap.
  absl::Status Take(Held& feed, const std::string& bytes);
  /// Whether `frame` is the next one, as far as it says so itself.
  absl::Status Prove(Held& feed, const Frame& frame) const;
  /// Writes, beside the feeds, what has come.
  absl::Status FillGaps();
  absl::Status RemoveSnapshots();

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
  std::uint64_t ChunksMissing() override { return 1; }  // Nobody is to take this for a replica that has everything.
  absl::StatusOr<std::string> Admit(const std::string&, std::string_view, const std::string&) override {
    return absl::UnavailableError("this replica mends its log; try again when that is done");
  }

  base::Storage& storage;
  const SignatureScheme& signatures;
  const Layout layout;
  SegmentRewrites rewrites;
  std::unique_ptr<base::StorageLock> lock;
  Identity identity;
  Store::Addresses addresses;
  std::vector<FeedItem> newest;  ///< Of each feed.
  std::optional<Members> members;
  std::vector<std::string> headers;  ///< That were mended.

  mutable std::mutex mutex;  // Guards all below; held while frames are read from the disk.
  std::map<crdt::ActorId, Held> feeds;
};

absl::Status Repair::State::Open() {
  COPSE_RETURN_IF_ERROR(CheckFormat(storage, layout).status());
  COPSE_ASSIGN_OR_RETURN(lock, storage.Lock(layout.lock()));
  COPSE_ASSIGN_OR_RETURN(identity, CheckStore(storage, layout));
  COPSE_ASSIGN_OR_RETURN(addresses, ReadAddresses(storage, layout.addresses()));
  COPSE_ASSIGN_OR_RETURN(const std::vector<crdt::ActorId> actors, ListFeeds(storage, layout));
  std::map<crdt::ActorId, std::vector<Grant>> grants;
  COPSE_RETURN_IF_ERROR(rewrites.Begin());
  for (const crdt::ActorId actor : actors) {
    COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> mended,
                           MendSegmentHeaders(rewrites, storage, layout.feed(actor), identity.volume, actor));
    headers.insert(headers.end(), mended.begin(), mended.end());
  }
  COPSE_RETURN_IF_ERROR(rewrites.Commit());
  COPSE_ASSIGN_OR_RETURN(auto scans, ScanFeeds(storage, layout, identity.volume, identity.actor));
  for (auto& [actor, scan] : scans) {
    grants[actor] = std::move(scan.grants);
    if (scan.newest) newest.push_back(*std::move(scan.newest));
    Held& feed = feeds[actor];
    feed.head.actor = actor;
    feed.fetched.resize(scan.gaps.size());
    feed.scan = std::move(scan);
    feed.GoTo(feed.IsComplete() ? feed.scan.proved : feed.present().before);
  }
  members.emplace(identity.founder);
  members->AddAll(grants);
  identity.actor = 0;
  return absl::OkStatus();
}

std::string Repair::State::Describe(crdt::ActorId actor, const FeedGap& gap) const {
  if (!gap.CanBeFilled()) return gap.what;
  const Member* const member = members->OfActor(actor);
  const bool has_label = member != nullptr && !member->grant.label.empty();  // What says it may be lost.
  const std::uint64_t first = gap.before.frames;
  std::string frames = "frame " + std::to_string(first);
  if (gap.until) {
    frames += " and on";
  } else if (gap.next->number > first + 1) {
    frames += " to " + std::to_string(gap.next->number - 1);
  }
  return gap.what + " (" + frames + " of " + (has_label ? member->grant.label : "actor " + std::to_string(actor)) + ")";
}

std::vector<FeedHead> Repair::State::Heads() {
  const std::lock_guard guard(mutex);
  std::vector<FeedHead> heads;
  for (const auto& [actor, feed] : feeds) {
    if (feed.head.frames > 0) heads.push_back(feed.head);
  }
  return heads;
}

bool Repair::State::IsMember(crdt::ActorId actor) {
  const std::lock_guard guard(mutex);
  const auto feed = feeds.find(actor);
  return feed != feeds.end() && !feed->second.IsComplete() && feed->second.present().CanBeFilled();
}

absl::StatusOr<std::vector<std::string>> Repair::State::ReadFrames(crdt::ActorId actor, std::uint64_t first,
                                                                   std::size_t bytes_max) {
  const std::lock_guard guard(mutex);
  std::vector<std::string> frames;
  const auto found = feeds.find(actor);
  if (found == feeds.end()) return frames;
  const auto& [scan, fetched, gap, head] = found->second;
  std::size_t bytes = 0;
  for (std::uint64_t number = first; number < head.frames && bytes < bytes_max; ++number) {
    const auto holds = [&](const FeedGap& each) {
      return number >= each.before.frames && (each.until || (each.next && number < each.next->number));
    };
    const auto in = std::find_if(scan.gaps.begin(), scan.gaps.end(), holds);
    std::string& frame = frames.emplace_back();
    if (in != scan.gaps.end()) {
      frame = fetched[static_cast<std::size_t>(in - scan.gaps.begin())][number - in->before.frames];
    } else {
      const FeedIndex::Place& place = scan.frames[number];
      COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<base::File> file,
                             storage.Open(scan.segments[place.segment], base::Storage::OpenMode::kRead));
      frame.resize(place.length);
      COPSE_ASSIGN_OR_RETURN(const std::size_t count, file->ReadAt(place.offset, frame));
      if (count != frame.size()) return absl::DataLossError(scan.segments[place.segment] + " has become shorter");
    }
    bytes += frame.size();
    if (bytes > bytes_max && frames.size() > 1) frames.pop_back();
  }
  return frames;
}

absl::StatusOr<base::Hash> Repair::State::FrameHash(crdt::ActorId actor, std::uint64_t frame) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> frames, ReadFrames(actor, frame, 1));
  if (frames.empty()) return absl::NotFoundError("no frame " + std::to_string(frame) + " here");
  return base::Sha256(frames.front());
}

absl::Status Repair::State::AddFrames(crdt::ActorId actor, std::uint64_t first, std::span<const std::string> frames) {
  const std::lock_guard guard(mutex);
  const auto found = feeds.find(actor);
  if (found == feeds.end()) return absl::CancelledError("nothing of that feed is lost");
  Held& feed = found->second;
  std::uint64_t number = first;
  for (const std::string& frame : frames) {
    if (number++ < feed.head.frames) continue;  // What lies behind a gap is here.
    if (feed.IsComplete()) return absl::CancelledError("all that was lost has come: nothing more is taken now");
    COPSE_RETURN_IF_ERROR(Take(feed, frame));
  }
  return absl::OkStatus();
}

absl::Status Repair::State::Prove(Held& feed, const Frame& frame) const {
  const FrameHeader& header = frame.header;
  const FeedHead& head = feed.head;
  if (header.volume != identity.volume || header.actor != head.actor || header.number != head.frames) {
    return BadFrame(head, "is another");
  }
  // The hashes prove it in the end; this keeps all but its author from sending what is never going to fit.
  const Member* const author = members->OfActor(head.actor);
  if (author != nullptr && !VerifyFrame(frame, author->grant.key, signatures).ok()) {
    return BadFrame(head, "is not signed by its author");
  }
  if (header.first_op == head.ops && header.previous == head.last_frame) return absl::OkStatus();
  feed.Forget();
  return BadFrame(head, "does not follow the one before it");
}

absl::Status Repair::State::Take(Held& feed, const std::string& bytes) {
  const FeedGap& gap = feed.present();
  if (!gap.CanBeFilled()) return absl::CancelledError("what is wrong there cannot be mended by others");
  COPSE_ASSIGN_OR_RETURN(const Frame frame, DecodeFrame(bytes));
  COPSE_RETURN_IF_ERROR(Prove(feed, frame));
  const base::Hash hash = base::Sha256(bytes);
  const FrameHeader& header = frame.header;
  const bool is_last =
      gap.next ? header.number + 1 == gap.next->number : header.first_op + header.op_count >= gap.until->count;
  if (is_last && !IsLastOf(gap, header, hash)) {
    feed.Forget();
    return BadFrame(feed.head, "is not the one that was there");
  }
  feed.fetched[feed.gap].push_back(bytes);
  feed.head = {header.actor, header.number + 1, header.first_op + header.op_count, hash};
  if (!is_last) return absl::OkStatus();
  ++feed.gap;
  const FeedEnd& next_end = feed.IsComplete() ? feed.scan.proved : feed.present().before;
  if (next_end.frames > feed.head.frames) feed.GoTo(next_end);
  return absl::OkStatus();
}

absl::Status Repair::State::FillGaps() {
  COPSE_RETURN_IF_ERROR(rewrites.Begin());
  for (const auto& [actor, feed] : feeds) {
    for (std::size_t i = feed.scan.gaps.size(); i-- > 0;) {
      COPSE_RETURN_IF_ERROR(
          FillGap(rewrites, storage, layout.feed(actor), identity.volume, actor, feed.scan.gaps[i], feed.fetched[i]));
    }
  }
  return absl::OkStatus();
}

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

absl::StatusOr<std::unique_ptr<Repair>> Repair::Open(base::Storage& storage, const std::string& path,
                                                     const SignatureScheme& signatures) {
  auto state = std::make_unique<State>(storage, path, signatures);
  COPSE_RETURN_IF_ERROR(state->Open());
  return std::unique_ptr<Repair>(new Repair(std::move(state)));
}

const Identity& Repair::identity() const { return state_->identity; }
const Store::Addresses& Repair::addresses() const { return state_->addresses; }
SessionHost& Repair::exchange_side() { return *state_; }

bool Repair::IsWelcome(const std::string& key) const {
  // Only frames of members are stored, so whoever signed one is a member, also where the frame that says so is lost.
  const auto is_signed = [&](const FeedItem& item) { return VerifyFrame(item.frame, key, state_->signatures).ok(); };
  return state_->members->OfKey(key) != nullptr || key == state_->identity.inviter ||
         std::any_of(state_->newest.begin(), state_->newest.end(), is_signed);
}

Repair::Findings Repair::findings() const {
  const std::lock_guard guard(state_->mutex);
  Findings findings;
  for (const auto& [actor, feed] : state_->feeds) {
    for (std::size_t i = 0; i < feed.scan.gaps.size(); ++i) {
      const FeedGap& gap = feed.scan.gaps[i];
      if (!gap.CanBeFilled()) findings.hopeless.push_back(state_->Describe(actor, gap));
      if (gap.CanBeFilled() && i >= feed.gap) findings.lost.push_back(state_->Describe(actor, gap));
      findings.frames_fetched += feed.fetched[i].size();
    }
  }
  return findings;
}

absl::StatusOr<std::vector<std::string>> Repair::Mend() {
  const Findings found = findings();
  if (!found.lost.empty() || !found.hopeless.empty()) return absl::FailedPreconditionError("frames are still lost");
  State& state = *state_;
  const std::lock_guard guard(state.mutex);
  std::vector<std::string> mended = state.headers;
  std::erase_if(state.feeds, [](const auto& feed) { return feed.second.scan.gaps.empty(); });
  if (state.feeds.empty()) return mended;
  if (absl::Status written = state.FillGaps(); !written.ok()) {
    state.rewrites.Clear().IgnoreError();  // On a full disk it would hold space.
    return written;
  }
  COPSE_RETURN_IF_ERROR(state.rewrites.Commit());
  for (const auto& [actor, feed] : state.feeds) {
    for (const FeedGap& gap : feed.scan.gaps) mended.push_back(state.Describe(actor, gap));
    const std::string directory = state.layout.feed(actor);
    COPSE_ASSIGN_OR_RETURN(const FeedScan now, ScanFeed(state.storage, directory, state.identity.volume, actor));
    const base::Hash& last = feed.scan.gaps.back().until ? feed.head.last_frame : feed.scan.end.last_frame;
    if (!now.gaps.empty() || now.end.last_frame != last) {
      return absl::DataLossError(directory + ": was mended and is damaged again; copy the store to another disk");
    }
  }
  COPSE_RETURN_IF_ERROR(state.RemoveSnapshots());
  state.feeds.clear();
  return mended;
}

std::optional<std::string> Repair::FirstDamage(base::Storage& storage, const std::string& path) {
  const Layout layout(path);
  const auto identity = ReadIdentity(storage, layout.identity());
  if (!identity.ok()) return std::nullopt;
  const auto scans = ScanFeeds(storage, layout, identity->volume, identity->actor);
  if (!scans.ok()) return std::nullopt;
  for (const auto& [actor, scan] : *scans) {
    if (!scan.gaps.empty()) return scan.gaps.front().what;
  }
  return std::nullopt;
}

}  // namespace copse::replica
