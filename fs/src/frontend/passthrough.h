#pragma once

#include <copse/fs/volume.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "frontend/wire.h"

namespace copse::fs {

/// Decides which open files the kernel serves by itself (FUSE_PASSTHROUGH): those that the volume can hand over. All
/// handles of one inode have to be served in one way, so the first one decides until the last is closed. Where the
/// kernel refuses the first of all (an ordinary user's mount, a store on a stacked file system), none is asked for
/// again. Thread-safe. Source: fs/fuse/iomode.c, fs/fuse/backing.c.
class Passthrough {
 public:
  Passthrough(Volume& volume, const Wire& wire) : volume_(volume), wire_(wire) {}

  /// The session's device, before the mount is served; -1 before it is closed, which takes back what it was given.
  void set_device(int device) { device_ = device; }

  /// Of a handle that was just opened, by the number that the kernel knows its inode by: the backing file to serve it
  /// from, or nothing where requests come to us. Each call is followed by one of Close.
  std::optional<std::int32_t> Open(Volume::Handle* handle, NodeId node);
  /// One handle less; before the volume is given it back.
  void Close(NodeId node);

 private:
  struct Inode {
    unsigned handles = 0;
    std::optional<std::int32_t> backing;  ///< Of all of them.
    enum class State : std::uint8_t { kOpen, kDeciding, kDecided } state = State::kOpen;
  };

  std::optional<std::int32_t> Begin(Volume::Handle* handle);

  Volume& volume_;
  const Wire& wire_;
  int device_ = -1;
  std::mutex mutex_;
  std::condition_variable decided_;
  std::unordered_map<NodeId, Inode> inodes_;
  enum class Offer : std::uint8_t { kUnsaid, kMade, kRefused } offer_ = Offer::kUnsaid;  ///< To the volume.
};

}  // namespace copse::fs
