// What an op may say, judged without looking at any other op, so that every replica judges alike. Kind and inode of a
// node are fixed by the op that makes it: the type of a node can then never change under the projection's feet.
#include <copse/fs/volume.h>

#include "volume/acl.h"
#include "volume/schema.h"

namespace copse::fs {
namespace {

absl::Status Refuse(const std::string& rule) { return absl::InvalidArgumentError("file system op: " + rule); }

bool IsUnsignedUpTo(const std::optional<std::uint64_t>& value, std::uint64_t maximum) {
  return value.has_value() && *value <= maximum;
}

absl::Status ValidatePlace(const crdt::Place& place) {
  if (place.parent == crdt::kForest) return Refuse("nothing is placed beside the root");
  if (place.parent == crdt::kFileInodes) {
    return place.name.empty() ? absl::OkStatus() : Refuse("an inode has the empty name");
  }
  if (!schema::IsEntryName(place.name))
    return Refuse("a name has 1..255 bytes without '/' and NUL, and is not . or ..");
  return absl::OkStatus();
}

absl::Status ValidateKind(const crdt::Op& op, std::string_view value) {
  const auto kind = schema::DecodeKind(value);
  if (!kind) return Refuse("unknown kind");
  if (op.child != op.time.node() || !op.place) return Refuse("only the op that makes a node sets its kind");
  if ((*kind == Kind::kDirectory) == (op.place->parent == crdt::kFileInodes)) {
    return Refuse("directories stand under directories, every other kind under the inodes");
  }
  return absl::OkStatus();
}

absl::Status ValidateInode(const crdt::Op& op, std::string_view value) {
  const auto inode = schema::DecodeNode(value);
  if (!inode || crdt::IsPermanent(*inode) || *inode == op.child) return Refuse("a dentry names an inode");
  if (op.child != op.time.node() || !op.place) return Refuse("only the op that makes a dentry says what it names");
  if (op.place->parent == crdt::kFileInodes) return Refuse("a dentry stands under a directory");
  for (const crdt::Field& field : op.fields) {
    if (field.id.number == schema::kKind) return Refuse("a dentry has no kind");
  }
  return absl::OkStatus();
}

absl::Status ValidateXattr(const crdt::Field& field) {
  if (field.id.key.size() > schema::kXattrNameBytesMax || !schema::IsXattrName(field.id.key) ||
      field.id.key.find('\0') != std::string::npos) {
    return Refuse("no such extended attribute can be");
  }
  if (field.value && field.value->size() > schema::kXattrValueBytesMax) return Refuse("extended attribute too long");
  if (field.value && acl::IsXattr(field.id.key) && !acl::Decode(*field.value)) return Refuse("malformed ACL");
  return absl::OkStatus();
}

absl::Status ValidateVersions(const crdt::Op& op, const crdt::Field& field) {
  if (!field.replaces) return Refuse("contents and deletions are multi-value registers");
  // A version is numbered like the node that its op would make, so that its number can be an inode's.
  if (op.place && field.id.number == schema::kContent) return Refuse("contents are written by an op without a place");
  if (!field.value) return absl::OkStatus();
  if (field.id.number == schema::kContent) return DecodeManifest(*field.value).status();
  return schema::DecodeUnlinked(*field.value) ? absl::OkStatus() : Refuse("malformed list of heads");
}

// Only its author writes an actor's label, and nobody takes it back, so that the first stays the first.
absl::Status ValidateLabel(const crdt::Op& op, const crdt::Field& field) {
  if (op.child != crdt::kForest) return Refuse("labels are kept by the forest");
  if (field.id.key != schema::LabelKey(op.time.actor())) return Refuse("a label is its author's own");
  if (!field.replaces || !field.replaces->empty() || !field.value) return Refuse("a label is for ever");
  return schema::IsLabel(*field.value) ? absl::OkStatus() : Refuse("a label has 1..16 of a-z and 0-9");
}

// Registers with one value that is always there.
absl::Status ValidateValue(const crdt::Op& op, std::uint32_t number, std::string_view value) {
  const bool fits = [&] {
    switch (number) {
      case schema::kMode:
        return IsUnsignedUpTo(schema::DecodeUnsigned(value), schema::kModeMask);
      case schema::kUid:
      case schema::kGid:
        return IsUnsignedUpTo(schema::DecodeUnsigned(value), UINT32_MAX);
      case schema::kMtime:
      case schema::kCtime:
        return schema::DecodeTime(value).has_value();
      case schema::kDevice:
        return schema::DecodeUnsigned(value).has_value();
      case schema::kSymlinkTarget:
        return !value.empty() && value.size() <= schema::kSymlinkBytesMax &&
               value.find('\0') == std::string_view::npos && op.child == op.time.node();
      case schema::kPurged:
        return schema::DecodePurged(value).has_value();
      default:
        return true;
    }
  }();
  return fits ? absl::OkStatus() : Refuse("malformed value of register " + std::to_string(number));
}

absl::Status ValidateField(const crdt::Op& op, const crdt::Field& field) {
  const std::uint32_t number = field.id.number;
  if (number == 0 || (number > schema::kLabel && number != schema::kXattr)) return absl::OkStatus();  // From later.
  if (number == schema::kContent || number == schema::kUnlinked) return ValidateVersions(op, field);
  if (number == schema::kLabel) return ValidateLabel(op, field);
  if (field.replaces) return Refuse("register " + std::to_string(number) + " has one value");
  if (number == schema::kXattr) return ValidateXattr(field);
  if (!field.id.key.empty()) return Refuse("register " + std::to_string(number) + " has no key");
  if (!field.value) return Refuse("register " + std::to_string(number) + " cannot be cleared");
  if (number == schema::kKind) return ValidateKind(op, *field.value);
  if (number == schema::kInode) return ValidateInode(op, *field.value);
  return ValidateValue(op, number, *field.value);
}

}  // namespace

absl::Status ValidateFileSystemOp(const crdt::Op& op) {
  if (op.place) {
    if (absl::Status status = ValidatePlace(*op.place); !status.ok()) return status;
  }
  for (const crdt::Field& field : op.fields) {
    if (absl::Status status = ValidateField(op, field); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace copse::fs
