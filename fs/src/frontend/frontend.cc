// The life of a mount. Ending it is the hard part, because a notification may wait in the kernel for a request, an
// unmount for a notification, and requests for workers. So the order is always: no more notifications, while requests
// are still answered; then the unmount, while requests are still answered; then the workers; then the connection.
//
// Stop only writes to an eventfd that Serve waits on. Serve then unmounts in the ordinary way, which succeeds where no
// program uses the mount. Where one does, what it has written through mappings is written back, requests under way are
// answered, and the connection is closed and the mount detached all the same: the program keeps its descriptors, on
// which every call fails with ENOTCONN from then on.

#include <copse/base/status_macros.h>
#include <copse/fs/frontend.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "frontend/invalidator.h"
#include "frontend/libfuse.h"
#include "frontend/libfuse_log.h"
#include "frontend/mount_point.h"
#include "frontend/mount_table.h"
#include "frontend/requests.h"
#include "frontend/unmount.h"
#include "frontend/workers.h"

namespace copse::fs {
namespace {

fuse_lowlevel_ops AllOperations() {
  fuse_lowlevel_ops operations{};
  AddConnectionOperations(operations);
  AddNameOperations(operations);
  AddAttributeOperations(operations);
  AddXattrOperations(operations);
  AddContentOperations(operations);
  AddDirectoryOperations(operations);
  return operations;
}

/// The options in fusermount3's form. The last of a kind counts, so ours come after the user's.
std::string OptionString(const Frontend::Options& options) {
  char* text = nullptr;
  bool ok = true;
  for (const std::string& option : options.mount_options) ok &= fuse_opt_add_opt(&text, option.c_str()) == 0;
  ok &= fuse_opt_add_opt_escaped(&text, ("fsname=" + options.source).c_str()) == 0;
  ok &= fuse_opt_add_opt(&text, "subtype=copse") == 0;
  ok &= fuse_opt_add_opt(&text, "default_permissions") == 0;
  if (options.read_only) ok &= fuse_opt_add_opt(&text, "ro") == 0;
  if (!ok) std::abort();  // Out of memory.
  std::string result = text;
  std::free(text);
  return result;
}

absl::StatusOr<fuse_session*> NewSession(const Frontend::Options& options, Service& service) {
  const LibfuseMessages messages;
  fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
  if (fuse_opt_add_arg(&arguments, "copse") != 0 || fuse_opt_add_arg(&arguments, "-o") != 0 ||
      fuse_opt_add_arg(&arguments, OptionString(options).c_str()) != 0) {
    std::abort();  // Out of memory.
  }
  const fuse_lowlevel_ops operations = AllOperations();
  fuse_session* const session = fuse_session_new(&arguments, &operations, sizeof operations, &service);
  fuse_opt_free_args(&arguments);
  if (session == nullptr) return absl::InvalidArgumentError("mount options not understood: " + messages.Text());
  return session;
}

Wire& WireOf(void* service) { return static_cast<Service*>(service)->wire; }

absl::Status MountSession(fuse_session* session, const std::string& mount_point) {
  const LibfuseMessages messages;
  if (fuse_session_mount(session, mount_point.c_str()) == 0) return absl::OkStatus();
  const std::string text = messages.Text();
  const std::string line = mount_point + ": cannot mount: " + (text.empty() ? "fusermount3 refused" : text);
  const bool missing = text.find("exec") != text.npos;
  return missing ? absl::UnavailableError(line + " (install the package fuse3)") : absl::PermissionDeniedError(line);
}

/// An eventfd, closed at the end.
class WakeUp {
 public:
  WakeUp() : descriptor_(eventfd(0, EFD_CLOEXEC)) {}
  ~WakeUp() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  bool ok() const { return descriptor_ >= 0; }

  /// Async-signal-safe. Stays in force for a Wait that comes later.
  void Signal() const {
    const int saved = errno;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(descriptor_, &one, sizeof one);
    errno = saved;
  }
  void Wait() const {
    std::uint64_t count = 0;
    while (read(descriptor_, &count, sizeof count) < 0 && errno == EINTR) {
    }
  }

 private:
  const int descriptor_;
};

}  // namespace

struct Frontend::State {
  State(Volume& served, Options resolved, Log log)
      : volume(served),
        options(std::move(resolved)),
        invalidator(std::make_shared<Invalidator>(MakeNotifier())),
        service(volume, *invalidator, options.owners, std::move(log)) {}
  ~State() { Close(); }

  Invalidator::Notifier MakeNotifier();
  absl::Status Open();
  /// Whether the kernel has closed the connection: the last use of the mount is gone.
  bool Disconnected() const;
  /// Whether what is seen at the mount point is this mount.
  bool IsMountedThere() const;
  /// Has the kernel write back what programs have written through mappings, and waits for it. Requests must be answered
  /// meanwhile.
  void WriteBack();
  /// Unmounts if no program uses the mount. Requests must be answered meanwhile.
  void TryToUnmount() const;
  /// Ends the mount, used or not. No worker may be left.
  void Close();

  Volume& volume;
  Options options;  ///< The mount point is in the kernel's spelling.
  WakeUp wake_up;
  std::shared_ptr<Invalidator> invalidator;  ///< Shared with the volume's sink, which may be running at the end.
  Service service;
  fuse_session* session = nullptr;
  dev_t device = 0;
};

Invalidator::Notifier Frontend::State::MakeNotifier() {
  // ENOENT, "the kernel does not know it", is the ordinary case and no error; after an unmount all of them fail. But a
  // reply that is under way to its caller may yet make an inode known by old attributes, so the kernel is told again
  // while a lookup of it is counted. For names the kernel itself waits until such a reply has been taken in.
  Invalidator::Notifier notifier;
  notifier.entry = [this](NodeId directory, const std::string& name) {
    fuse_lowlevel_notify_inval_entry(session, directory.value, name.c_str(), name.size());
  };
  notifier.inode = [this](NodeId node) {
    return fuse_lowlevel_notify_inval_inode(session, node.value, 0, 0) != -ENOENT || !volume.IsLookedUp(node);
  };
  notifier.returned = [this](const Invalidations::Name& name, std::uint64_t change) {
    volume.NotificationReturned(name, change);
  };
  return notifier;
}

absl::Status Frontend::State::Open() {
  if (!wake_up.ok())
    return absl::ResourceExhaustedError(std::string("cannot make an eventfd: ") + std::strerror(errno));
  COPSE_ASSIGN_OR_RETURN(session, NewSession(options, service));
  COPSE_RETURN_IF_ERROR(MountSession(session, options.mount_point));
  COPSE_RETURN_IF_ERROR(Wire::Attach<WireOf>(session));
  service.wire.wants_passthrough = options.passthrough;
  service.passthrough.set_device(fuse_session_fd(session));
  COPSE_ASSIGN_OR_RETURN(const std::vector<MountLine> mounts, ReadMountTable());
  const std::optional<MountLine> mount = MountAt(mounts, options.mount_point);
  if (!mount || mount->type != kFileSystemType) {
    fuse_session_unmount(session);
    return absl::UnavailableError(options.mount_point + ": mounted, but missing in /proc/self/mountinfo");
  }
  device = mount->device;
  volume.set_invalidation_sink([shared = invalidator](const Invalidations& changed) { shared->Add(changed); });
  return absl::OkStatus();
}

bool Frontend::State::Disconnected() const {
  pollfd device_poll{fuse_session_fd(session), 0, 0};
  return poll(&device_poll, 1, 0) == 1 && (device_poll.revents & POLLERR) != 0;
}

bool Frontend::State::IsMountedThere() const {
  const absl::StatusOr<std::vector<MountLine>> mounts = ReadMountTable();
  if (!mounts.ok()) return false;
  const std::optional<MountLine> mount = MountAt(*mounts, options.mount_point);
  return mount && mount->device == device;
}

void Frontend::State::WriteBack() {
  // syncfs(2) begins to write back and does not wait on FUSE. Invalidating the pages of a file does, and reaches files
  // of a mount that is detached, too. Pages are dirty only where the file is open: a mapping keeps it so.
  for (const NodeId node : service.OpenNodes()) fuse_lowlevel_notify_inval_inode(session, node.value, 0, 0);
}

void Frontend::State::TryToUnmount() const {
  if (!IsMountedThere()) return;
  // That a program uses the mount is no error here: Close detaches it then.
  DetachMount(options.mount_point, false).IgnoreError();
}

void Frontend::State::Close() {
  if (session == nullptr) return;
  volume.set_invalidation_sink(nullptr);
  invalidator->Stop();
  // Closes the connection first, so that nothing waits for an answer any more. Not called where somebody else has
  // detached the mount while a program still uses it: libfuse would unmount whatever is at the mount point by now.
  if (device != 0 && (Disconnected() || IsMountedThere())) {
    fuse_session_unmount(session);
    // A connection that was aborted (fusectl) leaves a dead mount behind.
    if (IsMountedThere()) DetachMount(options.mount_point, true).IgnoreError();
  }
  service.passthrough.Detach();
  fuse_session_destroy(session);
  session = nullptr;
  service.ReleaseAllHandles();
}

absl::StatusOr<std::unique_ptr<Frontend>> Frontend::Mount(Volume& volume, const Options& options, Log log) {
  Options resolved = options;
  COPSE_ASSIGN_OR_RETURN(resolved.mount_point, CheckMountPoint(options.mount_point));
  COPSE_RETURN_IF_ERROR(CheckFuseDevice());
  SetLibfuseLog(log);
  auto state = std::make_unique<State>(volume, std::move(resolved), std::move(log));
  COPSE_RETURN_IF_ERROR(state->Open());
  return std::unique_ptr<Frontend>(new Frontend(std::move(state)));
}

Frontend::Frontend(std::unique_ptr<State> state) : state_(std::move(state)) {}

Frontend::~Frontend() = default;

absl::Status Frontend::Serve(const std::function<void()>& ready) {
  State& state = *state_;
  // Two at least: one may wait for what the other's request holds in the kernel.
  const std::string latency_device = state.options.keep_awake ? CpuLatency::kDevice : "";
  Workers workers(state.session, latency_device, [&state] { state.wake_up.Signal(); });
  COPSE_RETURN_IF_ERROR(workers.Start(std::max(state.options.threads, 2u)));
  state.invalidator->Start();
  // Until it has asked, the kernel takes the root directory to be the superuser's, and would judge a first chmod or
  // touch of it by that.
  struct stat root {};
  static_cast<void>(lstat(state.options.mount_point.c_str(), &root));
  ready();
  state.wake_up.Wait();
  state.invalidator->Stop();
  if (!state.Disconnected()) {
    state.WriteBack();
    state.TryToUnmount();
  }
  if (state.Disconnected()) {
    workers.Join();
  } else {
    workers.Stop();
  }
  absl::Status failure = workers.failure();
  state.Close();
  return failure;
}

void Frontend::Stop() { state_->wake_up.Signal(); }

}  // namespace copse::fs
