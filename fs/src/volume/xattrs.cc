// Extended attributes: a register each, so that two replicas that set different ones both succeed.
#include "volume/volume_state.h"

namespace copse::fs {
namespace {

absl::Status CheckXattrName(std::string_view name) {
  if (name.empty() || name.size() > schema::kXattrNameBytesMax) {
    return PosixError(std::errc::result_out_of_range, "the name of an extended attribute has 1..255 bytes");
  }
  if (!schema::IsXattrName(name)) {
    return PosixError(std::errc::operation_not_supported, "no extended attributes of this namespace are kept");
  }
  return absl::OkStatus();
}

absl::Status NoSuchXattr(std::string_view name) {
  return PosixError(std::errc::no_message_available, "no extended attribute " + std::string(name));  // ENODATA.
}

const std::string* XattrOf(const crdt::Tree& tree, NodeId node, std::string_view name) {
  const crdt::RegisterVersion* version = tree.Value(node, schema::kXattr, name);
  return version != nullptr && version->value ? &*version->value : nullptr;
}

}  // namespace

absl::Status Volume::SetXattr(const Caller&, NodeId node, std::string_view name, std::string_view value,
                              XattrMode mode) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(CheckXattrName(name));
  if (value.size() > schema::kXattrValueBytesMax) {
    return PosixError(std::errc::argument_list_too_long, "an extended attribute has at most 64 KiB");
  }
  COPSE_RETURN_IF_ERROR(state_->EnsureSpace(value.size()));
  const base::UnixNanoseconds now = state_->env.clock.Now();
  const State::TreeWriteLock lock(state_->tree_mutex);
  COPSE_RETURN_IF_ERROR(state_->KindOrError(node).status());
  const bool exists = XattrOf(state_->tree(), node, name) != nullptr;
  if (mode == XattrMode::kCreate && exists) {
    return PosixError(std::errc::file_exists, "there is an extended attribute " + std::string(name));
  }
  if (mode == XattrMode::kReplace && !exists) return NoSuchXattr(name);
  Batch batch(state_->replica);
  batch.Set(node, {schema::SetXattr(name, std::string(value)), schema::Set(schema::kCtime, schema::EncodeTime(now))});
  return state_->Commit(std::move(batch)).status();
}

absl::StatusOr<std::string> Volume::GetXattr(NodeId node, std::string_view name) {
  COPSE_RETURN_IF_ERROR(CheckXattrName(name));
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_RETURN_IF_ERROR(state_->KindOrError(node).status());
  const std::string* value = XattrOf(state_->tree(), node, name);
  if (value == nullptr) return NoSuchXattr(name);
  return *value;
}

absl::StatusOr<std::string> Volume::ListXattrs(NodeId node) {
  const State::TreeReadLock lock(state_->tree_mutex);
  COPSE_RETURN_IF_ERROR(state_->KindOrError(node).status());
  std::string names;
  for (const crdt::FieldId& field : state_->tree().FieldsOf(node, schema::kXattr)) {
    names += field.key;
    names += '\0';
  }
  return names;
}

absl::Status Volume::RemoveXattr(const Caller&, NodeId node, std::string_view name) {
  COPSE_RETURN_IF_ERROR(state_->CheckWritable());
  COPSE_RETURN_IF_ERROR(CheckXattrName(name));
  const base::UnixNanoseconds now = state_->env.clock.Now();
  const State::TreeWriteLock lock(state_->tree_mutex);
  COPSE_RETURN_IF_ERROR(state_->KindOrError(node).status());
  if (XattrOf(state_->tree(), node, name) == nullptr) return NoSuchXattr(name);
  Batch batch(state_->replica);
  batch.Set(node, {schema::SetXattr(name, std::nullopt), schema::Set(schema::kCtime, schema::EncodeTime(now))});
  return state_->Commit(std::move(batch)).status();
}

}  // namespace copse::fs
