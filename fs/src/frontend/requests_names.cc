// Requests that find, make and remove names. After its own request the kernel brings its caches up to date by itself,
// so none of these sends a notification.

#include <copse/fs/error.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <string>

#include "frontend/requests.h"

namespace copse::fs {
namespace {

std::optional<Kind> KindOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case 0:  // mknod(2): no type means a regular file.
    case S_IFREG:
      return Kind::kRegular;
    case S_IFIFO:
      return Kind::kFifo;
    case S_IFSOCK:
      return Kind::kSocket;
    case S_IFCHR:
      return Kind::kCharacterDevice;
    case S_IFBLK:
      return Kind::kBlockDevice;
    default:
      return std::nullopt;
  }
}

/// "Not there", which the kernel remembers too. Counts no lookup.
void ReplyAbsent(fuse_req_t request, const CachePromise& promise) {
  fuse_entry_param absent{};
  absent.entry_timeout = promise.Seconds();
  fuse_reply_entry(request, &absent);
}

// "." and ".." come from name_to_handle_at(2) and NFS servers only, for nodes that the kernel has forgotten.
void Lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  Service& service = ServiceOf(request);
  const CachePromise promise(service.invalidator);
  const absl::StatusOr<Volume::Entry> entry = service.volume.Lookup(NodeId{parent}, name);
  if (!entry.ok() && PosixErrorOf(entry.status()) == std::errc::no_such_file_or_directory) {
    return ReplyAbsent(request, promise);
  }
  ReplyEntry(request, entry, promise);
}

void Forget(fuse_req_t request, fuse_ino_t node, std::uint64_t count) {
  ServiceOf(request).volume.Forget(NodeId{node}, count);
  fuse_reply_none(request);
}

void ForgetMany(fuse_req_t request, std::size_t count, fuse_forget_data* forgets) {
  Volume& volume = ServiceOf(request).volume;
  for (const fuse_forget_data& forget : std::span(forgets, count)) volume.Forget(NodeId{forget.ino}, forget.nlookup);
  fuse_reply_none(request);
}

void ReadLink(fuse_req_t request, fuse_ino_t node) {
  const absl::StatusOr<std::string> target = ServiceOf(request).volume.ReadLink(NodeId{node});
  if (!target.ok()) return ReplyError(request, target.status());
  fuse_reply_readlink(request, target->c_str());
}

void MakeNode(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  Service& service = ServiceOf(request);
  const CachePromise promise(service.invalidator);
  const std::optional<Kind> kind = KindOf(mode);
  if (!kind) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  const absl::StatusOr<Caller> creator = CreatorOf(request);
  if (!creator.ok()) return ReplyError(request, creator.status());
  ReplyEntry(request, service.volume.MakeNode(*creator, NodeId{parent}, name, *kind, mode & ALLPERMS, device), promise);
}

void MakeDirectory(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  Service& service = ServiceOf(request);
  const CachePromise promise(service.invalidator);
  const absl::StatusOr<Caller> creator = CreatorOf(request);
  if (!creator.ok()) return ReplyError(request, creator.status());
  ReplyEntry(request, service.volume.MakeDirectory(*creator, NodeId{parent}, name, mode & ALLPERMS), promise);
}

void MakeSymlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  Service& service = ServiceOf(request);
  const CachePromise promise(service.invalidator);
  const absl::StatusOr<Caller> creator = CreatorOf(request);
  if (!creator.ok()) return ReplyError(request, creator.status());
  ReplyEntry(request, service.volume.MakeSymlink(*creator, NodeId{parent}, name, target), promise);
}

void Link(fuse_req_t request, fuse_ino_t node, fuse_ino_t new_parent, const char* new_name) {
  Service& service = ServiceOf(request);
  const CachePromise promise(service.invalidator);
  ReplyEntry(request, service.volume.Link(CallerOf(request), NodeId{node}, NodeId{new_parent}, new_name), promise);
}

void Unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  ReplyStatus(request, ServiceOf(request).volume.Unlink(CallerOf(request), NodeId{parent}, name));
}

void RemoveDirectory(fuse_req_t request, fuse_ino_t parent, const char* name) {
  ReplyStatus(request, ServiceOf(request).volume.RemoveDirectory(CallerOf(request), NodeId{parent}, name));
}

void Rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
            unsigned flags) {
  // The volume's flags are renameat2(2)'s. Whiteouts are for union file systems to store in, which this is not.
  static_assert(Volume::kRenameNoReplace == 1 && Volume::kRenameExchange == 2);
  if ((flags & ~(unsigned{Volume::kRenameNoReplace} | unsigned{Volume::kRenameExchange})) != 0) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  ReplyStatus(request, ServiceOf(request).volume.Rename(CallerOf(request), NodeId{parent}, name, NodeId{new_parent},
                                                        new_name, flags));
}

}  // namespace

void AddNameOperations(fuse_lowlevel_ops& operations) {
  operations.lookup = Lookup;
  operations.forget = Forget;
  operations.forget_multi = ForgetMany;
  operations.readlink = ReadLink;
  operations.mknod = MakeNode;
  operations.mkdir = MakeDirectory;
  operations.symlink = MakeSymlink;
  operations.link = Link;
  operations.unlink = Unlink;
  operations.rmdir = RemoveDirectory;
  operations.rename = Rename;
}

}  // namespace copse::fs
