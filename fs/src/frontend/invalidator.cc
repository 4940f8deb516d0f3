#include "frontend/invalidator.h"

#include <algorithm>
#include <utility>

namespace copse::fs {

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
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !names_.empty() || !targets_.empty(); });
    if (stopping_) return;
    const std::map<Invalidations::Name, std::uint64_t> names = std::exchange(names_, {});
    const std::set<NodeId> targets = std::exchange(targets_, {});
    lock.unlock();
    // Names first: a lookup between the two finds the new entry and asks for attributes that are new already.
    for (const auto& [name, change] : names) {
      if (stopping_) return;
      notifier_.entry(name.directory, name.name);
      if (notifier_.returned) notifier_.returned(name, change);
    }
    for (const NodeId target : targets) {
      if (stopping_) return;
      notifier_.inode(target);
    }
    lock.lock();
  }
}

}  // namespace copse::fs
