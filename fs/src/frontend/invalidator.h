#pragma once

#include <copse/fs/projection.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace copse::fs {

/// Tells the kernel what it must no longer believe, from a thread of its own.
///
/// A notification may wait in the kernel for a request in flight, so it is never sent from a thread that answers
/// requests, nor with a lock held. What waits to be sent is merged: each name and each inode once. Thread-safe.
class Invalidator {
 public:
  /// How the kernel is told. Called on the invalidator's thread only.
  struct Notifier {
    std::function<void(NodeId directory, const std::string& name)> entry;
    /// Returns whether the kernel needs no further telling. Where it does, it is told again, ever more rarely.
    std::function<bool(NodeId node)> inode;
    /// Told after `entry` has returned, with the last change that it stands for.
    std::function<void(const Invalidations::Name& name, std::uint64_t change)> returned = nullptr;
  };

  explicit Invalidator(Notifier notifier);
  /// Begins to send, what was announced before included. Once, and not after Stop.
  void Start();
  /// Stops.
  ~Invalidator();

  /// Announces a change that is already visible to requests. Returns at once.
  void Add(const Invalidations& changed);

  /// Sends one inode again, for a reply that was made of the state before a change and may reach the kernel after the
  /// notification of it. Not an announcement: the epoch stays.
  void AddAgain(NodeId node);

  /// Rises with every announcement: a reply made of what was read under an older epoch may be out of date.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  /// Drops what waits, what was refused included, and returns when no notification is under way; later announcements
  /// are ignored. Requests must still be answered while it runs, because the notification under way may wait for one.
  void Stop();

 private:
  void Run();

  const Notifier notifier_;
  std::atomic<std::uint64_t> epoch_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Invalidations::Name, std::uint64_t> names_;  ///< With the last change announced.
  std::set<NodeId> targets_;
  std::once_flag joined_;
  std::thread thread_;
};

/// How long the kernel may keep what one reply says: without limit, unless a change was announced while the request
/// was being answered. The notification of that change may have passed before the reply, and would be lost on it.
class CachePromise {
 public:
  explicit CachePromise(const Invalidator& invalidator) : invalidator_(invalidator), epoch_(invalidator.epoch()) {}

  bool Holds() const { return invalidator_.epoch() == epoch_; }
  double Seconds() const { return Holds() ? kWithoutLimit : 0.0; }

 private:
  static constexpr double kWithoutLimit = 1e9;  // The kernel cuts it to what its clock can hold.

  const Invalidator& invalidator_;
  const std::uint64_t epoch_;
};

}  // namespace copse::fs
