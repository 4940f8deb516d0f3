#pragma once

#include <absl/status/status.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "frontend/libfuse.h"

namespace copse::fs {

/// Between libfuse 3.14 and the kernel: agrees on what that libfuse does not know, and shows what its interface hides.
///
/// FUSE_HANDLE_KILLPRIV_V2 is agreed on where the kernel offers it (Linux 5.11): it asks for security.capability once
/// after it has learned the attributes of a file, not before each write(2), and says with each request whether setuid
/// and setgid are to be taken away. FUSE_TMPFILE (Linux 6.1), which has the form of FUSE_CREATE, is shown as one.
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

  // Of the request that this thread answers.
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

  std::atomic<std::uint64_t> greeting_ = 0;  ///< The request that begins the connection, until it is answered.
  std::atomic<bool> is_to_clear_privileges_ = false;
};

}  // namespace copse::fs
