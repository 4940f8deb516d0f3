#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/memory_storage.h>
#include <copse/base/random.h>
#include <copse/fs/volume.h>
#include <copse/replica/exchange.h>
#include <copse/replica/repair.h>
#include <copse/replica/store.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "simulation/crypto.h"
#include "simulation/event_queue.h"
#include "simulation/simulated_network.h"

namespace copse::simulation {

/// A machine's wall clock beside the world's time: may jump and stick, which changes nothing but the times shown.
class WallClock final : public base::Clock {
 public:
  explicit WallClock(const EventQueue& queue) : queue_(queue) {}
  base::UnixNanoseconds Now() override { return is_stuck_ ? stuck_at_ : offset_ + queue_.now().count(); }
  std::chrono::nanoseconds Monotonic() override { return queue_.now(); }
  void Jump(std::chrono::nanoseconds by) {
    offset_ += by.count();
    stuck_at_ += by.count();
  }
  void Stick(bool is_stuck) {
    stuck_at_ = Now();
    is_stuck_ = is_stuck;
  }

 private:
  const EventQueue& queue_;
  std::int64_t offset_ = 1'700'000'000'000'000'000;
  bool is_stuck_ = false;
  base::UnixNanoseconds stuck_at_ = 0;
};

/// What a machine tells whoever checks on it, as it happens.
class MachineObserver {
 public:
  virtual ~MachineObserver() = default;
  /// A batch of own ops was taken by the journal.
  virtual void OnSubmitted(int machine, std::span<const crdt::Op> batch) = 0;
  /// Ops read from the disk while the store opens; perhaps some that the snapshot had which it began with.
  virtual void OnReplayed(int machine, crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) = 0;
  /// The store is open, and the tree holds what was on the disk; there is no volume yet.
  virtual void OnOpened(int machine) = 0;
  /// Ops of another replica arrived and are shown.
  virtual void OnReceived(int machine, crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) = 0;
  /// The process was at writing a snapshot, which ended so.
  virtual void OnSnapshot(int machine, const absl::Status& written) = 0;
};

/// One machine: the real store, tree, volume and exchange, wired as the program wires them, on a disk, a clock, a
/// network, randomness and executors that a seed decides.
class Machine {
 public:
  static constexpr char kStore[] = "/store";

  /// Machine `number` with a disk of its own; all else must outlive it.
  Machine(int number, std::unique_ptr<base::MemoryStorage> disk, EventQueue& queue, SimulatedNetwork& network,
          const Crypto& crypto, MachineObserver& observer, std::uint64_t seed);
  ~Machine();

  int number() const { return number_; }
  std::string endpoint() const { return "m" + std::to_string(number_) + ":1"; }

  /// From the next start on the process looks for whether a snapshot is due each `pause`; 0: it writes none. What lies
  /// on the disk is always used.
  void WriteSnapshotsEach(std::chrono::nanoseconds pause) { snapshot_pause_ = pause; }

  /// Opens the store, replays it, recovers staging, listens, and dials `peers`.
  absl::Status Start(const std::vector<std::string>& peers, bool joining = false);
  bool is_on() const { return process_ != nullptr; }
  /// Ends the process at once: by a power cut, of which the disk keeps what `keep` and the seed say of what was not
  /// synced; or killed, where the disk goes on (`keep` is kEverything).
  void Crash(base::MemoryStorage::Keep keep, std::uint64_t seed);
  /// Ends the process in order.
  absl::Status Stop();
  /// While it is off: lets others bring what the disk has lost of the log, until EndRepair.
  absl::Status BeginRepair(const std::vector<std::string>& peers);
  /// Only in between.
  replica::Repair::Findings repair_findings() const;
  /// Writes what has come, if that is all that was lost.
  absl::Status EndRepair();
  /// SIGSTOP, until `time`.
  void StopUntil(Time time);
  bool is_stopped() const;

  base::MemoryStorage& disk() { return *disk_; }
  /// A copy of what is durable on it.
  std::unique_ptr<base::MemoryStorage> DurableImage() const;
  /// Only while it is off.
  void SetDisk(std::unique_ptr<base::MemoryStorage> disk) { disk_ = std::move(disk); }
  WallClock& clock() { return clock_; }
  base::Random& random() { return random_; }
  base::Executor& executor();

  // Only while it is on.
  fs::Volume& volume();
  replica::Store& store();
  crdt::TreeReplica& tree();
  std::vector<replica::PeerStatus> peers() const;
  /// Lines about staged contents that could not be recovered.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Process;
  struct Repairing;
  absl::Status StartProcess(const std::vector<std::string>& peers, bool joining);

  const int number_;
  std::unique_ptr<base::MemoryStorage> disk_;
  EventQueue& queue_;
  SimulatedNetwork& network_;
  const Crypto& crypto_;
  MachineObserver& observer_;
  WallClock clock_;
  base::SeededRandom random_;
  std::chrono::nanoseconds snapshot_pause_{0};
  std::mt19937_64 snapshot_delays_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<Repairing> repairing_;
  std::vector<std::string> notes_;
};

}  // namespace copse::simulation
