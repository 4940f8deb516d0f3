// Requests about the bytes of files. Nothing is done at close(2): FLUSH is left to libfuse's ENOSYS, after which the
// kernel asks no more and saves a round trip for each close. What was written is published after RELEASE, which the
// kernel sends when the last descriptor and the last mapping of one open(2) are gone. Locks are left to the kernel in
// the same way: flock, POSIX and OFD locks then work among all processes of the machine.

#include <copse/base/status_macros.h>
#include <copse/fs/error.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "frontend/requests.h"

namespace copse::fs {
namespace {

/// What the kernel keeps for an open file; null where it names none.
Volume::Handle* HandleOf(const fuse_file_info* file) {
  if (file == nullptr) return nullptr;
  return reinterpret_cast<Volume::Handle*>(file->fh);  // NOLINT(performance-no-int-to-ptr): fh is a number
}

Volume::OpenFlags OpenFlagsOf(int flags) {
  Volume::OpenFlags result;
  result.write = (flags & O_ACCMODE) != O_RDONLY;
  result.truncate = (flags & O_TRUNC) != 0;
  return result;
}

/// For changes of contents whose requests do not tell whether the caller may keep setuid and setgid. Looked up only
/// where there is something to keep.
SetidRule SetidRuleOfUntold(fuse_req_t request, NodeId node) {
  Service& service = ServiceOf(request);
  if (!service.wire.is_to_clear_privileges()) return {};
  const absl::StatusOr<Attributes> attributes = service.volume.GetAttributes(node);
  const bool has_any = attributes.ok() && (attributes->mode & (S_ISUID | S_ISGID)) != 0;
  return SetidRuleOf(request, has_any && !MayKeepSetid(request));
}

/// For open(2) with O_TRUNC, where even a kernel that does the rest by itself leaves setuid and setgid to us. Root
/// stands for who may keep them then.
SetidRule SetidRuleOfOpening(fuse_req_t request) {
  const bool is_told = ServiceOf(request).wire.is_to_clear_privileges();
  return SetidRuleOf(request, is_told ? Wire::ClearsSetid() : fuse_req_ctx(request)->uid != 0);
}

absl::StatusOr<Volume::Handle*> OpenNode(fuse_req_t request, NodeId node, int file_flags) {
  const Volume::OpenFlags flags = OpenFlagsOf(file_flags);
  return ServiceOf(request).volume.Open(node, flags, flags.truncate ? SetidRuleOfOpening(request) : SetidRule());
}

/// Keeps the handle that the kernel is given with the reply that comes next, until RELEASE.
void HandOut(fuse_req_t request, Volume::Handle* handle, NodeId node, fuse_file_info& file) {
  Service& service = ServiceOf(request);
  service.KeepHandle(handle, node);
  const Passthrough::Serving served = service.passthrough.Open(handle, node);
  if (served.backing) {
    Wire::ServeFrom(*served.backing);
    // What the kernel knows of the file was to last until we say otherwise, and now changes without us.
    service.invalidator.AddAgain(node);
  }
  file.fh = reinterpret_cast<std::uintptr_t>(handle);
  // Whatever else changes a file behind the kernel's back has its pages invalidated.
  file.keep_cache = served.has_old_pages ? 0 : 1;
}

void Open(fuse_req_t request, fuse_ino_t node, fuse_file_info* file) {
  Service& service = ServiceOf(request);
  const absl::StatusOr<Volume::Handle*> handle = OpenNode(request, NodeId{node}, file->flags);
  if (!handle.ok()) return ReplyError(request, handle.status());
  HandOut(request, *handle, NodeId{node}, *file);
  // The kernel does not take the reply of a caller that was killed meanwhile, and then sends no RELEASE either.
  if (fuse_reply_open(request, file) != 0) service.ReleaseHandle(*handle);
}

/// Opens `entry`, which has come to a name that the kernel believed to be free. The kernel checks no permissions of a
/// file that it has created: ESTALE, after which it looks the name up once more and opens what it finds, answers for
/// whatever the caller may not surely open. Errors: EISDIR; otherwise as Volume::Open and GetAttributes.
absl::StatusOr<Volume::Created> OpenEntry(fuse_req_t request, NodeId parent, Volume::Entry entry, int file_flags) {
  Volume& volume = ServiceOf(request).volume;
  if (entry.attributes.kind == Kind::kDirectory) {
    return PosixError(std::errc::is_a_directory, "a directory has come to the name");
  }
  COPSE_ASSIGN_OR_RETURN(const Attributes directory, volume.GetAttributes(parent));
  if (!SurelyMayOpen(request, directory, entry.attributes, file_flags)) {
    return PosixError(static_cast<std::errc>(ESTALE), "a file has come to the name");
  }
  COPSE_ASSIGN_OR_RETURN(Volume::Handle * handle, OpenNode(request, entry.node, file_flags));
  if (const absl::StatusOr<Attributes> attributes = volume.GetAttributes(entry.node); attributes.ok()) {
    entry.attributes = *attributes;  // Truncation has changed them.
  }
  return Volume::Created{entry, handle};
}

/// Errors: ENOENT the name is free again; otherwise as OpenEntry.
absl::StatusOr<Volume::Created> OpenExisting(fuse_req_t request, NodeId parent, const char* name, int file_flags) {
  Volume& volume = ServiceOf(request).volume;
  COPSE_ASSIGN_OR_RETURN(const Volume::Entry entry, volume.Lookup(parent, name));
  absl::StatusOr<Volume::Created> opened = OpenEntry(request, parent, entry, file_flags);
  if (!opened.ok()) volume.Forget(entry.node, 1);
  return opened;
}

/// Errors: EEXIST with O_EXCL; ENOENT; otherwise as Volume::Create and OpenExisting.
absl::StatusOr<Volume::Created> CreateOrOpen(fuse_req_t request, NodeId parent, const char* name, mode_t mode,
                                             int file_flags) {
  Volume& volume = ServiceOf(request).volume;
  const Volume::OpenFlags flags = OpenFlagsOf(file_flags);
  COPSE_ASSIGN_OR_RETURN(const Caller creator, CreatorOf(request));
  if (Wire::IsTemporary()) return volume.CreateUnnamed(creator, parent, mode & ALLPERMS, flags);
  absl::StatusOr<Volume::Created> result;
  // Others may take the name and free it again in between, but hardly without end.
  for (int attempts = 100; attempts > 0; --attempts) {
    result = volume.Create(creator, parent, name, mode & ALLPERMS, flags);
    if (result.ok() || (file_flags & O_EXCL) != 0 || PosixErrorOf(result.status()) != std::errc::file_exists) break;
    result = OpenExisting(request, parent, name, file_flags);
    if (result.ok() || PosixErrorOf(result.status()) != std::errc::no_such_file_or_directory) break;
  }
  return result;
}

void Create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* file) {
  Service& service = ServiceOf(request);
  const CachePromise promise(service.invalidator);
  const absl::StatusOr<Volume::Created> created = CreateOrOpen(request, NodeId{parent}, name, mode, file->flags);
  if (!created.ok()) return ReplyError(request, created.status());
  HandOut(request, created->handle, created->entry.node, *file);
  const fuse_entry_param entry = EntryParameterOf(service, created->entry, promise);
  if (fuse_reply_create(request, &entry, file) != 0) {
    service.ReleaseHandle(created->handle);
    service.volume.Forget(created->entry.node, 1);
  }
}

void Release(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  // Answered first: nobody waits for the reply, and publishing a large file takes its time.
  Service& service = ServiceOf(request);
  Volume::Handle* const handle = HandleOf(file);
  fuse_reply_err(request, 0);
  service.ReleaseHandle(handle);
}

void Read(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info* file) {
  const std::span<char> buffer = ReplyBuffer(size);
  const absl::StatusOr<std::size_t> read =
      ServiceOf(request).volume.Read(NodeId{node}, HandleOf(file), static_cast<std::uint64_t>(offset), buffer);
  if (!read.ok()) return ReplyError(request, read.status());
  fuse_reply_buf(request, buffer.data(), *read);
}

/// Puts bytes at the end of the file, which the kernel believes to be at `offset`.
void Append(fuse_req_t request, NodeId node, Volume::Handle* handle, std::string_view bytes, std::uint64_t offset,
            const SetidRule& setid) {
  Service& service = ServiceOf(request);
  const absl::StatusOr<std::uint64_t> place = service.volume.Append(node, handle, bytes, setid);
  if (!place.ok()) return ReplyError(request, place.status());
  fuse_reply_write(request, bytes.size());
  // A peer has made the file longer: the kernel has the bytes in the page where the peer's are.
  if (*place != offset) service.invalidator.AddAgain(node);
}

void Write(fuse_req_t request, fuse_ino_t node, const char* bytes, std::size_t size, off_t offset,
           fuse_file_info* file) {
  const std::string_view written(bytes, size);
  const SetidRule setid = SetidRuleOf(request, Wire::ClearsSetid());
  // Pages of a mapping mean the offset that they bear; the kernel picks any handle of the inode for them.
  if (file->writepage == 0 && (file->flags & O_APPEND) != 0) {
    return Append(request, NodeId{node}, HandleOf(file), written, static_cast<std::uint64_t>(offset), setid);
  }
  Volume::Handle* const handle = file->writepage != 0 ? nullptr : HandleOf(file);
  const absl::StatusOr<std::size_t> count =
      ServiceOf(request).volume.Write(NodeId{node}, handle, static_cast<std::uint64_t>(offset), written, setid);
  if (!count.ok()) return ReplyError(request, count.status());
  fuse_reply_write(request, *count);
}

void Fsync(fuse_req_t request, fuse_ino_t node, int, fuse_file_info* file) {
  ReplyStatus(request, ServiceOf(request).volume.Fsync(NodeId{node}, HandleOf(file)));
}

void Fallocate(fuse_req_t request, fuse_ino_t node, int flags, off_t offset, off_t length, fuse_file_info* file) {
  constexpr int kKnown = Volume::kKeepSize | Volume::kPunchHole | Volume::kZeroRange;
  if ((flags & ~kKnown) != 0) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  ReplyStatus(request, ServiceOf(request).volume.Fallocate(
                           NodeId{node}, HandleOf(file), flags, static_cast<std::uint64_t>(offset),
                           static_cast<std::uint64_t>(length), SetidRuleOfUntold(request, NodeId{node})));
}

// Only SEEK_DATA and SEEK_HOLE arrive: the kernel knows all else by itself.
void Seek(fuse_req_t request, fuse_ino_t node, off_t offset, int whence, fuse_file_info*) {
  if (whence != SEEK_DATA && whence != SEEK_HOLE) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  const absl::StatusOr<std::uint64_t> found =
      ServiceOf(request).volume.Seek(NodeId{node}, static_cast<std::uint64_t>(offset), whence == SEEK_DATA);
  if (!found.ok()) return ReplyError(request, found.status());
  fuse_reply_lseek(request, static_cast<off_t>(*found));
}

void CopyRange(fuse_req_t request, fuse_ino_t from, off_t from_offset, fuse_file_info* from_file, fuse_ino_t to,
               off_t to_offset, fuse_file_info* to_file, std::size_t length, int flags) {
  if (flags != 0) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  // The reply bears the count in 32 bits; a program goes on with what remains.
  constexpr std::size_t kLengthMax = std::size_t{1} << 30;
  const absl::StatusOr<std::size_t> copied = ServiceOf(request).volume.CopyRange(
      NodeId{from}, HandleOf(from_file), static_cast<std::uint64_t>(from_offset), NodeId{to}, HandleOf(to_file),
      static_cast<std::uint64_t>(to_offset), std::min(length, kLengthMax), SetidRuleOfUntold(request, NodeId{to}));
  if (!copied.ok()) return ReplyError(request, copied.status());
  fuse_reply_write(request, *copied);
}

// Programs try terminal requests on any file that they open (Python's open() does), and expect this answer.
void Ioctl(fuse_req_t request, fuse_ino_t, unsigned, void*, fuse_file_info*, unsigned, const void*, std::size_t,
           std::size_t) {
  fuse_reply_err(request, ENOTTY);
}

}  // namespace

void AddContentOperations(fuse_lowlevel_ops& operations) {
  operations.open = Open;
  operations.create = Create;
  operations.release = Release;
  operations.read = Read;
  operations.write = Write;
  operations.fsync = Fsync;
  operations.fallocate = Fallocate;
  operations.lseek = Seek;
  operations.copy_file_range = CopyRange;
  operations.ioctl = Ioctl;
}

}  // namespace copse::fs
