// Requests about extended attributes (xattr(7)). Names of the "system" namespace are refused: the kernel keeps access
// control lists there, which this file system does not enforce, and an ACL that is stored and not enforced would be
// worse than none. EOPNOTSUPP also has ls(1) and cp(1) stop asking for each file.

#include <sys/xattr.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "frontend/requests.h"

namespace copse::fs {
namespace {

bool IsSupported(std::string_view name) {
  return name.starts_with("user.") || name.starts_with("security.") || name.starts_with("trusted.");
}

/// xattr(7)'s way to return a value: its length where the caller gives no room, ERANGE where too little.
void ReplyValue(fuse_req_t request, std::string_view value, std::size_t room) {
  if (room == 0) {
    fuse_reply_xattr(request, value.size());
  } else if (value.size() > room) {
    fuse_reply_err(request, ERANGE);
  } else {
    fuse_reply_buf(request, value.data(), value.size());
  }
}

/// Names that only a privileged process may see, taken out (ext4 does so; the kernel leaves it to the file system).
std::string WithoutTrusted(std::string_view names) {
  std::string kept;
  for (std::size_t end = names.find('\0'); end != names.npos; end = names.find('\0')) {
    if (!names.starts_with("trusted.")) kept += names.substr(0, end + 1);
    names.remove_prefix(end + 1);
  }
  return kept;
}

void SetXattr(fuse_req_t request, fuse_ino_t node, const char* name, const char* value, std::size_t size, int flags) {
  if (!IsSupported(name)) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  const Volume::XattrMode mode = (flags & XATTR_CREATE) != 0    ? Volume::XattrMode::kCreate
                                 : (flags & XATTR_REPLACE) != 0 ? Volume::XattrMode::kReplace
                                                                : Volume::XattrMode::kSet;
  ReplyStatus(request, ServiceOf(request).volume.SetXattr(CallerOf(request), NodeId{node}, name,
                                                          std::string_view(value, size), mode));
}

void GetXattr(fuse_req_t request, fuse_ino_t node, const char* name, std::size_t size) {
  if (!IsSupported(name)) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  const absl::StatusOr<std::string> value = ServiceOf(request).volume.GetXattr(NodeId{node}, name);
  if (!value.ok()) return ReplyError(request, value.status());
  ReplyValue(request, *value, size);
}

void ListXattrs(fuse_req_t request, fuse_ino_t node, std::size_t size) {
  absl::StatusOr<std::string> names = ServiceOf(request).volume.ListXattrs(NodeId{node});
  if (!names.ok()) return ReplyError(request, names.status());
  if (CallerOf(request).uid != 0) names = WithoutTrusted(*names);
  ReplyValue(request, *names, size);
}

void RemoveXattr(fuse_req_t request, fuse_ino_t node, const char* name) {
  if (!IsSupported(name)) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  ReplyStatus(request, ServiceOf(request).volume.RemoveXattr(CallerOf(request), NodeId{node}, name));
}

}  // namespace

void AddXattrOperations(fuse_lowlevel_ops& operations) {
  operations.setxattr = SetXattr;
  operations.getxattr = GetXattr;
  operations.listxattr = ListXattrs;
  operations.removexattr = RemoveXattr;
}

}  // namespace copse::fs
