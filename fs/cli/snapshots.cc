#include "cli/snapshots.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace copse::cli {
namespace {

// A start replays some hundred thousand ops a second, and a snapshot of a large volume takes a second of writing. So
// one is written when a quarter of all ops is new: all that are ever written cost a few times the last one.
constexpr std::chrono::seconds kPause{20};
constexpr std::uint64_t kDueAfterMin = 100'000;
constexpr std::uint64_t kDueShare = 4;
constexpr std::uint64_t kWorthAtEnd = 10'000;

}  // namespace

Snapshots::Snapshots(replica::Store& store, fs::Volume& volume, std::unique_ptr<base::Executor> executor)
    : store_(store),
      volume_(volume),
      covered_(store.snapshot_ops()),
      owned_executor_(std::move(executor)),
      executor_(*owned_executor_) {
  Schedule();
}

Snapshots::~Snapshots() {
  owned_executor_.reset();                                             // Waits for what runs.
  if (volume_.ops() >= covered_ + kWorthAtEnd) Write().IgnoreError();  // The next start takes longer.
}

void Snapshots::Schedule() {
  executor_.Post([this] { WriteIfDue(); }, kPause);
}

void Snapshots::WriteIfDue() {
  const std::uint64_t ops = volume_.ops();
  // One that cannot be written now (a full disk) is tried again.
  if (ops - covered_ >= std::max(kDueAfterMin, ops / kDueShare)) Write().IgnoreError();
  Schedule();
}

absl::Status Snapshots::Write() {
  crdt::VersionVector known;
  std::vector<std::string> parts;
  parts.push_back(volume_.SaveReplica(known, [this] { store_.EndFrameHere(); }));
  absl::Status written = store_.WriteSnapshot(known, parts);
  if (written.ok()) covered_ = known.Total();
  return written;
}

}  // namespace copse::cli
