// The tree forgets what no op to come can ask for. What is given back must be worth a pass over all nodes: as much as
// half of them, and twice what was left last time, for a silent member may hold it up.

#include <algorithm>

#include "volume/volume_state.h"

namespace copse::fs {

void Volume::State::ScheduleTruncation() {
  if (is_truncation_scheduled || !env.stable_time) return;
  const std::size_t enough = std::max({options.history_moves_min, tree().NodeCount() / 2, 2 * history_kept});
  if (tree().HistorySize() < enough) return;
  is_truncation_scheduled = true;
  env.executor.Post([held = lifeline] {
    const std::lock_guard lock(held->mutex);
    if (held->state != nullptr) held->state->RunTruncation();
  });
}

void Volume::State::RunTruncation() {
  const crdt::Timestamp stable = env.stable_time();
  const TreeWriteLock lock(tree_mutex);
  replica.mutable_tree().Truncate(stable);
  history_kept = tree().HistorySize();
  is_truncation_scheduled = false;
}

}  // namespace copse::fs
