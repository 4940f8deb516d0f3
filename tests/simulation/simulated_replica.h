#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/memory_storage.h>
#include <copse/base/random.h>
#include <copse/fs/volume.h>
#include <copse/replica/store.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace copse::simulation {

/// One machine: the real store, tree and volume on a disk, a clock, randomness and an executor that a seed decides.
/// Runs on the caller's thread. Switching off and on again is Crash, then Start.
class SimulatedReplica {
 public:
  explicit SimulatedReplica(std::uint64_t seed);
  ~SimulatedReplica();

  /// Makes the volume. Once.
  absl::Status Create();
  /// Opens the store, replays it, recovers staging.
  absl::Status Start();
  /// Ends the process as a power cut does; of what was not synced the disk keeps what `keep` and the seed say.
  void Crash(base::MemoryStorage::Keep keep, std::uint64_t seed);
  /// Ends the process in order.
  absl::Status Stop();

  /// Lets time pass, and what became due happen.
  void Pass(std::chrono::milliseconds time);

  fs::Volume& volume();
  replica::Store& store();
  base::MemoryStorage& disk() { return disk_; }
  /// Lines about staged contents that could not be recovered.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Process;

  base::MemoryStorage disk_;
  base::ManualClock clock_;
  base::SeededRandom random_;
  std::unique_ptr<Process> process_;
  std::vector<std::string> notes_;
};

}  // namespace copse::simulation
