// The side of the store that faces other replicas. What comes in is verified first, then stored, then applied, and an
// error that is the peer's fault changes nothing.

#include <copse/base/status_macros.h>

#include <algorithm>
#include <utility>

#include "chunk_seal.h"
#include "feed_keys.h"
#include "store_state.h"
#include "write_error.h"

namespace copse::replica {
namespace {

/// How long a disk that had no room for a chunk is left alone before it is asked for again.
constexpr std::chrono::seconds kDiskFullDelay{10};

absl::Status BadFrame(crdt::ActorId actor, std::uint64_t number, const absl::Status& what) {
  return absl::DataLossError("frame " + std::to_string(number) + " of actor " + std::to_string(actor) + ": " +
                             std::string(what.message()));
}

/// A run of frames as they come from a peer, proved.
struct Run {
  std::vector<Frame> frames;
  std::vector<base::Hash> hashes;
  std::vector<std::vector<crdt::Op>> ops;
};

/// Proves that `frames` continue a feed that ends with `end`, are of a member, and can be opened.
absl::StatusOr<Run> ProveRun(const Identity& identity, const std::string& author_key, crdt::ActorId actor,
                             const FeedEnd& end, std::span<const std::string> frames,
                             const SignatureScheme& signatures) {
  Run run;
  std::uint64_t number = end.frames;
  std::uint64_t first_op = end.ops;
  base::Hash previous = end.last_frame;
  std::uint64_t clock = end.clock;
  for (const std::string& bytes : frames) {
    absl::StatusOr<Frame> frame = DecodeFrame(bytes);
    if (!frame.ok()) return BadFrame(actor, number, frame.status());
    const FrameHeader& header = frame->header;
    if (header.volume != identity.volume || header.actor != actor)
      return BadFrame(actor, number, absl::DataLossError("is of another feed"));
    if (header.number != number || header.first_op != first_op || header.previous != previous) {
      return BadFrame(actor, number, absl::DataLossError("does not follow the frame before it"));
    }
    if (number == 0 && !header.dependencies_are_full) {
      return BadFrame(actor, number, absl::DataLossError("does not state all its dependencies"));
    }
    absl::StatusOr<std::vector<crdt::Op>> ops = OpenFrameWith(identity, *frame);
    if (!ops.ok()) return BadFrame(actor, number, ops.status());
    ++number;
    first_op += header.op_count;
    previous = base::Sha256(bytes);
    // Others rely on it that what an author makes is later than any clock that it, or the frame that let it in, stated.
    if (ops->empty() ? header.clock < clock : ops->front().time.counter() <= clock) {
      return BadFrame(actor, number, absl::DataLossError("its author's clock runs backward"));
    }
    clock = header.clock;
    run.frames.push_back(*std::move(frame));
    run.hashes.push_back(previous);
    run.ops.push_back(*std::move(ops));
  }
  // Through the chain of hashes the last signature proves all frames of the run.
  if (absl::Status verified = VerifyFrame(run.frames.back(), author_key, signatures); !verified.ok()) {
    return BadFrame(actor, number - 1, verified);
  }
  return run;
}

}  // namespace

Feed* Store::State::FindFeed(crdt::ActorId actor) {
  const std::lock_guard lock(feeds_mutex);
  const auto feed = feeds.find(actor);
  return feed == feeds.end() ? nullptr : feed->second.get();
}

absl::StatusOr<Feed*> Store::State::FeedToWrite(crdt::ActorId actor) {
  if (Feed* const feed = FindFeed(actor)) return feed;
  const std::string directory = layout.feed(actor);
  if (absl::Status made = environment.storage.CreateDirectory(directory); !made.ok() && !absl::IsAlreadyExists(made)) {
    return made;
  }
  COPSE_RETURN_IF_ERROR(environment.storage.SyncDirectory(layout.feeds()));
  const std::lock_guard lock(feeds_mutex);
  std::unique_ptr<Feed>& feed = feeds[actor];
  if (feed == nullptr) {
    feed = std::make_unique<Feed>(environment.storage, directory, identity.volume, actor, options.segment_bytes_max,
                                  FeedEnd{}, FeedIndex{});
  }
  return feed.get();
}

std::vector<FeedHead> Store::State::Heads() {
  const std::lock_guard lock(feeds_mutex);
  std::vector<FeedHead> heads;
  for (const auto& [actor, feed] : feeds) {
    if (const FeedHead head = feed->head(); head.frames > 0) heads.push_back(head);
  }
  return heads;
}

std::map<crdt::ActorId, std::uint64_t> Store::State::FrameCounts() {
  std::map<crdt::ActorId, std::uint64_t> counts;
  for (const FeedHead& head : Heads()) counts[head.actor] = head.frames;
  return counts;
}

bool Store::State::IsMember(crdt::ActorId actor) {
  const std::lock_guard lock(feeds_mutex);
  return members->OfActor(actor) != nullptr;
}

absl::StatusOr<std::vector<std::string>> Store::State::ReadFrames(crdt::ActorId actor, std::uint64_t first,
                                                                  std::size_t bytes_max) {
  Feed* const feed = FindFeed(actor);
  if (feed == nullptr) return std::vector<std::string>();
  return feed->Read(first, bytes_max);
}

absl::StatusOr<base::Hash> Store::State::FrameHash(crdt::ActorId actor, std::uint64_t frame) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> frames, ReadFrames(actor, frame, 1));
  if (frames.empty()) return absl::NotFoundError("no frame " + std::to_string(frame) + " here");
  return base::Sha256(frames.front());
}

absl::Status Store::State::AddFrames(crdt::ActorId actor, std::uint64_t first, std::span<const std::string> frames) {
  if (actor == identity.actor) return absl::FailedPreconditionError("frames of this replica's own feed are its own");
  std::string author_key;
  {
    const std::lock_guard lock(feeds_mutex);
    const Member* const author = members->OfActor(actor);
    if (author == nullptr) return absl::PermissionDeniedError("actor " + std::to_string(actor) + " is no member");
    author_key = author->grant.key;
  }
  {
    const std::lock_guard lock(mutex);
    COPSE_RETURN_IF_ERROR(CheckWritable());
  }
  const absl::Status stored = StoreFrames(actor, author_key, first, frames);
  RunIntake();
  COPSE_RETURN_IF_ERROR(stored);
  TellOfChange();
  return absl::OkStatus();
}

absl::Status Store::State::StoreFrames(crdt::ActorId actor, const std::string& author_key, std::uint64_t first,
                                       std::span<const std::string> frames) {
  COPSE_ASSIGN_OR_RETURN(Feed* const feed, FeedToWrite(actor));
  const std::lock_guard intake_lock(intake_mutex);  // Several sessions may bring the same frames.
  FeedEnd end = feed->end();
  if (end.frames == 0) {
    COPSE_ASSIGN_OR_RETURN(end.clock, ClockAtGrant(actor));
  }
  if (first > end.frames) return BadFrame(actor, first, absl::DataLossError("frames before it are missing"));
  if (first + frames.size() <= end.frames) return absl::OkStatus();
  frames = frames.subspan(static_cast<std::size_t>(end.frames - first));
  COPSE_ASSIGN_OR_RETURN(Run run, ProveRun(identity, author_key, actor, end, frames, environment.signatures));
  absl::Status stored = feed->Append(run.frames);
  // Where the disk became full on the way, the first of them are in the feed, and nobody sends those again.
  const auto count = static_cast<std::size_t>(feed->end().frames - end.frames);
  {
    const std::lock_guard lock(feeds_mutex);
    for (const Frame& frame : std::span(run.frames).first(count)) {
      for (const Grant& grant : frame.header.grants) {
        members->Add(actor, grant);
        grants[actor].push_back({frame.header.number, grant});
      }
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    intake->Add(run.frames[i].header, run.hashes[i], run.frames[i].bytes.size(), std::move(run.ops[i]));
  }
  if (stored.ok()) return stored;
  const std::lock_guard lock(mutex);
  Fail(stored);
  return stored;
}

absl::StatusOr<std::string> Store::State::ReadChunk(const base::Hash& id) {
  COPSE_ASSIGN_OR_RETURN(std::string sealed, chunks->Read(id));
  if (base::Sha256(sealed) == id) return sealed;
  if (const absl::StatusOr<PackEntry> entry = chunks->EntryOf(id); entry.ok()) OnDamaged(RefOf(*entry));
  return absl::DataLossError(chunks->PlaceOf(id) + ": a chunk is damaged");
}

void Store::State::OnDamaged(const base::ChunkRef& chunk) {
  if (!chunks->SetAside(chunk.id)) return;
  // Later, because whoever reads a chunk may be the intake.
  environment.executor.Post([weak = weak_from_this(), chunk] {
    const std::shared_ptr<State> state = weak.lock();
    if (state == nullptr) return;
    {
      const std::lock_guard lock(state->intake_mutex);
      if (state->chunks->IsSetAside(chunk.id)) state->intake->AddWanted({chunk, 0});
    }
    state->RunIntake();
    state->TellOfChange();
  });
}

void Store::State::OnMended(const base::Hash& id) {
  environment.executor.Post([weak = weak_from_this(), id] {
    const std::shared_ptr<State> state = weak.lock();
    if (state == nullptr) return;
    {
      const std::lock_guard lock(state->intake_mutex);
      state->fetched_end = state->chunks->end();
      state->intake->OnStored(id);
    }
    state->RunIntake();
    state->SyncFetched();
    state->TellOfChange();
  });
}

void Store::State::OnChunk(const base::Hash& id, absl::StatusOr<std::string> sealed) {
  // What the peer does not have goes on being wanted.
  if (!sealed.ok() || sealed->size() > kSealedChunkBytesMax) return;
  if (const absl::Status stored = StoreChunk(id, *sealed); !stored.ok()) {
    if (MayPass(stored)) WantChunksLater();
    return;
  }
  RunIntake();
  SyncFetched();
}

void Store::State::SyncFetched() {
  {
    const std::lock_guard lock(intake_mutex);
    if (intake->chunks_missing() != 0) return;
  }
  // Peers are told when the last of them are durable.
  const std::lock_guard lock(mutex);
  is_chunk_sync_due = true;
  ScheduleSync();
}

void Store::State::WantChunksLater() {
  const std::lock_guard lock(intake_mutex);
  if (receiver == nullptr || want_timer != 0) return;
  want_timer = environment.executor.Post(
      [weak = weak_from_this()] {
        const std::shared_ptr<State> state = weak.lock();
        if (state == nullptr) return;
        std::vector<base::Hash> wanted;
        {
          const std::lock_guard timer_lock(state->intake_mutex);
          state->want_timer = 0;
          wanted = state->intake->AllWanted();
        }
        state->TellOfWanted(wanted);
      },
      kDiskFullDelay);
}

void Store::State::TellOfWanted(const std::vector<base::Hash>& ids) {
  if (ids.empty()) return;
  std::function<void(const std::vector<base::Hash>&)> on_wanted;
  {
    const std::lock_guard lock(mutex);
    on_wanted = events.on_wanted;
  }
  if (on_wanted) on_wanted(ids);
}

void Store::State::TellOfChange() {
  std::function<void()> on_change;
  {
    const std::lock_guard lock(mutex);
    on_change = events.on_change;
  }
  if (on_change) on_change();
}

absl::Status Store::State::StoreChunk(const base::Hash& id, std::string_view sealed) {
  const std::lock_guard lock(intake_mutex);
  const base::NamedContent* const wanted = intake->Wanted(id);
  if (wanted == nullptr) return absl::OkStatus();
  {
    const std::lock_guard state_lock(mutex);
    COPSE_RETURN_IF_ERROR(CheckWritable());
  }
  const PackEntry entry{.id = id,
                        .epoch = wanted->chunk.epoch,
                        .sealed_length = static_cast<std::uint32_t>(sealed.size()),
                        .plain_length = wanted->chunk.plain_length};
  if (absl::Status added = chunks->Add(entry, sealed).status(); !added.ok()) {
    const std::lock_guard state_lock(mutex);
    Fail(added);
    return added;
  }
  fetched_end = chunks->end();
  intake->OnStored(id);
  return absl::OkStatus();
}

std::uint64_t Store::State::ChunksMissing() {
  const std::lock_guard lock(intake_mutex);
  const std::uint64_t missing = intake->chunks_missing();
  // A peer that hears 0 may be switched off for good: what was fetched must outlive a power cut here first.
  return missing == 0 && !chunks->IsDurable(fetched_end) ? 1 : missing;
}

Intake::Host Store::State::IntakeHost() {
  Intake::Host host;
  host.apply = [this](const Dependency& applied, std::uint64_t first, std::span<const crdt::Op> ops) {
    // Before it is applied: an own op that is made right after builds on it, and its frame must say so.
    Dependency before;
    {
      const std::lock_guard lock(mutex);
      before = std::exchange(known[applied.actor], applied);
    }
    absl::Status status = receiver(applied.actor, first, ops);
    if (status.ok()) return status;
    const std::lock_guard lock(mutex);
    known[applied.actor] = before;
    if (before.count == 0) known.erase(applied.actor);
    return status;
  };
  host.applied = [this](const FrameHeader& header) {
    const std::lock_guard lock(mutex);
    stability.NoteFrame(header);
    if (header.op_count > 0) ScheduleAcknowledgement();
  };
  host.has_chunk = [this](const base::Hash& id) { return chunks->Has(id); };
  host.read_chunk = [this](const base::ChunkRef& chunk) { return Get(chunk); };
  return host;
}

void Store::State::RunIntake() {
  std::vector<base::Hash> wanted;
  bool has_all_now = false;
  {
    const std::lock_guard lock(intake_mutex);
    if (receiver == nullptr) return;
    const FeedEnd own = FindFeed(identity.actor)->end();
    intake->KnowOwn({identity.actor, own.ops, {}});
    const bool had_all = intake->chunks_missing() == 0;
    const std::optional<std::chrono::nanoseconds> next = intake->Run();
    has_all_now = !had_all && intake->chunks_missing() == 0;
    wanted = intake->TakeNewlyWanted();
    if (next && intake_timer == 0) {
      intake_timer = environment.executor.Post(
          [weak = weak_from_this()] {
            const std::shared_ptr<State> state = weak.lock();
            if (state == nullptr) return;
            {
              const std::lock_guard timer_lock(state->intake_mutex);
              state->intake_timer = 0;
            }
            state->RunIntake();
          },
          std::max(*next - environment.clock.Monotonic(), std::chrono::nanoseconds(0)));
    }
  }
  TellOfWanted(wanted);
  if (has_all_now) SyncFetched();
}

void Store::set_receiver(Replayer receiver) {
  {
    const std::lock_guard lock(state_->intake_mutex);
    state_->receiver = std::move(receiver);
  }
  state_->RunIntake();
}

SessionHost& Store::exchange_side() { return *state_; }

void Store::set_exchange_events(ExchangeEvents events) {
  const std::lock_guard lock(state_->mutex);
  state_->events = std::move(events);
}

void Store::set_connected(bool connected) {
  const std::lock_guard lock(state_->mutex);
  state_->is_connected = connected;
}

std::map<crdt::ActorId, std::uint64_t> Store::frame_counts() const { return state_->FrameCounts(); }

std::vector<base::Hash> Store::MissingChunks() const {
  const std::lock_guard lock(state_->intake_mutex);
  return state_->intake->AllWanted();
}

}  // namespace copse::replica
