#pragma once

#include <copse/fs/volume.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "frontend/wire.h"

namespace copse::fs {

/// Decides which open files the kernel serves by itself (FUSE_PASSTHROUGH): those that the volume can hand over. All
/// handles of one inode have to be served in one way, so the first one decides until the last is closed. Where the
/// kernel refuses the first of all (an ordinary user's mount, a store on a stacked file system), none is asked for
/// again. Thread-safe. Source: fs/fuse/iomode.c, fs/fuse/backing.c.
class Passthrough {
 public:
  Passthrough(Volume& volume, const Wire& wire) : volume_(volume), wire_(wire) {}

  /// The session's device, before the mount is served.
  void set_device(int device) { device_ = device; }
  /// The device is about to be closed, and no request is answered any more: takes back what the kernel was given, which
  /// it would keep for as long as anybody uses the mount.
  void Detach();

  struct Serving {
    std::optional<std::int32_t> backing;  ///< What the kernel serves a handle from; nothing: requests come to us.
    /// The kernel may have pages of the inode from before it was written past them: readahead(2) fills those, and a
    /// program may go on in a mount that is gone.
    bool has_old_pages = false;
  };
  /// Of a handle that was just opened, by the number that the kernel knows its inode by. Each call is followed by one
  /// of Close.
  Serving Open(Volume::Handle* handle, NodeId node);
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
  std::unordered_set<NodeId> with_old_pages_;  ///< Have passed through since they were last opened otherwise.
  enum class Offer : std::uint8_t { kUnsaid, kMade, kRefused } offer_ = Offer::kUnsaid;  ///< To the volume.
};

}  // namespace copse::fs
