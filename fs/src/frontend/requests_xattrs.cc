// Requests about extended attributes (xattr(7)), access control lists among them. Which names are kept is the volume's
// to say, and who may set which the kernel's.

#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/requests.h"

namespace copse::fs {
namespace {

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

/// The caller's supplementary groups; none where they cannot be told (a caller of another container).
std::vector<std::uint32_t> GroupsOf(fuse_req_t request) {
  std::vector<gid_t> groups(64);
  int count = fuse_req_getgroups(request, static_cast<int>(groups.size()), groups.data());
  if (count > static_cast<int>(groups.size())) {
    groups.resize(static_cast<std::size_t>(count));
    count = std::min(count, fuse_req_getgroups(request, count, groups.data()));
  }
  groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  return {groups.begin(), groups.end()};
}

void SetXattr(fuse_req_t request, fuse_ino_t node, const char* name, const char* value, std::size_t size, int flags) {
  const Volume::XattrMode mode = (flags & XATTR_CREATE) != 0    ? Volume::XattrMode::kCreate
                                 : (flags & XATTR_REPLACE) != 0 ? Volume::XattrMode::kReplace
                                                                : Volume::XattrMode::kSet;
  Caller caller = CallerOf(request);
  // Who sets an ACL and is not in the file's group takes its setgid bit away. The kernel would say so in a flag that
  // libfuse 3.14 does not know.
  if (caller.uid != 0 && std::string_view(name).starts_with("system.")) caller.groups = GroupsOf(request);
  ReplyStatus(request,
              ServiceOf(request).volume.SetXattr(caller, NodeId{node}, name, std::string_view(value, size), mode));
}

void GetXattr(fuse_req_t request, fuse_ino_t node, const char* name, std::size_t size) {
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
