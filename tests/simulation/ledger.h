#pragma once

#include <absl/status/status.h>
#include <copse/crdt/op.h>
#include <copse/crdt/version_vector.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/event_queue.h"

namespace copse::simulation {

/// The ops that each replica made, as they were submitted, and what of them must last. Knows nothing of how they are
/// kept: what disks and peers bring is compared with it.
class OpLedger {
 public:
  void OnSubmitted(crdt::ActorId actor, std::span<const crdt::Op> batch, Time now);
  /// A sync of any kind returned: all that was submitted there is durable.
  void OnSynced(crdt::ActorId actor);
  /// Ops of `actor` are seen by another replica: they must be those submitted, and never go.
  absl::Status OnReceived(crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops);
  /// Also without a sync, what was submitted before `time` is durable: the disk worked, and a second has passed.
  void AllBefore(crdt::ActorId actor, Time time);

  /// After a start: `ops` are all own ops that the disk has. They must be the first that were submitted, in whole
  /// batches, and as many at least as must last. The rest never was.
  absl::Status OnReplayed(crdt::ActorId actor, std::span<const crdt::Op> ops);

  /// The first `count` ops of `actor`.
  std::span<const crdt::Op> OpsOf(crdt::ActorId actor, std::uint64_t count) const;
  std::uint64_t CountOf(crdt::ActorId actor) const;

 private:
  struct Feed {
    std::vector<crdt::Op> ops;
    std::vector<Time> submitted;  ///< When, for each op.
    std::uint64_t durable = 0;    ///< How many must last.
    std::string why = "nothing";  ///< The reason for `durable`.
  };
  std::map<crdt::ActorId, Feed> feeds_;
};

/// The contents that programs saw in files, and which of them must last.
class ContentLedger {
 public:
  struct File {
    std::vector<std::string>
        versions;  ///< As programs saw them, one after each change, since the last publication known.
    std::optional<std::size_t> durable;  ///< Index of what fsync returned for.
  };
  using Files = std::map<crdt::NodeId, File>;

  /// Programs at `machine` see `after` in the file, who saw `before` up to now. What is written to a file whose last
  /// name was removed there is never published, unless somebody elsewhere has given it another.
  void OnChanged(int machine, crdt::NodeId node, std::string before, std::string after, bool has_name);
  void OnFsynced(int machine, crdt::NodeId node);
  /// The last name of the file was removed there: as long as it has none, it will not be published.
  void OnRemoved(int machine, crdt::NodeId node);
  /// What has been `from` there is `to` from now on, and may be used under either number.
  void OnRenumbered(int machine, crdt::NodeId from, crdt::NodeId to) { renumbered_[machine][to] = from; }
  /// Programs at `machine` act on a file by its name, which holds `content`.
  void OnNamed(int machine, std::string content) { seen_at_[machine].insert(std::move(content)); }
  /// The same of a version that cannot be read there, since chunks of it are missing.
  void OnNamedUnread(int machine, crdt::Timestamp version) { named_unread_[machine].insert(version); }
  /// All that was written at `machine` is published and durable.
  void OnFlushed(int machine);
  /// A process has ended: what its files held, to be compared with what the next one finds.
  Files TakeFiles(int machine);
  /// The same of files that had lost their last name, some of which may have it again: a power cut can undo the
  /// removal, and not all of what was written afterwards.
  std::vector<File> TakeRemoved(int machine);
  /// Programs may see `content` from now on; a recovery made it.
  void Admit(int machine, const std::string& content) {
    seen_.insert(content);
    seen_at_[machine].insert(content);
  }

  /// Whether programs at `machine` ever saw `content` in a file that they changed or named, or it is empty.
  bool WasSeenAt(int machine, const std::string& content) const {
    const auto seen = seen_at_.find(machine);
    return content.empty() || (seen != seen_at_.end() && seen->second.contains(content));
  }
  /// Whether programs at `machine` ever named a file that was `version`, though they could not read it.
  bool WasNamedUnreadAt(int machine, crdt::Timestamp version) const {
    const auto named = named_unread_.find(machine);
    return named != named_unread_.end() && named->second.contains(version);
  }
  /// Whether some program ever saw `content`, or it is empty.
  bool IsKnown(const std::string& content) const { return content.empty() || seen_.contains(content); }
  /// What must be somewhere in the history of every replica.
  const std::set<std::string>& lasting() const { return lasting_; }
  void MustLast(std::string content) { lasting_.insert(std::move(content)); }

 private:
  /// The number of a sibling leads to the file itself once that version has become the file: then what is known of the
  /// one, which holds `before`, is known of the other.
  void FindMoved(int machine, crdt::NodeId node, const std::string& before);

  std::map<int, Files> files_;
  std::map<int, Files> removed_;
  std::map<int, std::map<crdt::NodeId, crdt::NodeId>> renumbered_;  // By what they are now.
  std::map<int, std::vector<File>> once_removed_;                   // And named again since.
  std::map<int, std::set<std::string>> seen_at_;
  std::map<int, std::set<crdt::Timestamp>> named_unread_;
  std::set<std::string> seen_;
  std::set<std::string> lasting_;
};

/// Whether `content` is made of nothing but what `versions` had at the same place, and as long as one of them.
bool IsMixOf(std::string_view content, std::span<const std::string> versions);

}  // namespace copse::simulation
