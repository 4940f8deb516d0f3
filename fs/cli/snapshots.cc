#include "cli/snapshots.h"

#include <algorithm>
#include <utility>

namespace copse::cli {
namespace {

// A start replays some hundred thousand ops a second, and a snapshot of a large volume takes a second of writing. So
// one is written when a quarter of all ops is new: all that are ever written cost a few times the last one.
constexpr std::uint64_t kDueShare = 4;

}  // namespace

absl::Status LoadSnapshot(std::vector<crdt::ImageBuffer> parts, crdt::TreeReplica& tree) {
  if (parts.size() != 1) return absl::DataLossError("it has another number of parts");
  return tree.Load(std::move(parts.front()));
}

Snapshots::Snapshots(replica::Store& store, fs::Volume& volume, std::unique_ptr<base::Executor> executor,
                     Options options)
    : store_(store),
      volume_(volume),
      options_(std::move(options)),
      covered_(store.snapshot_ops()),
      owned_executor_(std::move(executor)),
      executor_(*owned_executor_) {
  Schedule();
}

Snapshots::~Snapshots() {
  owned_executor_.reset();                                               // Waits for what runs.
  if (volume_.ops() >= covered_ + options_.worth_at_end) Write(Take());  // The next start takes longer.
}

void Snapshots::Schedule() {
  executor_.Post([this] { LookWhetherDue(); }, options_.pause);
}

void Snapshots::LookWhetherDue() {
  const std::uint64_t ops = volume_.ops();
  if (ops - covered_ < std::max(options_.due_ops_min, ops / kDueShare)) return Schedule();
  // A piece of work of its own: what comes while the disk is written to is not part of it, and does not wait.
  executor_.Post([this, image = std::make_shared<const Image>(Take())] {
    Write(*image);
    Schedule();
  });
}

Snapshots::Image Snapshots::Take() {
  Image image;
  image.parts.push_back(volume_.SaveReplica(image.known, [this] { store_.EndFrameHere(); }));
  return image;
}

void Snapshots::Write(const Image& image) {
  const absl::Status written = store_.WriteSnapshot(image.known, image.parts);
  if (written.ok()) covered_ = image.known.Total();
  if (options_.on_attempt) options_.on_attempt(written);
}

}  // namespace copse::cli
