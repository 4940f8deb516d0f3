#pragma once

#include <copse/replica/store.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chunk_store.h"
#include "feed.h"
#include "intake.h"
#include "layout.h"
#include "members.h"
#include "own_feed.h"
#include "replay.h"
#include "session_host.h"
#include "stability.h"

namespace copse::replica {

/// What the parts of the store share.
///
/// Locks, in the order in which they are taken; each may be taken without those before it:
///   1. admission_mutex  one admission at a time
///   2. intake_mutex     what waits to be applied; held while the receiver applies
///   3. feeds_mutex      which feeds and members there are
///   4. mutex            what is to be written; never held over disk I/O
struct Store::State : std::enable_shared_from_this<Store::State>, SessionHost {
  State(Environment environment_in, const std::string& path, const Options& options_in)
      : environment(environment_in), layout(path), options(options_in) {}

  // store.cc
  absl::Status Open(const Replayer& replayer);
  absl::Status OpenFeeds(const Replayer& replayer, std::vector<std::unique_ptr<FeedReader>>& readers);
  absl::Status TakeReplayed(ReplayResult replayed);
  crdt::Timestamp StableTime();
  static constexpr std::uint64_t kNoClock = std::numeric_limits<std::uint64_t>::max();
  /// What is stable at most as long as own `ops` are not durable, and no frame bears the grants whose clock will be
  /// `clock` (kNoClock: there are none). All that is made by these ops' author, and by those whom it lets in, is later.
  static std::uint64_t StableMaxWhileWriting(std::span<const crdt::Op> ops, std::uint64_t clock);
  /// The clock of the frame that let `actor` in, above which all that it writes lies; 0 of who made the volume.
  /// Errors: kNotFound it is no member here; the disk's, as kInternal.
  absl::StatusOr<std::uint64_t> ClockAtGrant(crdt::ActorId actor);
  /// Whether a replica with this clock holds what the frame that let it in builds on. Until then it is silent.
  bool MayAcknowledge(std::uint64_t clock);
  Intake::Host IntakeHost();
  absl::Status Append(std::span<const crdt::Op> batch);
  absl::Status Sync();
  void Close();
  absl::Status CheckWritable() const;
  void Fail(const absl::Status& status);
  absl::StatusOr<std::string> Get(const base::ChunkRef& chunk);
  /// Makes `new_grants` part of the own feed; durable when it returns. To be called with
  /// admission_mutex held. Errors: kResourceExhausted the disk is full, and they never will be; those of Sync.
  absl::Status WriteGrants(std::vector<Grant> new_grants);

  // store_snapshots.cc
  using Readers = std::vector<std::unique_ptr<FeedReader>>;
  /// Readers of all feeds, from the beginning.
  absl::StatusOr<Readers> OpenReaders();
  /// Uses the newest snapshot that fits: returns what it covers, with readers that go on behind it.
  absl::StatusOr<Dependencies> RestoreSnapshot(Readers& readers);
  absl::Status RestoreFrom(const std::string& path, Readers& readers, Dependencies& covered);
  absl::Status WriteSnapshot(const crdt::VersionVector& version, const std::vector<std::string>& parts);

  // store_exchange.cc
  std::vector<FeedHead> Heads() override;
  bool IsMember(crdt::ActorId actor) override;
  absl::StatusOr<std::vector<std::string>> ReadFrames(crdt::ActorId actor, std::uint64_t first,
                                                      std::size_t bytes_max) override;
  absl::StatusOr<base::Hash> FrameHash(crdt::ActorId actor, std::uint64_t frame) override;
  absl::Status AddFrames(crdt::ActorId actor, std::uint64_t first, std::span<const std::string> frames) override;
  absl::StatusOr<std::string> ReadChunk(const base::Hash& id) override;
  void OnChunk(const base::Hash& id, absl::StatusOr<std::string> sealed) override;
  std::uint64_t ChunksMissing() override;
  absl::StatusOr<std::string> Admit(const std::string& peer_key, std::string_view secret,
                                    const std::string& label) override;
  absl::Status StoreFrames(crdt::ActorId actor, const std::string& author_key, std::uint64_t first,
                           std::span<const std::string> frames);
  absl::Status StoreChunk(const base::Hash& id, std::string_view sealed);
  /// The bytes of the chunk here are not its own: it is wanted like one that never came.
  void OnDamaged(const base::ChunkRef& chunk);
  /// It was damaged, and was put again here.
  void OnMended(const base::Hash& id);
  std::map<crdt::ActorId, std::uint64_t> FrameCounts();
  /// Has what was fetched made durable, if nothing is missing any more.
  void SyncFetched();
  void TellOfChange();
  void TellOfWanted(const std::vector<base::Hash>& ids);
  /// Has all that is wanted asked for again: the disk had no room for some of it, and whoever fetched that takes it for
  /// done.
  void WantChunksLater();
  Feed* FindFeed(crdt::ActorId actor);
  absl::StatusOr<Feed*> FeedToWrite(crdt::ActorId actor);
  /// Applies what may be applied now, and sees to it that this happens again when something has waited long enough.
  void RunIntake();

  Environment environment;
  const Layout layout;
  const Options options;
  Identity identity;
  std::unique_ptr<ChunkStore> chunks;
  std::optional<OwnFeed> own_feed;  // Used by the leader alone.

  std::mutex admission_mutex;

  mutable std::mutex intake_mutex;  // Guards:
  std::unique_ptr<Intake> intake;
  Replayer receiver;
  ChunkStore::End fetched_end;              // Behind the last chunk that a peer sent.
  base::Executor::WorkId intake_timer = 0;  // 0: none.
  base::Executor::WorkId want_timer = 0;    // 0: none.

  mutable std::mutex feeds_mutex;                        // Guards:
  std::map<crdt::ActorId, std::unique_ptr<Feed>> feeds;  // A feed, once there, stays.
  std::optional<Members> members;
  std::map<crdt::ActorId, std::vector<GrantRecord>> grants;  // All, in the order of each feed.

  std::mutex snapshot_mutex;       // One at a time.
  std::uint64_t snapshot_ops = 0;  // Set by Open, as is notes.
  std::vector<std::string> notes;

  mutable std::mutex mutex;  // Guards all below.
  std::condition_variable round_ended;
  std::unique_ptr<base::StorageLock> storage_lock;
  std::vector<crdt::Op> pending;
  std::vector<Grant> pending_grants;           // Of one WriteGrants.
  std::optional<absl::Status> grants_written;  // How the round went that took them.
  bool is_acknowledgement_due = false;
  bool is_chunk_sync_due = false;       // Of all that was missing, the last came.
  Dependencies known;                   // Applied, or about to be.
  Stability stability;                  // Of what has been applied and, of own ops, is durable.
  std::uint64_t stable_max = kNoClock;  // While ops and grants are being written.
  std::uint64_t own_ops = 0;            // Appended, durable or not.
  std::uint64_t durable_ops = 0;        // Of these, in a synced frame.
  std::uint64_t frame_border = 0;       // Of own ops: see EndFrameHere.
  bool is_leader_active = false;
  bool is_connected = false;
  bool is_closed = false;
  base::Executor::WorkId scheduled_sync = 0;             // 0: none.
  base::Executor::WorkId scheduled_acknowledgement = 0;  // 0: none.
  absl::Status failure;                                  // Once not OK, nothing more is written.
  std::string last_error;
  ExchangeEvents events;
  Addresses addresses;

 private:
  /// What is written at once, taken at one moment.
  struct Round {
    std::vector<crdt::Op> ops;
    std::vector<Grant> grants_to_write;  // Empty once they are in a frame.
    std::uint64_t border = 0;
    bool acknowledges = false;
    Dependencies known;
    std::uint64_t clock = 0;
  };
  bool IsDurable(std::uint64_t ops, const ChunkStore::End& chunks_end) const;
  absl::Status LeadSync(std::unique_lock<std::mutex>& lock);
  absl::Status WriteRound(Round& round, std::vector<FrameHeader>& written);
  void ScheduleSync();
  void RunScheduledSync();
  /// With the lock held.
  void ScheduleAcknowledgement();
  void RunScheduledAcknowledgement();
};

}  // namespace copse::replica
