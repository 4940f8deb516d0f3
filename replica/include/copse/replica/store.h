#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/content_store.h>
#include <copse/base/executor.h>
#include <copse/base/random.h>
#include <copse/base/storage.h>
#include <copse/crdt/image.h>
#include <copse/crdt/journal.h>
#include <copse/crdt/op.h>
#include <copse/crdt/version_vector.h>
#include <copse/replica/identity.h>
#include <copse/replica/invitation.h>
#include <copse/replica/member.h>
#include <copse/replica/signature_scheme.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace copse::replica {

/// The number in STORE/format. Rises with each change of any format until docs/format declares them stable.
inline constexpr std::uint32_t kStoreFormat = 2;

class SessionHost;

/// Which contents ops name: what the layer that knows the ops' registers tells this one. The functions are called from
/// any thread.
struct ContentNamer {
  /// What `op` names by itself.
  std::function<std::vector<base::NamedContent>(const crdt::Op& op)> named_by_op = [](const crdt::Op&) {
    return std::vector<base::NamedContent>();
  };
  /// What the page `plain`, itself named with `level`, names in turn. An error: it is no page, and names nothing.
  std::function<absl::StatusOr<std::vector<base::NamedContent>>(std::uint8_t level, std::string_view plain)>
      named_by_page = [](std::uint8_t, std::string_view) { return std::vector<base::NamedContent>(); };
};

/// One replica on disk: its identity, the feeds of all actors, and the chunks. docs/format/store.md.
///
///     STORE/ format, identity, lock, feeds/, chunks/, snapshots/, invitations, addresses, staging/ (the inode
///     layer's), log, control
///
/// It is the journal of the tree and the content store of the inode layer. Ops appended are gathered, and become one
/// signed, sealed frame of the own feed at the next Sync, or one second after the first of them; the chunks that they
/// may name are made durable before the frame. A store that has nothing to say acknowledges what it has stored of
/// others with a frame without ops, at most one a minute. Frames of others come in through an Exchange: they are
/// verified, stored, and then handed to the receiver in causal order. Thread-safe.
class Store final : public crdt::Journal, public base::ContentStore {
 public:
  struct Environment {
    base::Storage& storage;
    base::Clock& clock;
    base::Random& random;
    base::Executor& executor;
    const SignatureScheme& signatures = Ed25519();
  };
  struct Options {
    std::chrono::milliseconds sync_delay_max{1000};  ///< Longest time an op stays in memory only.
    /// The same while an Exchange is connected: others see durable ops only.
    std::chrono::milliseconds sync_delay_connected{2};
    /// How long what is known of others waits for an own frame to say so, before an empty one does.
    std::chrono::milliseconds acknowledgement_delay{60'000};
    std::uint64_t segment_bytes_max = 64 << 20;  ///< A longer segment of a feed is closed.
    std::uint64_t pack_bytes_max = 256 << 20;    ///< A longer pack is closed.
    std::uint32_t frame_bytes_max = 1 << 20;     ///< Ops in one frame, unless one batch alone is longer.
    ContentNamer namer;
    /// Opens a store whose joining has not come to its end, too.
    bool allow_joining = false;
    /// Takes back what WriteSnapshot was given; then the replayer gets only what came after it, and perhaps some ops
    /// that the state has already. An error, whatever it is, means that it has kept nothing; then an older snapshot is
    /// tried, and at last all ops are replayed. Empty: snapshots are not looked at.
    std::function<absl::Status(std::vector<crdt::ImageBuffer> parts)> restorer;
  };
  struct Usage {
    std::uint64_t own_ops = 0;      ///< Ops of this replica's feed, durable or not.
    std::uint64_t durable_ops = 0;  ///< Of these, in a synced frame.
    std::uint64_t frames = 0;       ///< In all feeds.
    std::uint64_t feed_bytes = 0;
    std::uint64_t chunks = 0;
    std::uint64_t chunk_bytes = 0;           ///< On disk.
    std::uint64_t chunks_missing = 0;        ///< Named by ops, and not here yet.
    std::uint64_t chunk_bytes_missing = 0;   ///< Their length, unsealed.
    std::vector<std::string> refused_feeds;  ///< A line for each feed that is stored and not applied, and why.
    bool read_only = false;                  ///< A sync failed: nothing more is taken.
    std::string last_error;                  ///< Empty if none.
  };
  /// What Verify found; `problems` is empty for a sound store, else a line each that names file and offset.
  struct Verification {
    std::uint64_t frames = 0;
    std::uint64_t ops = 0;
    std::uint64_t chunks = 0;
    /// Named by ops, and not here yet: no problem, unless no other replica has them.
    std::uint64_t chunks_missing = 0;
    std::vector<std::string> problems;
    /// Grants in the feeds that make nobody a member, a line each: no damage, but no honest admin writes one.
    std::vector<std::string> ineffective_grants;
  };
  /// Receives whole frames of ops in causal order: `first` is the number of the first op within its actor's feed.
  using Replayer = std::function<absl::Status(crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops)>;

  /// Makes a new volume in `path`, which must not exist or be an empty directory; durable when it returns.
  /// Errors: kAlreadyExists there is a store or something else; kInvalidArgument the label.
  static absl::Status Create(Environment environment, const std::string& path, const std::string& label);

  /// Opens for this process alone, recovers a torn tail of the own feed and of the newest pack, and hands every op to
  /// `replayer`. The environment must outlive the store.
  ///
  /// Errors, each one line that says what to do:
  ///   kNotFound            no store there
  ///   kUnavailable         another process has it open
  ///   kPermissionDenied    another user owns it, or its identity is readable by others
  ///   kFailedPrecondition  another format number; or its joining has not come to its end
  ///   kDataLoss            damage that is not a torn tail, with file and offset; nothing is changed
  static absl::StatusOr<std::unique_ptr<Store>> Open(Environment environment, const std::string& path,
                                                     const Options& options, const Replayer& replayer);

  /// Syncs, and lets go of the lock.
  ~Store() override;

  const std::string& path() const;
  const Identity& identity() const;

  /// Where frames of others go from now on, in causal order, each as a whole; before, they wait. `receiver` is called
  /// on the threads that call into the Exchange's side, and must not call the store but as Journal and ContentStore. It
  /// returns kInvalidArgument for ops that it refuses: then that feed is applied no further.
  void set_receiver(Replayer receiver);

  /// The side that exchanges: hands out and takes in frames and chunks. Lives as long as the store.
  SessionHost& exchange_side();
  /// Called on any thread, also from inside calls of the exchange's side: `on_change` when feeds have grown durably or
  /// nothing is missing any more, `on_wanted` with chunks that ops name and that are not here.
  struct ExchangeEvents {
    std::function<void()> on_change;
    std::function<void(const std::vector<base::Hash>& ids)> on_wanted;
  };
  void set_exchange_events(ExchangeEvents events);
  /// Whether anybody is there to be told of ops: they are made durable sooner then.
  void set_connected(bool connected);
  /// How many frames of each feed are durable here.
  std::map<crdt::ActorId, std::uint64_t> frame_counts() const;
  /// Everything that ops name and that is not here, ascending.
  std::vector<base::Hash> MissingChunks() const;

  // Members.
  std::vector<Member> members() const;
  /// Whether `key` is that of a member, or of who let this replica in.
  bool IsWelcome(const std::string& key) const;
  /// The label of the member with `key`; empty if there is none.
  std::string LabelOf(const std::string& key) const;
  /// Makes an invitation, good for one replica and `lifetime`, to be met at `endpoints`.
  /// Errors: kPermissionDenied this replica is no admin; kResourceExhausted it has no actors left to hand out.
  absl::StatusOr<Invitation> Invite(Role role, std::chrono::nanoseconds lifetime, std::vector<std::string> endpoints);

  // Addresses, given once and remembered in STORE/addresses.
  struct Addresses {
    std::vector<std::string> listen;
    std::vector<std::string> peers;

    friend bool operator==(const Addresses&, const Addresses&) = default;
  };
  Addresses addresses() const;
  /// Adds peers that are not there yet; where to listen is replaced unless it is empty. Durable when it returns.
  absl::Status RememberAddresses(const Addresses& addresses);

  // Snapshots: docs/format/snapshot.md. A cache of what replaying would give; whoever deletes it loses time only.
  /// The next frame of the own feed will end with what has been appended by now, so that a state made while nothing is
  /// appended can become a snapshot.
  void EndFrameHere();
  /// Keeps `parts`, at most 15, which stand for the state after exactly `version`'s ops of each actor, for the next
  /// Open. Their number of own ops is that of an EndFrameHere. Syncs first. Durable when it returns; the two newest are
  /// kept. Errors: kFailedPrecondition the ops do not end with a frame; kResourceExhausted the disk is full: nothing
  /// has changed; those of Sync and of the disk.
  absl::Status WriteSnapshot(const crdt::VersionVector& version, const std::vector<std::string>& parts);
  /// Ops that the snapshot which Open used covers; 0 if it used none.
  std::uint64_t snapshot_ops() const;
  /// What Open has to say about snapshots that it did not use, a line each.
  const std::vector<std::string>& notes() const;

  absl::Status Append(std::span<const crdt::Op> batch) override;
  absl::Status Sync() override;

  absl::StatusOr<base::ChunkRef> Put(std::string_view plain) override;
  absl::StatusOr<std::string> Get(const base::ChunkRef& chunk) override;

  /// Up to which time every op that will ever come has been applied and, if it is an own one, is durable: the tree may
  /// forget its history up to there. Before every op while some member has never been heard of, which
  /// whoever is let in has not been for a moment; else it never falls.
  crdt::Timestamp StableTime() const;

  Usage usage() const;

  /// Reads everything again from the disk and proves it: record checksums, frame hashes and signatures, chains, chunk
  /// ids and contents. Goes on after a problem. May run while the store is in use: covers what was there when it began.
  absl::StatusOr<Verification> Verify();

 private:
  struct State;
  explicit Store(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // The delayed sync holds it weakly.
};

}  // namespace copse::replica
