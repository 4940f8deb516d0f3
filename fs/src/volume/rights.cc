// Access control lists as attributes of the volume. The mode register holds what a mode can say, the xattr what it
// cannot; both follow one chmod or setfacl. Whether they let somebody in is judged by the kernel.
#include <sys/stat.h>

#include "volume/acl.h"
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

std::optional<acl::List> ListOf(const crdt::Tree& tree, NodeId node, std::string_view name) {
  const auto version = tree.Value(node, schema::kXattr, name);
  return version && version->value ? acl::Decode(*version->value) : std::nullopt;
}

bool IsMember(const Caller& caller, std::uint32_t group) {
  return caller.is_member ? caller.is_member(group) : caller.gid == group;
}

}  // namespace

std::vector<crdt::Field> Volume::State::RightsOfNew(const Caller& caller, NodeId directory, Kind kind,
                                                    std::uint32_t mode) const {
  const NodeId parent = projection->RepresentativeOf(directory);
  const bool has_rights = kind != Kind::kSymlink;
  const auto inherited = has_rights ? ListOf(tree(), parent, acl::kDefaultXattr) : std::nullopt;
  std::vector<crdt::Field> fields;
  if (inherited) {
    const acl::List list = acl::Inherited(*inherited, mode);
    mode = (mode & ~std::uint32_t{ACCESSPERMS}) | acl::ModeOf(list);
    if (!acl::IsMinimal(list)) fields.push_back(schema::SetXattr(acl::kAccessXattr, acl::Encode(list)));
    if (kind == Kind::kDirectory) fields.push_back(schema::SetXattr(acl::kDefaultXattr, acl::Encode(*inherited)));
  } else if (has_rights) {
    mode &= ~caller.umask;
  }
  const auto [gid, inherits_setgid] = GroupFor(caller, directory);
  if (inherits_setgid && kind == Kind::kDirectory) mode |= S_ISGID;
  fields.push_back(schema::Set(schema::kMode, schema::EncodeUnsigned(mode & schema::kModeMask)));
  fields.push_back(schema::Set(schema::kUid, schema::EncodeUnsigned(caller.uid)));
  fields.push_back(schema::Set(schema::kGid, schema::EncodeUnsigned(gid)));
  return fields;
}

absl::StatusOr<std::vector<crdt::Field>> Volume::State::FieldsOfAcl(const Caller& caller, const Subject& subject,
                                                                    std::string_view name,
                                                                    std::string_view value) const {
  if (subject.kind == Kind::kSymlink) {
    return PosixError(std::errc::operation_not_supported, "a symbolic link has no access control list");
  }
  if (acl::IsEmptyValue(value)) return std::vector{schema::SetXattr(name, std::nullopt)};
  const std::optional<acl::List> list = acl::Decode(value);
  if (!list) return PosixError(std::errc::invalid_argument, "this is no access control list");
  if (name == acl::kDefaultXattr) {
    if (subject.kind != Kind::kDirectory) {
      return PosixError(std::errc::permission_denied, "only directories have default access control lists");
    }
    return std::vector{schema::SetXattr(name, acl::Encode(*list))};
  }
  const auto before = static_cast<std::uint32_t>(schema::UnsignedOf(tree(), subject.inode, schema::kMode).value_or(0));
  std::uint32_t mode = (before & ~std::uint32_t{ACCESSPERMS}) | acl::ModeOf(*list);
  const auto group = static_cast<std::uint32_t>(schema::UnsignedOf(tree(), subject.inode, schema::kGid).value_or(0));
  if (caller.uid != 0 && !IsMember(caller, group)) mode &= ~std::uint32_t{S_ISGID};
  const bool is_minimal = acl::IsMinimal(*list);
  return std::vector{schema::SetXattr(name, is_minimal ? std::nullopt : std::optional(acl::Encode(*list))),
                     schema::Set(schema::kMode, schema::EncodeUnsigned(mode))};
}

std::optional<std::string> Volume::State::ShownAcl(const Subject& subject, std::string_view name) const {
  auto list = ListOf(tree(), subject.inode, name);
  if (!list) return std::nullopt;
  if (name == acl::kAccessXattr) {
    list = acl::WithMode(*std::move(list), AttributesWith(subject, nullptr).mode);
  }
  return acl::Encode(*list);
}

}  // namespace copse::fs
