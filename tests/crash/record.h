#pragma once

#include <absl/status/status.h>
#include <copse/crdt/op.h>

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::crash {

/// What one replica acknowledged, noted beside it while it happened; knows nothing of how anything is kept.
class Record {
 public:
  using Ops = std::vector<crdt::Op>;

  // The store.
  /// It was made, and is durable.
  void Made() { is_made_ = true; }
  bool is_made() const { return is_made_; }

  // Own ops, as the tree made them.
  void Appended(std::span<const crdt::Op> batch);
  /// A sync returned that was called when `ops` had been made.
  void Synced(std::size_t ops) { durable_ = std::max(durable_, ops); }
  const Ops& own() const { return own_; }
  /// Ops of `actor` were shown: they must have been durable here before.
  void Shown(crdt::ActorId actor, std::size_t count) { shown_[actor] += count; }
  const std::map<crdt::ActorId, std::size_t>& shown() const { return shown_; }

  /// A snapshot was written to the end: from now on there is one.
  void HasSnapshot() { has_snapshot_ = true; }
  bool has_snapshot() const { return has_snapshot_; }

  /// Whether `replayed` is what a crash may leave of the own ops: whole batches, none missing that was durable.
  absl::Status CheckOwn(const Ops& replayed) const;
  /// The store was opened, and `replayed` is what there is: the story goes on from there.
  void ReopenedWith(crdt::ActorId self, const std::map<crdt::ActorId, Ops>& replayed);

  // Contents that programs wrote here.
  /// `before` a first write here the file held that.
  void WritesTo(crdt::NodeId file, const std::string& before);
  /// The file holds `now`, or will if the call succeeds.
  void Holds(crdt::NodeId file, std::string now) { contents_[file].versions.push_back(std::move(now)); }
  const std::string& Latest(crdt::NodeId file) const { return contents_.at(file).versions.back(); }
  bool HasWritten(crdt::NodeId file) const { return contents_.contains(file); }
  void ContentIsDurable(crdt::NodeId file);
  void AllContentIsDurable();
  /// Whether `shown` is made of nothing but what was written here to the file since its last durable version.
  absl::Status CheckContent(crdt::NodeId file, std::string_view shown) const;
  /// Whether some program here wrote exactly this to `file`, or, without one, to any.
  bool HasVersion(const crdt::NodeId* file, std::string_view content) const;
  /// After a crash: the file was found so, and so it stays.
  void RestartContent(crdt::NodeId file, std::string shown);

 private:
  struct Content {
    std::vector<std::string> versions;
    std::size_t durable = 0;
  };

  bool is_made_ = false;
  bool has_snapshot_ = false;
  Ops own_;
  std::size_t durable_ = 0;
  std::map<crdt::ActorId, std::size_t> shown_;
  std::map<crdt::NodeId, Content> contents_;
};

}  // namespace copse::crash
