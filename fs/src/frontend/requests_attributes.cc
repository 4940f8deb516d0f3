// Requests about what stat(2) and statfs(2) show. That a change of owner, size or contents takes setuid and setgid away
// is asked for by a flag of the request (see Wire), since only the kernel knows the caller's capabilities. A kernel
// before 5.11 sends the new mode along instead, or in a request of its own before a write.

#include <copse/base/clock.h>
#include <copse/base/status_macros.h>
#include <sys/statvfs.h>

#include <limits>

#include "frontend/requests.h"

namespace copse::fs {
namespace {

base::UnixNanoseconds NanosecondsOf(const timespec& time) {
  // 64 bits of nanoseconds reach from 1677 to 2262; a time beyond is kept as the nearest that can be.
  constexpr std::int64_t kSecond = 1'000'000'000;
  constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int64_t>::max() / kSecond - 1;
  if (time.tv_sec > kSecondsMax) return std::numeric_limits<std::int64_t>::max();
  if (time.tv_sec < -kSecondsMax) return std::numeric_limits<std::int64_t>::min();
  return time.tv_sec * kSecond + time.tv_nsec;
}

void GetAttributes(fuse_req_t request, fuse_ino_t node, fuse_file_info*) {
  Service& service = ServiceOf(request);
  const CachePromise promise(service.invalidator);
  ReplyAttributes(request, service.volume.GetAttributes(NodeId{node}), promise);
}

absl::StatusOr<AttributeChanges> ChangesOf(const OwnerMaps& owners, const struct stat& values, int to_set) {
  AttributeChanges changes;
  if ((to_set & FUSE_SET_ATTR_MODE) != 0) changes.mode = values.st_mode & ALLPERMS;
  if ((to_set & FUSE_SET_ATTR_UID) != 0) {
    COPSE_ASSIGN_OR_RETURN(changes.uid, owners.users.StoredForChange(values.st_uid));
  }
  if ((to_set & FUSE_SET_ATTR_GID) != 0) {
    COPSE_ASSIGN_OR_RETURN(changes.gid, owners.groups.StoredForChange(values.st_gid));
  }
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) changes.size = static_cast<std::uint64_t>(values.st_size);
  if ((to_set & FUSE_SET_ATTR_ATIME) != 0) changes.atime = NanosecondsOf(values.st_atim);
  if ((to_set & FUSE_SET_ATTR_MTIME) != 0) changes.mtime = NanosecondsOf(values.st_mtim);
  if ((to_set & FUSE_SET_ATTR_CTIME) != 0) changes.ctime = NanosecondsOf(values.st_ctim);
  // The kernel's "now" is that of its last tick, up to 10 ms old. Files written just before bear the exact time, and
  // must not look newer than one that is touched after them: so the volume asks its own clock.
  changes.atime_now = (to_set & FUSE_SET_ATTR_ATIME_NOW) != 0;
  changes.mtime_now = (to_set & FUSE_SET_ATTR_MTIME_NOW) != 0;
  return changes;
}

/// A request for nothing comes before a write, and of chown(2) to nobody in particular, and bears no flag. Both take
/// setuid and setgid away, but a chown of a stranger, which is not to be, looks like a write of one.
bool IsOwnersOrRoots(fuse_req_t request, NodeId node) {
  const std::uint32_t caller = fuse_req_ctx(request)->uid;
  const Service& service = ServiceOf(request);
  const absl::StatusOr<Attributes> attributes = service.volume.GetAttributes(node);
  return caller == 0 || (attributes.ok() && service.owners.users.Shown(attributes->uid) == caller);
}

void SetAttributes(fuse_req_t request, fuse_ino_t node, struct stat* values, int to_set, fuse_file_info*) {
  Service& service = ServiceOf(request);
  const CachePromise promise(service.invalidator);
  absl::StatusOr<AttributeChanges> changes = ChangesOf(service.owners, *values, to_set);
  if (!changes.ok()) return ReplyError(request, changes.status());
  const bool is_to_clear = service.wire.is_to_clear_privileges();
  const bool is_ambiguous = is_to_clear && Wire::AsksForNothing() && !IsOwnersOrRoots(request, NodeId{node});
  const bool clears = is_to_clear && (Wire::AsksForNothing() ? !is_ambiguous : Wire::ClearsSetid());
  changes->setid = SetidRuleOf(request, clears);
  absl::StatusOr<Attributes> shown = service.volume.SetAttributes(CallerOf(request), NodeId{node}, *changes);
  if (!is_ambiguous || !shown.ok() || shown->kind != Kind::kRegular) return ReplyAttributes(request, shown, promise);
  // A write itself says what it takes away, but nothing tells the kernel, which judges link(2) by the mode that it
  // has. So it is shown the mode of after a write; and as it may be none, not for longer than until it looks again.
  shown->mode = ModeAfter(SetidRuleOf(request, /*clears=*/true), shown->mode, shown->gid);
  const struct stat result = StatOf(service, *shown);
  fuse_reply_attr(request, &result, /*attr_timeout=*/0);
}

void StatFileSystem(fuse_req_t request, fuse_ino_t) {
  const absl::StatusOr<Volume::Space> space = ServiceOf(request).volume.GetSpace();
  if (!space.ok()) return ReplyError(request, space.status());
  struct statvfs result {};
  result.f_bsize = space->block_bytes;
  result.f_frsize = space->block_bytes;
  result.f_blocks = space->blocks;
  result.f_bfree = space->free_blocks;
  result.f_bavail = space->available_blocks;
  result.f_files = space->files;
  result.f_ffree = space->free_files;
  result.f_favail = space->free_files;
  result.f_namemax = space->name_bytes_max;
  fuse_reply_statfs(request, &result);
}

}  // namespace

void AddAttributeOperations(fuse_lowlevel_ops& operations) {
  operations.getattr = GetAttributes;
  operations.setattr = SetAttributes;
  operations.statfs = StatFileSystem;
}

}  // namespace copse::fs
