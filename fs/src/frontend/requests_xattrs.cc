// Requests about extended attributes (xattr(7)), access control lists among them. Which names are kept is the volume's
// to say, and who may set which the kernel's.

#include <copse/base/status_macros.h>
#include <sys/xattr.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "frontend/requests.h"
#include "volume/acl.h"

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

/// A list of what the mount shows, naming those whom the volume holds. Bytes that are no list are the volume's to
/// refuse. Errors: those of OwnerMap::StoredForChange.
absl::StatusOr<std::string> StoredAcl(const OwnerMaps& owners, std::string_view value) {
  std::optional<acl::List> list = acl::Decode(value);
  if (!list) return std::string(value);
  for (acl::Entry& entry : *list) {
    if (entry.tag != acl::Tag::kUser && entry.tag != acl::Tag::kNamedGroup) continue;
    const OwnerMap& map = entry.tag == acl::Tag::kUser ? owners.users : owners.groups;
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::uint32_t> stored, map.StoredForChange(entry.id));
    entry.id = stored.value_or(entry.id);
  }
  return acl::Encode(*list);
}

/// The other way round.
std::string ShownAcl(const OwnerMaps& owners, std::string value) {
  std::optional<acl::List> list = acl::Decode(value);
  if (!list) return value;
  for (acl::Entry& entry : *list) {
    if (entry.tag == acl::Tag::kUser) entry.id = owners.users.Shown(entry.id);
    if (entry.tag == acl::Tag::kNamedGroup) entry.id = owners.groups.Shown(entry.id);
  }
  return acl::Encode(*list);
}

void SetXattr(fuse_req_t request, fuse_ino_t node, const char* name, const char* value, std::size_t size, int flags) {
  const Volume::XattrMode mode = (flags & XATTR_CREATE) != 0    ? Volume::XattrMode::kCreate
                                 : (flags & XATTR_REPLACE) != 0 ? Volume::XattrMode::kReplace
                                                                : Volume::XattrMode::kSet;
  Caller caller = CallerOf(request);
  // Who sets an ACL and is not in the file's group takes its setgid bit away. The kernel would say so in a flag that
  // libfuse 3.14 does not know.
  if (acl::IsXattr(name)) caller.is_member = SetidRuleOf(request, true).is_member;
  Service& service = ServiceOf(request);
  const std::string_view given(value, size);
  const absl::StatusOr<std::string> stored =
      acl::IsXattr(name) ? StoredAcl(service.owners, given) : absl::StatusOr<std::string>(given);
  if (!stored.ok()) return ReplyError(request, stored.status());
  ReplyStatus(request, service.volume.SetXattr(caller, NodeId{node}, name, *stored, mode));
}

void GetXattr(fuse_req_t request, fuse_ino_t node, const char* name, std::size_t size) {
  absl::StatusOr<std::string> value = ServiceOf(request).volume.GetXattr(NodeId{node}, name);
  if (!value.ok()) return ReplyError(request, value.status());
  if (acl::IsXattr(name)) value = ShownAcl(ServiceOf(request).owners, *std::move(value));
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
