#include "frontend/invalidator.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace copse::fs {
namespace {

// A reply under way is with its caller at once, unless that waits for a processor.
constexpr std::chrono::milliseconds kPauseMin{1};
constexpr std::chrono::milliseconds kPauseMax{100};

}  // namespace

Invalidator::Invalidator(Notifier notifier) : notifier_(std::move(notifier)) {}

void Invalidator::Start() {
  thread_ = std::thread([this] { Run(); });
}

Invalidator::~Invalidator() { Stop(); }

void Invalidator::Add(const Invalidations& changed) {
  epoch_.fetch_add(1, std::memory_order_acq_rel);
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  for (const Invalidations::Name& name : changed.names) {
    std::uint64_t& change = names_[name];
    change = std::max(change, changed.change);
  }
  targets_.insert(changed.targets.begin(), changed.targets.end());
  changed_.notify_one();
}

void Invalidator::AddAgain(NodeId node) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  targets_.insert(node);
  changed_.notify_one();
}

void Invalidator::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  std::call_once(joined_, [this] {
    if (thread_.joinable()) thread_.join();
  });
}

void Invalidator::Run() {
  std::set<NodeId> refused;
  std::chrono::milliseconds pause = kPauseMin;
  const auto has_news = [this] { return stopping_ || !names_.empty() || !targets_.empty(); };
  std::unique_lock lock(mutex_);
  while (true) {
    if (refused.empty()) {
      changed_.wait(lock, has_news);
      pause = kPauseMin;
    } else if (!changed_.wait_for(lock, pause, has_news)) {
      pause = std::min(2 * pause, kPauseMax);
    }
    if (stopping_) return;
    const std::map<Invalidations::Name, std::uint64_t> names = std::exchange(names_, {});
    std::set<NodeId> targets = std::exchange(targets_, {});
    lock.unlock();
    targets.merge(std::exchange(refused, {}));
    // Names first: a lookup between the two finds the new entry and asks for attributes that are new already.
    for (const auto& [name, change] : names) {
      if (stopping_) return;
      notifier_.entry(name.directory, name.name);
      if (notifier_.returned) notifier_.returned(name, change);
    }
    for (const NodeId target : targets) {
      if (stopping_) return;
      if (!notifier_.inode(target)) refused.insert(target);
    }
    lock.lock();
  }
}

}  // namespace copse::fs
