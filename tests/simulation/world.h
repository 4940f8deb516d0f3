#pragma once

#include <absl/status/status.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "simulation/checks.h"
#include "simulation/crypto.h"
#include "simulation/event_queue.h"
#include "simulation/ledger.h"
#include "simulation/machine.h"
#include "simulation/programs.h"
#include "simulation/rubbish.h"
#include "simulation/simulated_network.h"
#include "simulation/simulation.h"
#include "simulation/trace.h"
#include "support/full_replay.h"

namespace copse::simulation {

/// The machines of one run, what befalls them, and what is known of what they must keep.
class World final : public MachineObserver {
 public:
  explicit World(const Trace& trace);
  ~World() override;

  Outcome Run();

 private:
  /// What is known of one replica beside its machine.
  struct Member {
    std::unique_ptr<Programs> programs;  ///< Outlives the machine, whose volume tells it of changes to the end.
    std::unique_ptr<Machine> machine;
    /// What the disk held when the process began, where a snapshot was on it.
    std::unique_ptr<base::MemoryStorage> disk_before;
    std::vector<test::OpRun> replayed;  ///< By the store while it opened.
    crdt::ActorId actor = 0;
    /// What files held when the last process ended, until a next one has recovered them.
    std::vector<ContentLedger::File> left_open;
    bool is_disk_full = false;
    bool has_snapshot = false;               ///< One that was written to the end.
    std::set<std::string> spoilt_snapshots;  ///< Their paths.
    /// In this life the disk has failed, was to fail, or was full.
    bool disk_failed = false;
    /// Its disk was rolled back, cloned or damaged: it need not keep anything, only say so.
    bool is_tainted = false;
    bool has_damaged_chunks = false;             ///< Others have them.
    bool has_lost_frames = false;                ///< The same; of one member at a time.
    bool repair_was_cut = false;                 ///< By a power cut: the log may be mended.
    std::unique_ptr<base::MemoryStorage> image;  ///< Of its disk, taken earlier.
    Time resumed{0};                             ///< It runs without a pause since.
    /// Where a power cut that a step plans keeps what, once it comes.
    base::MemoryStorage::Keep keep = base::MemoryStorage::Keep::kNothing;
    std::uint64_t keep_seed = 0;
  };

  void OnSubmitted(int machine, std::span<const crdt::Op> batch) override;
  void OnReplayed(int machine, crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) override;
  void OnOpened(int machine) override;
  void OnReceived(int machine, crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) override;
  void OnSnapshot(int machine, const absl::Status& written) override;

  // Snapshots: what a start makes of one, with the ops after it, is what all ops make.
  /// Has `member.replayed` be all ops on the disk, whatever a snapshot spared. `shown`: what is made of its tree.
  absl::Status CheckRestored(Member& member, fs::Volume& shown);
  void CheckSnapshotNotes(Member& member);
  void NoteDiskBefore(Member& member);
  void SpoilSnapshot(Member& member, std::uint64_t which);

  void Do(const Step& step);
  /// What befalls machines and lines; false for what it does not know.
  bool Befall(const Step& step, Member& member);
  /// What makes one replica's past another than the others know; false for what it does not know.
  bool Damage(const Step& step, Member& member);
  void DamageChunk(Member& member, std::uint64_t which);
  /// Has the disk lose frames that others have, and the process end.
  void LoseFrames(Member& member, std::uint64_t which);
  /// Lets others bring what was lost; returns whether all has come.
  bool MendLog(Member& member);
  /// Lets events happen until `end`.
  void PassUntil(Time end);
  /// A power cut that came in the middle of the work that has just ended.
  void NoticePowerCuts();

  void Start(Member& member);
  void Crash(Member& member, base::MemoryStorage::Keep keep, std::uint64_t seed);
  void Stop(Member& member);
  /// What a power cut undid on the disk of `member`, in whole or in part.
  void CountUndone(Member& member, const base::MemoryStorage::Counts& before);
  /// What files hold now is what the next process must find, as far as it was fsynced.
  void NoteFilesLeft(Member& member);
  /// Every content whose fsync returned must have been found again.
  void CheckRecovered(Member& member);

  // After the last step.
  void Heal();
  bool HasConverged(std::string& why_not);
  void Converge(const std::string& when);
  void CheckEqual();
  void CheckContents();
  /// P5: who replaces a version has had it.
  void CheckReplacedVersions();
  void CheckNothingIsWritten();
  void CheckRestart();
  /// In place of all these, where some replica is tainted: whoever can go on is sound, shows only what somebody wrote,
  /// and says whom it cannot go on with.
  void CheckTainted();
  void CheckPair(Member& one, Member& other);

  /// All ops that the machine shows.
  std::vector<crdt::Op> OpsShownBy(const Member& member) const;
  /// What these ops should look like; valid until the next call.
  const Expected& ExpectedOf(const Member& member);
  /// The bytes of the version that `op` writes; nothing where it writes none, or they are not at that machine.
  std::optional<std::string> ContentOf(const crdt::Op& op, Member& member);
  std::vector<std::string> PeersOf(int machine) const;
  Member& MemberOf(int machine) { return *members_[static_cast<std::size_t>(machine)]; }
  void Check(const absl::Status& status, const std::string& where);
  bool HasFailed() const { return !outcome_.status.ok(); }

  const Trace& trace_;
  const Crypto& crypto_;
  Outcome outcome_;
  EventQueue queue_;
  SimulatedNetwork network_;
  OpLedger ops_;
  ContentLedger contents_;
  std::vector<ContentLedger::File> ever_left_open_;
  std::map<crdt::Timestamp, std::string> content_of_;
  std::map<base::Hash, std::string> damaged_chunks_;  ///< As they were, sealed.
  std::vector<std::unique_ptr<Member>> members_;
  std::unique_ptr<RubbishPeer> rubbish_;
  bool is_tainted_ = false;
  bool is_healing_ = false;
  std::string seen_;
  std::string dump_;  ///< What all showed when they were last found equal.
  Expected expected_;
};

}  // namespace copse::simulation
