#include <copse/base/check.h>
#include <copse/base/status_macros.h>
#include <copse/replica/store.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "chunk_seal.h"
#include "chunk_store.h"
#include "feed_keys.h"
#include "layout.h"
#include "own_feed.h"
#include "replay.h"
#include "verify.h"

// Group commit: Append only copies into `pending`. Whoever calls Sync while nobody writes becomes the leader, takes all
// that is pending, and writes it without the lock: first the packs, then the ops as frames, since a frame on disk must
// never name a chunk that is not. Others wait and, where the leader began before their ops came, lead the next round.

namespace copse::replica {

struct Store::State : std::enable_shared_from_this<Store::State> {
  State(Environment environment_in, const std::string& path, const Options& options_in)
      : environment(environment_in), layout(path), options(options_in) {}

  absl::Status Open(const Replayer& replayer);
  absl::Status OpenFeeds(const Replayer& replayer, std::vector<std::unique_ptr<FeedReader>>& feeds);
  absl::Status Append(std::span<const crdt::Op> batch);
  absl::Status Sync();
  void Close();

  absl::Status CheckWritable() const;
  bool IsDurable(std::uint64_t ops, const ChunkStore::End& chunks_end) const;
  absl::Status LeadSync(std::unique_lock<std::mutex>& lock);
  void ScheduleSync();
  void RunScheduledSync();
  void Fail(const absl::Status& status);

  Environment environment;
  const Layout layout;
  const Options options;
  Identity identity;
  std::unique_ptr<ChunkStore> chunks;
  std::optional<OwnFeed> feed;  // Used by the leader alone.

  mutable std::mutex mutex;  // Guards all below.
  std::condition_variable round_ended;
  std::unique_ptr<base::StorageLock> storage_lock;
  std::vector<crdt::Op> pending;
  std::uint64_t own_ops = 0;      // Appended, durable or not.
  std::uint64_t durable_ops = 0;  // Of these, in a synced frame.
  FeedEnd own_end;                // Of what is durable.
  std::uint64_t other_frames = 0;
  std::uint64_t other_bytes = 0;
  bool is_leader_active = false;
  bool is_closed = false;
  base::Executor::WorkId scheduled_sync = 0;  // 0: none.
  absl::Status failure;                       // Once not OK, nothing more is written.
  std::string last_error;
};

absl::Status Store::State::OpenFeeds(const Replayer& replayer, std::vector<std::unique_ptr<FeedReader>>& feeds) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<crdt::ActorId> actors, ListFeeds(environment.storage, layout));
  FeedReader* own = nullptr;
  for (const crdt::ActorId actor : actors) {
    COPSE_ASSIGN_OR_RETURN(feeds.emplace_back(),
                           FeedReader::Open(environment.storage, layout.feed(actor), identity.volume, actor));
    if (actor == identity.actor) own = feeds.back().get();
  }
  COPSE_CHECK(own != nullptr);  // Open found its directory.

  const ReplayKeys keys{[this](const FeedItem& item) { return VerifyItem(identity, item); },
                        [this](const FeedItem& item) { return OpenItem(identity, item); }};
  COPSE_ASSIGN_OR_RETURN(auto known, ReplayFeeds(feeds, identity.actor, keys, replayer));
  for (const std::unique_ptr<FeedReader>& reader : feeds) {
    if (reader.get() == own) continue;
    other_frames += reader->end().frames;
    other_bytes += reader->end().bytes;
  }
  own_end = own->end();
  own_ops = durable_ops = own_end.ops;
  FeedWriter writer(environment.storage, layout.feed(identity.actor), identity.volume, identity.actor,
                    options.segment_bytes_max, own_end);
  feed.emplace(identity, environment.clock, environment.random, std::move(writer), std::move(known),
               own->dependencies(), options.frame_bytes_max);
  return absl::OkStatus();
}

absl::Status Store::State::Open(const Replayer& replayer) {
  base::Storage& storage = environment.storage;
  COPSE_RETURN_IF_ERROR(CheckStore(storage, layout).status());
  COPSE_ASSIGN_OR_RETURN(storage_lock, storage.Lock(layout.lock()));
  COPSE_ASSIGN_OR_RETURN(identity, ReadIdentity(storage, layout.identity()));
  for (const std::string& part : {layout.feeds(), layout.feed(identity.actor), layout.chunks()}) {
    if (absl::IsNotFound(storage.Stat(part).status())) {
      return absl::DataLossError(part + " is missing; restore it from a copy");
    }
  }
  std::vector<std::unique_ptr<FeedReader>> feeds;
  COPSE_RETURN_IF_ERROR(OpenFeeds(replayer, feeds));
  COPSE_ASSIGN_OR_RETURN(chunks, ChunkStore::Open(storage, layout.chunks(), identity.volume, options.pack_bytes_max));
  // Only now, with everything found sound, is anything changed.
  for (const std::unique_ptr<FeedReader>& reader : feeds) COPSE_RETURN_IF_ERROR(reader->Repair());
  return chunks->Repair();
}

absl::Status Store::State::CheckWritable() const {
  if (failure.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(layout.store + " went read-only: " + last_error);
}

void Store::State::Fail(const absl::Status& status) {
  last_error = std::string(status.message());
  if (!absl::IsResourceExhausted(status)) failure = status;
}

absl::Status Store::State::Append(std::span<const crdt::Op> batch) {
  if (batch.empty()) return absl::OkStatus();
  COPSE_CHECK(batch.back().ends_batch);
  const std::lock_guard lock(mutex);
  COPSE_RETURN_IF_ERROR(CheckWritable());
  pending.insert(pending.end(), batch.begin(), batch.end());
  own_ops += batch.size();
  ScheduleSync();
  return absl::OkStatus();
}

void Store::State::ScheduleSync() {
  if (scheduled_sync != 0 || is_closed) return;
  scheduled_sync = environment.executor.Post(
      [weak = weak_from_this()] {
        if (const std::shared_ptr<State> state = weak.lock()) state->RunScheduledSync();
      },
      options.sync_delay_max);
}

void Store::State::RunScheduledSync() {
  {
    const std::lock_guard lock(mutex);
    scheduled_sync = 0;
    if (is_closed) return;
  }
  Sync().IgnoreError();  // Kept in last_error, and in what the next caller of Sync is told.
  const std::lock_guard lock(mutex);
  if (failure.ok() && !pending.empty()) ScheduleSync();  // The disk was full: perhaps it is not for ever.
}

bool Store::State::IsDurable(std::uint64_t ops, const ChunkStore::End& chunks_end) const {
  return durable_ops >= ops && chunks->IsDurable(chunks_end);
}

absl::Status Store::State::Sync() {
  std::unique_lock lock(mutex);
  const std::uint64_t ops = own_ops;
  const ChunkStore::End chunks_end = chunks->end();
  for (;;) {
    if (!failure.ok()) return failure;
    if (IsDurable(ops, chunks_end)) return absl::OkStatus();
    if (is_closed) return absl::FailedPreconditionError(layout.store + " is closed");  // A delayed sync came too late.
    if (is_leader_active) {
      round_ended.wait(lock);
    } else {
      COPSE_RETURN_IF_ERROR(LeadSync(lock));
    }
  }
}

absl::Status Store::State::LeadSync(std::unique_lock<std::mutex>& lock) {
  is_leader_active = true;
  std::vector<crdt::Op> ops = std::exchange(pending, {});
  lock.unlock();
  // The chunks that these ops may name were put before them, so this covers them.
  absl::Status status = chunks->Sync();
  std::uint64_t written = 0;
  if (status.ok()) status = feed->Write(ops, written);
  lock.lock();
  is_leader_active = false;
  durable_ops += written;
  own_end = feed->end();
  pending.insert(pending.begin(), std::make_move_iterator(ops.begin() + static_cast<std::ptrdiff_t>(written)),
                 std::make_move_iterator(ops.end()));
  if (status.ok()) {
    last_error.clear();
  } else {
    Fail(status);
  }
  round_ended.notify_all();
  return status;
}

void Store::State::Close() {
  const bool synced = Sync().ok();
  if (synced) chunks->Close().IgnoreError();  // Only saves the next Open a scan.
  base::Executor::WorkId scheduled = 0;
  {
    std::unique_lock lock(mutex);
    round_ended.wait(lock, [this] { return !is_leader_active; });
    is_closed = true;
    scheduled = std::exchange(scheduled_sync, 0);
    storage_lock.reset();
  }
  if (scheduled != 0) environment.executor.Cancel(scheduled);
}

Store::Store(std::shared_ptr<State> state) : state_(std::move(state)) {}

Store::~Store() { state_->Close(); }

absl::Status Store::Create(Environment environment, const std::string& path, const std::string& label) {
  if (!IsLabel(label)) {
    return absl::InvalidArgumentError("the label \"" + label + "\" is not 1 to 16 of a-z and 0-9");
  }
  return CreateStore(environment.storage, Layout(path), Identity::New(environment.random, label));
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(Environment environment, const std::string& path,
                                                   const Options& options, const Replayer& replayer) {
  auto state = std::make_shared<State>(environment, path, options);
  COPSE_RETURN_IF_ERROR(state->Open(replayer));
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

const std::string& Store::path() const { return state_->layout.store; }
const Identity& Store::identity() const { return state_->identity; }

absl::Status Store::Append(std::span<const crdt::Op> batch) { return state_->Append(batch); }
absl::Status Store::Sync() { return state_->Sync(); }

absl::StatusOr<base::ChunkRef> Store::Put(std::string_view plain) {
  {
    const std::lock_guard lock(state_->mutex);
    COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  }
  const auto& [epoch, key] = *state_->identity.epoch_keys.rbegin();
  const SealedChunk chunk = SealChunk(plain, epoch, key);
  const PackEntry entry{.id = chunk.ref.id,
                        .epoch = epoch,
                        .sealed_length = static_cast<std::uint32_t>(chunk.bytes.size()),
                        .plain_length = chunk.ref.plain_length};
  if (absl::Status added = state_->chunks->Add(entry, chunk.bytes); !added.ok()) {
    const std::lock_guard lock(state_->mutex);
    state_->Fail(added);
    return added;
  }
  return chunk.ref;
}

absl::StatusOr<std::string> Store::Get(const base::ChunkRef& chunk) {
  COPSE_ASSIGN_OR_RETURN(const std::string sealed, state_->chunks->Read(chunk.id));
  const auto damaged = [&](const std::string& what) {
    return absl::DataLossError(state_->chunks->PlaceOf(chunk.id) + ": chunk " + base::Hex(base::AsBytes(chunk.id)) +
                               ": " + what);
  };
  const auto key = state_->identity.epoch_keys.find(chunk.epoch);
  if (key == state_->identity.epoch_keys.end()) {
    return damaged("the key of epoch " + std::to_string(chunk.epoch) + " is not held here");
  }
  absl::StatusOr<std::string> plain = OpenChunk(chunk, sealed, key->second);
  if (!plain.ok()) return damaged(std::string(plain.status().message()));
  return plain;
}

Store::Usage Store::usage() const {
  const ChunkStore::Counts counts = state_->chunks->counts();
  const std::lock_guard lock(state_->mutex);
  return {.own_ops = state_->own_ops,
          .durable_ops = state_->durable_ops,
          .frames = state_->other_frames + state_->own_end.frames,
          .feed_bytes = state_->other_bytes + state_->own_end.bytes,
          .chunks = counts.chunks,
          .chunk_bytes = counts.bytes,
          .read_only = !state_->failure.ok(),
          .last_error = state_->last_error};
}

absl::StatusOr<Store::Verification> Store::Verify() {
  const ChunkStore::End chunks_end = state_->chunks->end();
  FeedEnd own_end;
  {
    const std::lock_guard lock(state_->mutex);
    own_end = state_->own_end;
  }
  Verification result;
  COPSE_RETURN_IF_ERROR(VerifyFeeds(state_->environment.storage, state_->layout, state_->identity, own_end, result));
  COPSE_ASSIGN_OR_RETURN(result.chunks, state_->chunks->Verify(chunks_end, result.problems));
  return result;
}

}  // namespace copse::replica
