// Extended attributes: a register each, so that two replicas that set different ones both succeed.
#include "volume/acl.h"
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

absl::Status CheckXattrName(std::string_view name) {
  if (name.empty() || name.size() > schema::kXattrNameBytesMax) {
    return PosixError(std::errc::result_out_of_range, "the name of an extended attribute has 1..255 bytes");
  }
  if (name == "user." || name == "trusted." || name == "security.") {
    return PosixError(std::errc::invalid_argument, "an extended attribute has a name within its namespace");
  }
  if (!schema::IsXattrName(name)) {
    return PosixError(std::errc::operation_not_supported, "no extended attributes of this namespace are kept");
  }
  return absl::OkStatus();
}

// Says why an entry is called what it is called: derived, and so neither listed nor set.
constexpr std::string_view kConflictXattr = "user.copse.conflict";

absl::Status CheckXattrSettable(std::string_view name) {
  if (name != kConflictXattr) return absl::OkStatus();
  return PosixError(std::errc::operation_not_permitted, "user.copse.conflict says what is, and cannot be set");
}

absl::Status NoSuchXattr(std::string_view name) {
  return PosixError(std::errc::no_message_available, "no extended attribute " + std::string(name));  // ENODATA.
}

std::optional<std::string_view> XattrOf(const crdt::Tree& tree, NodeId node, std::string_view name) {
  const auto version = tree.Value(node, schema::kXattr, name);
  return version ? version->value : std::nullopt;
}

}  // namespace

absl::Status Volume::SetXattr(const Caller& caller, NodeId node, std::string_view name, std::string_view value,
                              XattrMode mode) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(CheckXattrName(name));
  COPSE_RETURN_IF_ERROR(CheckXattrSettable(name));
  if (value.size() > schema::kXattrValueBytesMax) {
    return PosixError(std::errc::argument_list_too_long, "an extended attribute has at most 64 KiB");
  }
  COPSE_RETURN_IF_ERROR(state_->EnsureSpace(value.size()));
  const base::UnixNanoseconds now = state_->env.clock.Now();
  Invalidations changed;
  {
    const State::TreeWriteLock lock(state_->tree_mutex);
    COPSE_ASSIGN_OR_RETURN(const State::Subject subject, state_->SubjectOf(node));
    const bool exists = XattrOf(state_->tree(), subject.inode, name).has_value();
    if (mode == XattrMode::kCreate && exists) {
      return PosixError(std::errc::file_exists, "there is an extended attribute " + std::string(name));
    }
    if (mode == XattrMode::kReplace && !exists) return NoSuchXattr(name);
    std::vector<crdt::Field> fields = {schema::SetXattr(name, std::string(value))};
    if (acl::IsXattr(name)) {
      COPSE_ASSIGN_OR_RETURN(fields, state_->FieldsOfAcl(caller, subject, name, value));
    }
    fields.push_back(schema::Set(schema::kCtime, schema::EncodeTime(now)));
    COPSE_ASSIGN_OR_RETURN(changed, state_->SetRegisters(subject, fields, now));
  }
  state_->Announce(std::move(changed), {node});
  return absl::OkStatus();
}

absl::StatusOr<std::string> Volume::GetXattr(NodeId node, std::string_view name) {
  COPSE_RETURN_IF_ERROR(CheckXattrName(name));
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_ASSIGN_OR_RETURN(const State::Subject subject, state_->SubjectOf(node));
  if (name == kConflictXattr) {
    std::string why = state_->WhyConflicting(subject);
    return why.empty() ? absl::StatusOr<std::string>(NoSuchXattr(name)) : std::move(why);
  }
  if (acl::IsXattr(name)) {
    std::optional<std::string> list = state_->ShownAcl(subject, name);
    return list ? absl::StatusOr<std::string>(*std::move(list)) : NoSuchXattr(name);
  }
  const auto value = XattrOf(state_->tree(), subject.inode, name);
  if (!value) return NoSuchXattr(name);
  return std::string(*value);
}

absl::StatusOr<std::string> Volume::ListXattrs(NodeId node) {
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_ASSIGN_OR_RETURN(const State::Subject subject, state_->SubjectOf(node));
  std::string names;
  for (const crdt::FieldId& field : state_->tree().FieldsOf(subject.inode, schema::kXattr)) {
    names += field.key;
    names += '\0';
  }
  return names;
}

absl::Status Volume::RemoveXattr(const Caller&, NodeId node, std::string_view name) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(CheckXattrName(name));
  COPSE_RETURN_IF_ERROR(CheckXattrSettable(name));
  const base::UnixNanoseconds now = state_->env.clock.Now();
  Invalidations changed;
  {
    const State::TreeWriteLock lock(state_->tree_mutex);
    COPSE_ASSIGN_OR_RETURN(const State::Subject subject, state_->SubjectOf(node));
    if (!XattrOf(state_->tree(), subject.inode, name)) {
      // Of access control lists, none is a value like any other.
      return acl::IsXattr(name) ? absl::OkStatus() : NoSuchXattr(name);
    }
    const std::vector<crdt::Field> fields = {schema::Set(schema::kCtime, schema::EncodeTime(now)),
                                             schema::SetXattr(name, std::nullopt)};
    COPSE_ASSIGN_OR_RETURN(changed, state_->SetRegisters(subject, fields, now));
  }
  state_->Announce(std::move(changed), {node});
  return absl::OkStatus();
}

}  // namespace copse::fs
