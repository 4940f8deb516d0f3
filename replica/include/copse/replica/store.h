#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/content_store.h>
#include <copse/base/executor.h>
#include <copse/base/random.h>
#include <copse/base/storage.h>
#include <copse/crdt/journal.h>
#include <copse/crdt/op.h>
#include <copse/replica/identity.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace copse::replica {

/// The number in STORE/format. Rises with each change of any format until docs/format declares them stable.
inline constexpr std::uint32_t kStoreFormat = 1;

/// One replica on disk: its identity, the feeds of all actors, and the chunks. docs/format/store.md.
///
///     STORE/ format, identity, lock, feeds/, chunks/, staging/ (the inode layer's), log, control
///
/// It is the journal of the tree and the content store of the inode layer. Ops appended are gathered, and become one
/// signed, sealed frame of the own feed at the next Sync, or one second after the first of them; the chunks that they
/// may name are made durable before the frame. Thread-safe.
class Store final : public crdt::Journal, public base::ContentStore {
 public:
  struct Environment {
    base::Storage& storage;
    base::Clock& clock;
    base::Random& random;
    base::Executor& executor;
  };
  struct Options {
    std::chrono::milliseconds sync_delay_max{1000};  ///< Longest time an op stays in memory only.
    std::uint64_t segment_bytes_max = 64 << 20;      ///< A longer segment of a feed is closed.
    std::uint64_t pack_bytes_max = 256 << 20;        ///< A longer pack is closed.
    std::uint32_t frame_bytes_max = 1 << 20;         ///< Ops in one frame, unless one batch alone is longer.
  };
  struct Usage {
    std::uint64_t own_ops = 0;      ///< Ops of this replica's feed, durable or not.
    std::uint64_t durable_ops = 0;  ///< Of these, in a synced frame.
    std::uint64_t frames = 0;       ///< In all feeds.
    std::uint64_t feed_bytes = 0;
    std::uint64_t chunks = 0;
    std::uint64_t chunk_bytes = 0;  ///< On disk.
    bool read_only = false;         ///< A sync failed: nothing more is taken.
    std::string last_error;         ///< Empty if none.
  };
  /// What Verify found; `problems` is empty for a sound store, else a line each that names file and offset.
  struct Verification {
    std::uint64_t frames = 0;
    std::uint64_t ops = 0;
    std::uint64_t chunks = 0;
    std::vector<std::string> problems;
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
  ///   kFailedPrecondition  another format number
  ///   kDataLoss            damage that is not a torn tail, with file and offset; nothing is changed
  static absl::StatusOr<std::unique_ptr<Store>> Open(Environment environment, const std::string& path,
                                                     const Options& options, const Replayer& replayer);

  /// Syncs, and lets go of the lock.
  ~Store() override;

  const std::string& path() const;
  const Identity& identity() const;

  absl::Status Append(std::span<const crdt::Op> batch) override;
  absl::Status Sync() override;

  absl::StatusOr<base::ChunkRef> Put(std::string_view plain) override;
  absl::StatusOr<std::string> Get(const base::ChunkRef& chunk) override;

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
