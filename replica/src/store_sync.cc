// How own ops become durable.
//
// Group commit: Append only copies into `pending`. Whoever calls Sync while nobody writes becomes the leader, takes all
// that is pending, and writes it without the lock: first the packs, then the ops as frames, since a frame on disk must
// never name a chunk that is not. Others wait and, where the leader began before their ops came, lead the next round.

#include <copse/base/check.h>
#include <copse/base/status_macros.h>

#include <iterator>
#include <utility>

#include "store_state.h"
#include "write_error.h"

namespace copse::replica {

absl::Status Store::State::CheckWritable() const {
  if (failure.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(layout.store + " went read-only: " + last_error);
}

void Store::State::Fail(const absl::Status& status) {
  last_error = std::string(status.message());
  if (!MayPass(status)) failure = status;
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
      is_connected ? options.sync_delay_connected : options.sync_delay_max);
}

void Store::State::RunScheduledSync() {
  bool covers_fetched = false;
  {
    const std::lock_guard lock(mutex);
    scheduled_sync = 0;
    if (is_closed) return;
    covers_fetched = std::exchange(is_chunk_sync_due, false);
  }
  const bool synced = Sync().ok();  // An error is kept in last_error, and in what the next caller of Sync is told.
  if (synced && covers_fetched) TellOfChange();
  const std::lock_guard lock(mutex);
  is_chunk_sync_due |= covers_fetched && !synced;
  // The disk was full: perhaps it is not for ever.
  if (failure.ok() && (!pending.empty() || is_chunk_sync_due)) ScheduleSync();
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

absl::Status Store::State::WriteGrants(std::vector<Grant> new_grants) {
  std::unique_lock lock(mutex);
  pending_grants = std::move(new_grants);
  grants_written.reset();
  while (!grants_written) {
    absl::Status status = failure;
    if (status.ok() && is_closed) status = absl::FailedPreconditionError(layout.store + " is closed");
    if (!status.ok() && !pending_grants.empty()) {
      pending_grants.clear();
      return status;
    }
    if (is_leader_active) {
      round_ended.wait(lock);
    } else {
      LeadSync(lock).IgnoreError();
    }
  }
  return *grants_written;
}

absl::Status Store::State::WriteRound(Round& round, std::vector<FrameHeader>& written) {
  // The chunks that these ops may name were put before them, so this covers them.
  COPSE_RETURN_IF_ERROR(chunks->Sync());
  if (round.ops.empty() && round.grants_to_write.empty()) {
    const bool acknowledges = round.acknowledges && MayAcknowledge(round.clock);
    return acknowledges ? own_feed->Acknowledge(round.known, round.clock, written) : absl::OkStatus();
  }
  std::vector<Grant> to_write = round.grants_to_write;
  const bool is_founder = identity.signing_public == identity.founder;
  if (is_founder && FindFeed(identity.actor)->end().frames == 0) {
    to_write.insert(to_write.begin(),
                    {identity.signing_public, Role::kAdmin, identity.actor, identity.actor_range_end, identity.label});
  }
  const absl::Status status =
      own_feed->Write(round.ops, std::move(to_write), round.known, round.border, round.clock, written);
  // Also where the disk became full behind them: others will read these grants, and nobody else may get their actors.
  if (!written.empty()) round.grants_to_write.clear();
  const std::lock_guard lock(feeds_mutex);
  for (const FrameHeader& header : written) {
    for (const Grant& grant : header.grants) {
      members->Add(identity.actor, grant);
      grants[identity.actor].push_back({header.number, grant});
    }
  }
  return status;
}

absl::Status Store::State::LeadSync(std::unique_lock<std::mutex>& lock) {
  is_leader_active = true;
  // The clock counts only for a frame without ops, so only where nothing is pending: then the own ops up to it are in
  // frames already, since what others' ops raise it to has been applied.
  Round round{std::exchange(pending, {}),
              std::exchange(pending_grants, {}),
              frame_border,
              std::exchange(is_acknowledgement_due, false),
              known,
              stability.clock()};
  const bool bears_grants = !round.grants_to_write.empty();
  // A grant goes with the first of the ops, whose frame's clock may be behind what has come since they were made.
  stable_max = StableMaxWhileWriting(round.ops, bears_grants ? round.clock : kNoClock);
  lock.unlock();
  std::vector<FrameHeader> written;
  absl::Status status = WriteRound(round, written);
  const bool has_news = status.ok() && !written.empty();
  lock.lock();
  is_leader_active = false;
  std::ptrdiff_t ops_written = 0;
  for (const FrameHeader& header : written) {
    stability.NoteFrame(header);
    ops_written += header.op_count;
  }
  stable_max = kNoClock;
  durable_ops += static_cast<std::uint64_t>(ops_written);
  pending.insert(pending.begin(), std::make_move_iterator(round.ops.begin() + ops_written),
                 std::make_move_iterator(round.ops.end()));
  // Whoever waits for them may not be the one who led, and must not take a round that failed for its own success.
  if (bears_grants) {
    const bool are_written = round.grants_to_write.empty();
    // A copy that shares nothing: TSan does not see how the library counts who has a status.
    grants_written = are_written ? absl::OkStatus() : absl::Status(status.code(), status.message());
  }
  if (status.ok()) {
    last_error.clear();
  } else {
    Fail(status);
  }
  round_ended.notify_all();
  if (has_news) {
    lock.unlock();
    TellOfChange();
    lock.lock();
  }
  return status;
}

void Store::State::Close() {
  const bool synced = Sync().ok();
  if (synced) chunks->Close().IgnoreError();  // Only saves the next Open a scan.
  base::Executor::WorkId scheduled = 0;
  base::Executor::WorkId acknowledging = 0;
  base::Executor::WorkId timer = 0;
  base::Executor::WorkId wanting = 0;
  {
    const std::lock_guard intake_lock(intake_mutex);
    timer = std::exchange(intake_timer, 0);
    wanting = std::exchange(want_timer, 0);
    receiver = nullptr;
  }
  {
    std::unique_lock lock(mutex);
    round_ended.wait(lock, [this] { return !is_leader_active; });
    is_closed = true;
    scheduled = std::exchange(scheduled_sync, 0);
    acknowledging = std::exchange(scheduled_acknowledgement, 0);
    storage_lock.reset();
  }
  if (scheduled != 0) environment.executor.Cancel(scheduled);
  if (acknowledging != 0) environment.executor.Cancel(acknowledging);
  if (timer != 0) environment.executor.Cancel(timer);
  if (wanting != 0) environment.executor.Cancel(wanting);
}

}  // namespace copse::replica
