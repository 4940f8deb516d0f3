#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "frontend/libfuse.h"

namespace copse::fs {

/// Between libfuse 3.14 and the kernel: agrees on what that libfuse does not know, and shows what its interface hides.
///
/// FUSE_HANDLE_KILLPRIV_V2 is agreed on where the kernel offers it (Linux 5.11): it asks for security.capability once
/// after it has learned the attributes of a file, not before each write(2), and says with each request whether setuid
/// and setgid are to be taken away. FUSE_TMPFILE (Linux 6.1), which has the form of FUSE_CREATE, is shown as one.
/// FUSE_PASSTHROUGH (Linux 6.9) is agreed on where `wants_passthrough`.
/// Source: <linux/fuse.h>, fs/fuse/inode.c.
class Wire {
 public:
  /// Tells which wire is that of a session with this user data.
  using Find = Wire& (*)(void* userdata);

  /// What `session` reads and writes passes through `Found` from now on. Once it is mounted, and before it is served.
  /// Errors: kResourceExhausted.
  template <Find Found>
  static absl::Status Attach(fuse_session* session) {
    fuse_custom_io io{};
    io.read = [](int device, void* buffer, std::size_t size, void* userdata) {
      return Found(userdata).Read(device, buffer, size);
    };
    io.writev = [](int device, iovec* parts, int count, void* userdata) {
      return Found(userdata).Write(device, parts, count);
    };
    return AttachWith(session, io);
  }

  /// Whether the kernel leaves it to us to take setuid, setgid and capabilities away.
  bool is_to_clear_privileges() const { return is_to_clear_privileges_.load(std::memory_order_relaxed); }

  /// Set before the session is served.
  bool wants_passthrough = false;
  /// Whether the kernel reads and writes files of ours by itself if asked to.
  bool has_passthrough() const { return has_passthrough_.load(std::memory_order_relaxed); }
  /// Registers an open file with the kernel; returns its id for ServeFrom. Errors: kUnavailable the kernel will not.
  static absl::StatusOr<std::int32_t> OpenBacking(int device, int descriptor);
  static void CloseBacking(int device, std::int32_t id);

  // Of the request that this thread answers.
  /// The reply to FUSE_OPEN or FUSE_CREATE that this thread sends next has the kernel serve the handle from the backing
  /// file `id`, and drop the pages that it has.
  static void ServeFrom(std::int32_t id);
  /// Whether its caller lacks CAP_FSETID, or changes the owner: the flags FUSE_WRITE_KILL_SUIDGID,
  /// FUSE_OPEN_KILL_SUIDGID and FATTR_KILL_SUIDGID.
  static bool ClearsSetid();
  /// Whether it is a FUSE_SETATTR that sets nothing.
  static bool AsksForNothing();
  /// Whether what looks like FUSE_CREATE makes a file without a name.
  static bool IsTemporary();

 private:
  static absl::Status AttachWith(fuse_session* session, const fuse_custom_io& io);
  ssize_t Read(int device, void* buffer, std::size_t size);
  ssize_t Write(int device, iovec* parts, int count);
  static ssize_t WriteOpened(int device, std::string reply, std::int32_t backing);

  std::atomic<std::uint64_t> greeting_ = 0;  ///< The request that begins the connection, until it is answered.
  std::atomic<bool> is_to_clear_privileges_ = false;
  std::atomic<bool> offers_passthrough_ = false;
  std::atomic<bool> has_passthrough_ = false;
};

}  // namespace copse::fs
