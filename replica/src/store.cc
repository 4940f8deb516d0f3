// Opening, and what a store is asked for when it is open.

#include <copse/base/status_macros.h>
#include <copse/replica/repair.h>
#include <copse/replica/store.h>

#include <utility>

#include "address_book.h"
#include "chunk_seal.h"
#include "feed_keys.h"
#include "replay.h"
#include "store_state.h"
#include "verify.h"

namespace copse::replica {

absl::Status Store::State::OpenFeeds(const Replayer& replayer, std::vector<std::unique_ptr<FeedReader>>& readers) {
  COPSE_ASSIGN_OR_RETURN(const Dependencies covered, RestoreSnapshot(readers));
  const OpenItem open = [this](const FeedItem& item) -> absl::StatusOr<std::vector<crdt::Op>> {
    absl::StatusOr<std::vector<crdt::Op>> ops = OpenFrameWith(identity, item.frame);
    if (!ops.ok()) return At(item, ops.status());
    return ops;
  };
  const ReplayFrame apply = [&](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
    if (actor != identity.actor) intake->AddApplied(ops);
    return replayer(actor, first, ops);
  };
  COPSE_ASSIGN_OR_RETURN(ReplayResult replayed, ReplayFeeds(readers, identity.actor, open, apply, covered, stability));
  COPSE_RETURN_IF_ERROR(TakeReplayed(std::move(replayed)));
  for (const std::unique_ptr<FeedReader>& reader : readers) {
    const crdt::ActorId actor = reader->actor();
    if (actor == identity.actor) own_ops = durable_ops = reader->end().ops;
    feeds[actor] = std::make_unique<Feed>(environment.storage, layout.feed(actor), identity.volume, actor,
                                          options.segment_bytes_max, reader->end(), std::move(*reader).TakeIndex());
  }
  return absl::OkStatus();
}

absl::Status Store::State::TakeReplayed(ReplayResult replayed) {
  members.emplace(identity.founder);
  for (auto& [actor, records] : replayed.grants) {
    grants[actor].insert(grants[actor].end(), records.begin(), records.end());
  }
  std::map<crdt::ActorId, std::vector<Grant>> all;
  for (const auto& [actor, records] : grants) {
    for (const GrantRecord& record : records) all[actor].push_back(record.grant);
  }
  members->AddAll(all);
  for (const std::unique_ptr<FeedItem>& item : replayed.newest) {
    COPSE_RETURN_IF_ERROR(At(*item, VerifyAuthor(*members, item->frame, environment.signatures)));
  }
  known = replayed.known;
  stability = std::move(replayed.stability);
  intake->Begin(known);
  for (const auto& [actor, why] : replayed.refused) intake->Refuse(actor, why);
  for (const std::unique_ptr<FeedItem>& item : replayed.waiting) {
    absl::StatusOr<std::vector<crdt::Op>> ops = OpenFrameWith(identity, item->frame);
    if (!ops.ok()) return At(*item, ops.status());
    intake->Add(item->frame.header, item->hash, item->frame.bytes.size(), *std::move(ops));
  }
  return absl::OkStatus();
}

absl::Status Store::State::Open(const Replayer& replayer) {
  base::Storage& storage = environment.storage;
  COPSE_RETURN_IF_ERROR(CheckFormat(storage, layout).status());  // Or a lock would be left where no store is.
  COPSE_ASSIGN_OR_RETURN(storage_lock, storage.Lock(layout.lock()));
  COPSE_ASSIGN_OR_RETURN(identity, CheckStore(storage, layout));
  for (const std::string& part : {layout.feeds(), layout.feed(identity.actor), layout.chunks()}) {
    if (absl::IsNotFound(storage.Stat(part).status())) {
      return absl::DataLossError(part + " is missing; restore it from a copy");
    }
  }
  if (!options.allow_joining && storage.Stat(layout.joining()).ok()) {
    return absl::FailedPreconditionError(
        layout.store + " has not joined its volume to the end; run again: copse join " + layout.store + " INVITATION");
  }
  COPSE_ASSIGN_OR_RETURN(addresses, ReadAddresses(storage, layout.addresses()));
  COPSE_ASSIGN_OR_RETURN(chunks, ChunkStore::Open(storage, layout.chunks(), identity.volume, options.pack_bytes_max));
  intake = std::make_unique<Intake>(environment.clock, options.namer, IntakeHost());
  std::vector<std::unique_ptr<FeedReader>> readers;
  {
    const std::lock_guard lock(intake_mutex);  // What is found damaged is wanted by work that runs beside this.
    const absl::Status opened = OpenFeeds(replayer, readers);
    // Whatever came of it; it may be that frames are not signed by a member, whose grant is lost.
    const auto damage = opened.ok() ? std::nullopt : Repair::FirstDamage(environment.storage, layout.store);
    if (damage) return absl::DataLossError(*damage + "; run: copse repair " + layout.store);
    COPSE_RETURN_IF_ERROR(opened);
  }
  Dependencies stated;
  // Only now, with everything found sound, is anything changed.
  for (const std::unique_ptr<FeedReader>& reader : readers) {
    if (reader->actor() == identity.actor) stated = reader->dependencies();
    COPSE_RETURN_IF_ERROR(reader->Repair());
  }
  own_feed.emplace(identity, environment.clock, environment.random, environment.signatures, *feeds.at(identity.actor),
                   std::move(stated), options.frame_bytes_max);
  COPSE_RETURN_IF_ERROR(chunks->Repair());
  const std::lock_guard lock(mutex);
  if (!options.allow_joining && own_feed->HasToAcknowledge(known)) ScheduleAcknowledgement();
  return absl::OkStatus();
}

absl::StatusOr<std::string> Store::State::Get(const base::ChunkRef& chunk) {
  COPSE_ASSIGN_OR_RETURN(const std::string sealed, chunks->Read(chunk.id));
  const auto damaged = [&](const std::string& what) {
    return absl::DataLossError(chunks->PlaceOf(chunk.id) + ": chunk " + base::Hex(base::AsBytes(chunk.id)) + ": " +
                               what);
  };
  const auto key = identity.epoch_keys.find(chunk.epoch);
  if (key == identity.epoch_keys.end()) {
    return damaged("the key of epoch " + std::to_string(chunk.epoch) + " is not held here");
  }
  absl::StatusOr<std::string> plain = OpenChunk(chunk, sealed, key->second);
  if (plain.ok()) return plain;
  // Or whoever named it was wrong, and no other copy will do.
  if (base::Sha256(sealed) != chunk.id) OnDamaged(chunk);
  return damaged(std::string(plain.status().message()));
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
  const absl::StatusOr<ChunkStore::Added> added = state_->chunks->Add(entry, chunk.bytes);
  if (!added.ok()) {
    const std::lock_guard lock(state_->mutex);
    state_->Fail(added.status());
    return added.status();
  }
  if (*added == ChunkStore::Added::kInPlaceOfDamaged) state_->OnMended(chunk.ref.id);
  return chunk.ref;
}

absl::StatusOr<std::string> Store::Get(const base::ChunkRef& chunk) { return state_->Get(chunk); }

crdt::Timestamp Store::StableTime() const { return state_->StableTime(); }

Store::Usage Store::usage() const {
  Usage usage;
  {
    const std::lock_guard lock(state_->intake_mutex);
    usage.chunks_missing = state_->intake->chunks_missing();
    usage.chunk_bytes_missing = state_->intake->bytes_missing();
    for (const auto& [actor, why] : state_->intake->refused()) {
      usage.refused_feeds.push_back("ops of actor " + std::to_string(actor) + " are kept and not applied: " + why);
    }
  }
  {
    const std::lock_guard lock(state_->feeds_mutex);
    for (const auto& [actor, feed] : state_->feeds) {
      const FeedEnd end = feed->end();
      usage.frames += end.frames;
      usage.feed_bytes += end.bytes;
    }
  }
  const ChunkStore::Counts counts = state_->chunks->counts();
  usage.chunks = counts.chunks;
  usage.chunk_bytes = counts.bytes;
  const std::lock_guard lock(state_->mutex);
  usage.own_ops = state_->own_ops;
  usage.durable_ops = state_->durable_ops;
  usage.read_only = !state_->failure.ok();
  usage.last_error = state_->last_error;
  return usage;
}

absl::StatusOr<Store::Verification> Store::Verify() {
  const ChunkStore::End chunks_end = state_->chunks->end();
  std::map<crdt::ActorId, FeedEnd> ends;
  std::optional<Members> members;
  {
    const std::lock_guard lock(state_->feeds_mutex);
    members = state_->members;
    for (const auto& [actor, feed] : state_->feeds) ends[actor] = feed->end();
  }
  Verification result;
  COPSE_RETURN_IF_ERROR(VerifyFeeds(state_->environment, state_->layout, state_->identity, *members, ends, result));
  COPSE_ASSIGN_OR_RETURN(const ChunkStore::Verified chunks, state_->chunks->Verify(chunks_end, result.problems));
  result.chunks = chunks.sound;
  for (const PackEntry& entry : chunks.damaged) state_->OnDamaged(RefOf(entry));
  result.chunks_missing = usage().chunks_missing;
  return result;
}

}  // namespace copse::replica
