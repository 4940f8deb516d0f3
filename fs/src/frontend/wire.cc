#include "frontend/wire.h"

#include <linux/fuse.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace copse::fs {
namespace {

// What libfuse's handlers are not shown of the request that this thread has read last.
thread_local std::uint32_t present_opcode = 0;
thread_local bool present_clears_setid = false;
thread_local bool present_asks_for_nothing = false;
thread_local std::optional<std::int32_t> present_backing;

// Of Linux 6.9's <linux/fuse.h>.
constexpr std::uint32_t kInitExtended = 1u << 30;        // FUSE_INIT_EXT
constexpr std::uint32_t kPassthroughInFlags2 = 1u << 5;  // FUSE_PASSTHROUGH, bit 37 of all.
constexpr std::uint32_t kOpenPassthrough = 1u << 7;      // FOPEN_PASSTHROUGH
constexpr std::size_t kFlags2Offset = 32;                // Of fuse_init_out; max_stack_depth follows.
constexpr std::size_t kFlags2InOffset = 16;              // Of fuse_init_in.
struct BackingMap {
  std::int32_t descriptor;
  std::uint32_t flags;
  std::uint64_t padding;
};
constexpr unsigned long kBackingOpen = _IOW(229, 1, BackingMap);      // FUSE_DEV_IOC_BACKING_OPEN
constexpr unsigned long kBackingClose = _IOW(229, 2, std::uint32_t);  // FUSE_DEV_IOC_BACKING_CLOSE

/// The `Part` that begins at `offset` of a request or reply, if it is that long.
template <typename Part>
std::optional<Part> PartAt(const char* bytes, std::size_t size, std::size_t offset) {
  if (size < offset + sizeof(Part)) return std::nullopt;
  Part part;
  std::memcpy(&part, bytes + offset, sizeof part);
  return part;
}

template <typename Part>
void PutAt(std::string& bytes, std::size_t offset, const Part& part) {
  bytes.replace(offset, sizeof part, reinterpret_cast<const char*>(&part), sizeof part);
}

std::string Joined(const iovec* parts, int count) {
  std::string bytes;
  for (const iovec& part : std::span(parts, static_cast<std::size_t>(count))) {
    bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  return bytes;
}

bool ClearsSetidIn(std::uint32_t opcode, const char* request, std::size_t size) {
  constexpr std::size_t kBody = sizeof(fuse_in_header);
  switch (opcode) {
    case FUSE_WRITE: {
      const auto body = PartAt<fuse_write_in>(request, size, kBody);
      return body && (body->write_flags & FUSE_WRITE_KILL_SUIDGID) != 0;
    }
    case FUSE_OPEN: {
      const auto body = PartAt<fuse_open_in>(request, size, kBody);
      return body && (body->open_flags & FUSE_OPEN_KILL_SUIDGID) != 0;
    }
    case FUSE_SETATTR: {
      const auto body = PartAt<fuse_setattr_in>(request, size, kBody);
      return body && (body->valid & FATTR_KILL_SUIDGID) != 0;
    }
    default:
      return false;
  }
}

bool AsksForNothingIn(std::uint32_t opcode, const char* request, std::size_t size) {
  constexpr std::uint32_t kChanges = FATTR_MODE | FATTR_UID | FATTR_GID | FATTR_SIZE | FATTR_ATIME | FATTR_MTIME |
                                     FATTR_ATIME_NOW | FATTR_MTIME_NOW | FATTR_CTIME;
  if (opcode != FUSE_SETATTR) return false;
  const auto body = PartAt<fuse_setattr_in>(request, size, sizeof(fuse_in_header));
  return body && (body->valid & kChanges) == 0;
}

}  // namespace

absl::Status Wire::AttachWith(fuse_session* session, const fuse_custom_io& io) {
  const int error = fuse_session_custom_io(session, &io, fuse_session_fd(session));
  if (error == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(std::string("cannot prepare to read requests: ") + std::strerror(-error));
}

absl::StatusOr<std::int32_t> Wire::OpenBacking(int device, int descriptor) {
  BackingMap map{descriptor, 0, 0};
  const int id = ioctl(device, kBackingOpen, &map);
  if (id < 0) return absl::UnavailableError(std::string("no passthrough: ") + std::strerror(errno));
  return id;
}

void Wire::CloseBacking(int device, std::int32_t id) {
  const auto number = static_cast<std::uint32_t>(id);
  static_cast<void>(ioctl(device, kBackingClose, &number));
}

void Wire::ServeFrom(std::int32_t id) { present_backing = id; }

bool Wire::ClearsSetid() { return present_clears_setid; }

bool Wire::AsksForNothing() { return present_asks_for_nothing; }

bool Wire::IsTemporary() { return present_opcode == FUSE_TMPFILE; }

ssize_t Wire::Read(int device, void* buffer, std::size_t size) {
  const ssize_t result = read(device, buffer, size);
  if (result < 0) return result;
  const std::size_t got = static_cast<std::size_t>(result);
  char* const request = static_cast<char*>(buffer);
  auto header = PartAt<fuse_in_header>(request, got, 0);
  if (!header) return result;
  present_opcode = header->opcode;
  present_clears_setid = ClearsSetidIn(header->opcode, request, got);
  present_asks_for_nothing = AsksForNothingIn(header->opcode, request, got);
  if (header->opcode == FUSE_INIT) {
    const auto offered = PartAt<std::uint32_t>(request, got, sizeof *header + offsetof(fuse_init_in, flags));
    const auto more = PartAt<std::uint32_t>(request, got, sizeof *header + kFlags2InOffset);
    if (offered && (*offered & FUSE_HANDLE_KILLPRIV_V2) != 0) greeting_ = header->unique;
    offers_passthrough_ = offered && (*offered & kInitExtended) != 0 && more && (*more & kPassthroughInFlags2) != 0;
  }
  if (header->opcode == FUSE_TMPFILE) {
    header->opcode = FUSE_CREATE;
    std::memcpy(request, &*header, sizeof *header);
  }
  return result;
}

ssize_t Wire::Write(int device, iovec* parts, int count) {
  if (const auto backing = std::exchange(present_backing, std::nullopt)) {
    return WriteOpened(device, Joined(parts, count), *backing);
  }
  if (greeting_ == 0) return writev(device, parts, count);
  // Only the greeting can be on its way: the kernel sends nothing else before it is answered.
  std::string reply = Joined(parts, count);
  const auto header = PartAt<fuse_out_header>(reply.data(), reply.size(), 0);
  constexpr std::size_t kFlags = sizeof(fuse_out_header) + offsetof(fuse_init_out, flags);
  auto flags = PartAt<std::uint32_t>(reply.data(), reply.size(), kFlags);
  if (header && header->unique == greeting_ && header->error == 0 && flags) {
    *flags |= FUSE_HANDLE_KILLPRIV_V2;
    constexpr std::size_t kFlags2 = sizeof(fuse_out_header) + kFlags2Offset;
    auto flags2 = PartAt<std::uint32_t>(reply.data(), reply.size(), kFlags2);
    if (wants_passthrough && offers_passthrough_ && flags2 && reply.size() >= kFlags2 + 2 * sizeof *flags2) {
      *flags |= kInitExtended;
      PutAt(reply, kFlags2, *flags2 | kPassthroughInFlags2);
      // The store lies on a file system that lies on no other. Those that do are left to us.
      PutAt(reply, kFlags2 + sizeof *flags2, std::uint32_t{1});
      has_passthrough_ = true;
    }
    PutAt(reply, kFlags, *flags);
    is_to_clear_privileges_ = true;
    greeting_ = 0;
  }
  return write(device, reply.data(), reply.size());
}

ssize_t Wire::WriteOpened(int device, std::string reply, std::int32_t backing) {
  // Both replies end with what was opened; an error has no such part.
  if (reply.size() >= sizeof(fuse_out_header) + sizeof(fuse_open_out)) {
    const std::size_t offset = reply.size() - sizeof(fuse_open_out);
    auto opened = *PartAt<fuse_open_out>(reply.data(), reply.size(), offset);
    opened.open_flags = (opened.open_flags | kOpenPassthrough) & ~std::uint32_t{FOPEN_KEEP_CACHE};
    opened.padding = static_cast<std::uint32_t>(backing);  // backing_id, since Linux 6.9
    PutAt(reply, offset, opened);
  }
  return write(device, reply.data(), reply.size());
}

}  // namespace copse::fs
