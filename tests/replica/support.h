#pragma once

#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/memory_storage.h>
#include <copse/base/random.h>
#include <copse/crdt/op.h>
#include <copse/replica/store.h>

#include <memory>
#include <string>
#include <vector>

namespace copse::replica {

/// One batch that creates `count` nodes, whose counters begin at `counter`. All ops are of `actor`.
std::vector<crdt::Op> Batch(std::uint64_t counter, std::size_t count = 1, crdt::ActorId actor = 1,
                            std::size_t name_bytes = 8);

/// What a replay handed on.
struct Replayed {
  struct Frame {
    crdt::ActorId actor = 0;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
  };
  std::vector<Frame> frames;
  std::vector<crdt::Op> ops;

  Store::Replayer replayer();
};

/// A machine with a disk in memory, and a store in "/store".
class Machine {
 public:
  explicit Machine(std::uint64_t seed = 1) : random_(seed) {}

  Store::Environment environment() { return {storage_, clock_, random_, executor_}; }
  base::MemoryStorage& storage() { return storage_; }
  base::ManualClock& clock() { return clock_; }
  base::ManualExecutor& executor() { return executor_; }
  Store::Options& options() { return options_; }

  absl::Status Create() { return Store::Create(environment(), kPath, "laptop"); }
  absl::StatusOr<std::unique_ptr<Store>> Open(Replayed* replayed = nullptr);
  /// Creates and opens; the test fails where that does.
  std::unique_ptr<Store> New();
  /// The ops that opening now replays, or the error.
  absl::StatusOr<std::vector<crdt::Op>> Reopened();
  /// The paths of all files below `directory`, sorted.
  std::vector<std::string> Files(const std::string& directory);
  /// All files with their contents.
  std::map<std::string, std::string> Image();
  std::string Read(const std::string& path);

  static inline const std::string kPath = "/store";
  static inline const std::string kFeed = "/store/feeds/0001";
  static inline const std::string kSegment = "/store/feeds/0001/0000000000000000.segment";
  static inline const std::string kPack = "/store/chunks/00000000.pack";

 private:
  base::MemoryStorage storage_;
  base::ManualClock clock_;
  base::SeededRandom random_;
  base::ManualExecutor executor_{[this] { return clock_.Monotonic(); }};
  Store::Options options_;
};

}  // namespace copse::replica
