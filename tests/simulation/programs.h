#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/fs/volume.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simulation/ledger.h"
#include "simulation/machine.h"
#include "simulation/trace.h"

namespace copse::simulation {

/// The programs of one machine and the kernel below them: they walk paths by lookups, hold what they looked up and what
/// they opened, and check each answer against what they know.
class Programs {
 public:
  Programs(Machine& machine, OpLedger& ops, ContentLedger& contents)
      : machine_(machine), ops_(ops), contents_(contents) {}

  static bool Knows(const std::string& verb);

  /// Makes the call of `step`, which it Knows; a call whose file or handle is not there is left out. Returns the first
  /// check that failed: an answer that no program may get counts.
  absl::Status Execute(const Step& step);
  /// A process begins to serve them.
  void OnProcessBegan();
  /// The process that served them has ended.
  void OnProcessEnded();
  /// Whether every name that the kernel remembers still means what it did: for a change from elsewhere it was told.
  absl::Status CheckRememberedNames();
  /// Closes and forgets all; the volume must then hold nothing for anybody.
  absl::Status LetGoOfAll();
  /// From now on, in this life, the disk may have failed: calls may say so.
  void DiskMayFail() { disk_may_fail_ = true; }
  void DiskIsSound() { disk_may_fail_ = false; }

  std::uint64_t calls() const { return calls_; }
  /// What the file holds, as a program reads it.
  absl::StatusOr<std::string> ReadAll(fs::NodeId node, fs::Volume::Handle* handle);

 private:
  struct OpenFile {
    fs::NodeId node;
    fs::Volume::Handle* handle = nullptr;
    bool appends = false;
    bool writes = false;
  };
  struct Spot {
    fs::NodeId parent;
    std::string name;
  };

  fs::Volume& volume() { return machine_.volume(); }
  /// Whether the answer is one that a program may get.
  absl::Status Accept(const absl::Status& answer) const;
  template <typename T>
  absl::Status Accept(const absl::StatusOr<T>& answer) const {
    return Accept(answer.status());
  }
  /// What the kernel remembers of a name: the number, or that nothing has it.
  using Remembered = std::map<std::pair<fs::NodeId, std::string>, std::optional<fs::NodeId>>;

  absl::StatusOr<fs::Volume::Entry> LookUpName(fs::NodeId parent, const std::string& name);
  /// The answer to a call that makes `spot`.
  absl::Status Made(const Spot& spot, const absl::StatusOr<fs::Volume::Entry>& entry);
  /// Applies what the volume announced during a call, which the kernel hears of after its answer.
  void HearOfChanges();
  bool AreUnited(fs::NodeId one, fs::NodeId other);
  /// Where the last name of `path` is, the directories above it looked up.
  std::optional<Spot> Find(const std::string& path);
  std::optional<fs::Volume::Entry> LookUp(const std::string& path);
  std::string NameIn(fs::NodeId directory, const std::string& word);
  OpenFile* FileOf(const Step& step);

  absl::Status Call(const Step& step);
  absl::Status Names(const Step& step, const std::string& verb);
  absl::Status Remove(const Spot& spot, bool directory);
  absl::Status Rename(const Spot& from, const Spot& to, unsigned flags);
  absl::Status Open(const Step& step);
  absl::Status Create(const Step& step);
  absl::Status Save(const Step& step);
  absl::Status SaveBeside(const Step& step);
  /// The answer to a call that was to make `expected` of what the file held, and did not say that it has.
  absl::Status Interrupted(fs::NodeId node, fs::Volume::Handle* handle, std::string before, std::string expected,
                           const absl::Status& answer);
  absl::Status Write(const OpenFile& file, std::uint64_t offset, std::uint64_t length);
  absl::Status Truncate(fs::NodeId node, fs::Volume::Handle* handle, std::uint64_t size);
  absl::Status Punch(const OpenFile& file, std::uint64_t offset, std::uint64_t length);
  absl::Status Fsync(fs::NodeId node);
  absl::Status Look(const Step& step);
  absl::Status ListDirectory(fs::NodeId directory);
  void Release(std::uint64_t slot);
  /// After a call that may have taken the last name of `node` away here.
  void NoteRemoval(fs::NodeId node);
  /// Under which other numbers programs have that file open: a version that has become its file's own is led to by the
  /// number that it had beside it, too.
  std::vector<fs::NodeId> AlsoOpenAs(const absl::StatusOr<fs::Volume::Entry>& entry);
  /// Programs rename a file, or put another in its place.
  void NoteNamed(const absl::StatusOr<fs::Volume::Entry>& entry);
  /// What the regular file there holds; empty where there is none, or it cannot be read.
  std::string ContentNamed(const absl::StatusOr<fs::Volume::Entry>& entry);
  /// A version with `content` was removed: the number of its file, which had no name itself, shows it from then on.
  void NoteRemovalOf(const std::string& content);
  /// Programs saw `before`, changed the file, and see `after`.
  void NoteChange(fs::NodeId node, std::string before, std::string after);
  std::string Text(std::uint64_t length);

  Machine& machine_;
  OpLedger& ops_;
  ContentLedger& contents_;
  std::map<std::uint64_t, OpenFile> files_;
  std::map<fs::NodeId, std::uint64_t> lookups_;
  Remembered remembered_;
  std::vector<fs::Invalidations::Name> announced_;
  std::uint64_t calls_ = 0;
  std::uint64_t written_ = 0;
  bool disk_may_fail_ = false;
};

}  // namespace copse::simulation
