// Who makes a request, and what they may do and keep.

#include <copse/base/status_macros.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/requests.h"

namespace copse::fs {
namespace {

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

/// Whether the caller acts as a member of the group that the mount shows as `shown`.
bool IsMember(fuse_req_t request, std::uint32_t shown) {
  if (fuse_req_ctx(request)->gid == shown) return true;
  const std::vector<std::uint32_t> groups = GroupsOf(request);
  return std::find(groups.begin(), groups.end(), shown) != groups.end();
}

}  // namespace

Caller CallerOf(fuse_req_t request) {
  const fuse_ctx* const context = fuse_req_ctx(request);
  return Caller{context->uid, context->gid, context->umask, {}};
}

absl::StatusOr<Caller> CreatorOf(fuse_req_t request) {
  const OwnerMaps& owners = ServiceOf(request).owners;
  Caller caller = CallerOf(request);
  COPSE_ASSIGN_OR_RETURN(caller.uid, owners.users.StoredForNew(caller.uid));
  COPSE_ASSIGN_OR_RETURN(caller.gid, owners.groups.StoredForNew(caller.gid));
  return caller;
}

bool SurelyMayOpen(fuse_req_t request, const Attributes& directory, const Attributes& file, int flags) {
  if (file.kind != Kind::kRegular) return false;
  Service& service = ServiceOf(request);
  const fuse_ctx* const context = fuse_req_ctx(request);
  const bool reads = (flags & O_ACCMODE) != O_WRONLY;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
  const std::uint32_t wanted = (reads ? S_IROTH : 0U) | (writes ? S_IWOTH : 0U);
  if (service.owners.users.Shown(file.uid) == context->uid) return (file.mode >> 6 & wanted) == wanted;
  const bool is_for_owners = (directory.mode & S_ISVTX) != 0 || (flags & O_NOATIME) != 0;
  if (is_for_owners || service.volume.GetXattr(file.node, "system.posix_acl_access").ok()) return false;
  const bool is_member = IsMember(request, service.owners.groups.Shown(file.gid));
  return (file.mode >> (is_member ? 3 : 0) & wanted) == wanted;
}

bool MayKeepSetid(fuse_req_t request) {
  const fuse_ctx* const context = fuse_req_ctx(request);
  // proc(5): the capabilities in effect, in hexadecimal. Where they cannot be told (a caller of another container, or
  // one that is gone by now), the superuser has this one.
  // Line by line, since the first one holds a name that the process has given itself, in which a newline is escaped.
  std::ifstream status("/proc/" + std::to_string(context->pid) + "/status");
  constexpr std::string_view kEffective = "CapEff:";
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(kEffective)) continue;
    std::istringstream value(line.substr(kEffective.size()));
    std::uint64_t capabilities = 0;
    if (value >> std::hex >> capabilities) return (capabilities >> CAP_FSETID & 1) != 0;
  }
  return context->uid == 0;
}

SetidRule SetidRuleOf(fuse_req_t request, bool clears) {
  if (!clears) return {};
  return {true, [request](std::uint32_t group) {
            const std::uint32_t shown = ServiceOf(request).owners.groups.Shown(group);
            return fuse_req_ctx(request)->uid == 0 || IsMember(request, shown);
          }};
}

}  // namespace copse::fs
