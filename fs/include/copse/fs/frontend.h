#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/fs/owner_map.h>
#include <copse/fs/volume.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace copse::fs {

/// A volume mounted through libfuse3's low-level interface: translates requests of the kernel into calls of the
/// volume, on several threads, and sends invalidations from a thread of its own that holds no lock.
///
/// The kernel caches entries, negative entries, attributes, listings and pages without time-out: nobody else changes
/// the tree, and what changes it otherwise is invalidated. Pages are written through (no writeback cache).
class Frontend {
 public:
  struct Options {
    std::string mount_point;                 ///< Absolute.
    std::string source;                      ///< Shown as the file system's source in /proc/self/mountinfo.
    std::vector<std::string> mount_options;  ///< Further options of fusermount3(1), "allow_other" for one.
    OwnerMaps owners;
    bool read_only = false;
    unsigned threads = 4;
    /// While requests come fast (4,000 a second), idle processors of the whole machine are kept from going to sleep, if
    /// this process may write to /dev/cpu_dma_latency: callers are then woken for their answers in less than half the
    /// time. It costs power while it lasts, which is 10 ms longer than the requests.
    bool keep_awake = false;
    /// Where the kernel and this process's rights allow it, the kernel reads and writes large files that were written
    /// and synced here by itself (FUSE_PASSTHROUGH; Linux 6.9, CAP_SYS_ADMIN). All else goes on through requests.
    bool passthrough = false;
  };
  using Log = std::function<void(std::string_view line)>;

  /// Mounts. `volume` must outlive the frontend; its invalidation sink is taken.
  /// Errors, one line each: kNotFound no mount point; kFailedPrecondition not a directory, not empty, or something is
  /// mounted there; kPermissionDenied; kUnavailable /dev/fuse cannot be opened.
  static absl::StatusOr<std::unique_ptr<Frontend>> Mount(Volume& volume, const Options& options, Log log);
  /// Unmounts if still mounted.
  ~Frontend();

  /// Serves until unmounted from outside or Stop. The volume is not flushed: the caller does.
  /// Calls `ready` on this thread once the mount answers and this call no longer uses it itself: an unmounting from
  /// outside that comes before may be refused. Where serving cannot begin `ready` is not called.
  absl::Status Serve(const std::function<void()>& ready);

  /// Ends Serve. Async-signal-safe and thread-safe.
  void Stop();

 private:
  struct State;
  explicit Frontend(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// One line of /proc/self/mountinfo that this program made.
struct MountedVolume {
  std::string mount_point;
  std::string source;
};

/// The copse mounts of this mount namespace, in the kernel's order (proc(5), mountinfo).
absl::StatusOr<std::vector<MountedVolume>> ListMounts();

/// Detaches the mount at `mount_point`: at once and though in use where `lazy`, else failing with
/// kFailedPrecondition while in use. Uses umount2(2), or fusermount3 for an ordinary user.
absl::Status Unmount(const std::string& mount_point, bool lazy);

/// Whether `mount_point` is a copse mount whose process is gone (stat answers ENOTCONN).
bool IsDeadMount(const std::string& mount_point);

}  // namespace copse::fs
