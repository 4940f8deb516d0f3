#include "frontend/wire.h"

#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>

namespace copse::fs {
namespace {

// What libfuse's handlers are not shown of the request that this thread has read last.
thread_local std::uint32_t present_opcode = 0;
thread_local bool present_clears_setid = false;
thread_local bool present_asks_for_nothing = false;

/// The `Part` that begins at `offset` of a request or reply, if it is that long.
template <typename Part>
std::optional<Part> PartAt(const char* bytes, std::size_t size, std::size_t offset) {
  if (size < offset + sizeof(Part)) return std::nullopt;
  Part part;
  std::memcpy(&part, bytes + offset, sizeof part);
  return part;
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
    if (offered && (*offered & FUSE_HANDLE_KILLPRIV_V2) != 0) greeting_ = header->unique;
  }
  if (header->opcode == FUSE_TMPFILE) {
    header->opcode = FUSE_CREATE;
    std::memcpy(request, &*header, sizeof *header);
  }
  return result;
}

ssize_t Wire::Write(int device, iovec* parts, int count) {
  if (greeting_ == 0) return writev(device, parts, count);
  // Only the greeting can be on its way: the kernel sends nothing else before it is answered.
  std::string reply;
  for (const iovec& part : std::span(parts, static_cast<std::size_t>(count))) {
    reply.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  const auto header = PartAt<fuse_out_header>(reply.data(), reply.size(), 0);
  constexpr std::size_t kFlags = sizeof(fuse_out_header) + offsetof(fuse_init_out, flags);
  auto flags = PartAt<std::uint32_t>(reply.data(), reply.size(), kFlags);
  if (header && header->unique == greeting_ && header->error == 0 && flags) {
    *flags |= FUSE_HANDLE_KILLPRIV_V2;
    reply.replace(kFlags, sizeof *flags, reinterpret_cast<const char*>(&*flags), sizeof *flags);
    is_to_clear_privileges_ = true;
    greeting_ = 0;
  }
  return write(device, reply.data(), reply.size());
}

}  // namespace copse::fs
