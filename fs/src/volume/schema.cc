// The values are small and read often, so each has the shortest form that has one encoding only: integers are varints,
// strings are themselves. What an op of a peer may carry is decided once, in validate.cc; the readers here meet only
// validated values, but treat anything else as absent rather than trust that.
#include "volume/schema.h"

#include <copse/crdt/bytes.h>

#include <algorithm>

#include "volume/acl.h"

namespace copse::fs::schema {
namespace {

void WriteTimes(crdt::ByteWriter& writer, const std::vector<Timestamp>& times) {
  writer.Varint(times.size());
  for (const Timestamp time : times) writer.Varint(time.value);
}

std::optional<std::vector<Timestamp>> ReadTimes(crdt::ByteReader& reader) {
  const auto count = reader.Varint();
  if (!count.ok() || *count > reader.remaining()) return std::nullopt;
  std::vector<Timestamp> times;
  times.reserve(*count);
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto value = reader.Varint();
    if (!value.ok() || *value == 0 || (!times.empty() && *value <= times.back().value)) return std::nullopt;
    times.push_back(Timestamp{*value});
  }
  return times;
}

std::optional<std::string_view> ValueOf(const crdt::Tree& tree, NodeId node, Register number) {
  const auto version = tree.Value(node, number);
  return version ? version->value : std::nullopt;
}

}  // namespace

std::string EncodeKind(Kind kind) { return std::string(1, static_cast<char>(kind)); }

std::string EncodeUnsigned(std::uint64_t value) {
  crdt::ByteWriter writer;
  writer.Varint(value);
  return std::move(writer).Take();
}

std::string EncodeTime(base::UnixNanoseconds time) {
  crdt::ByteWriter writer;
  writer.SignedVarint(time);
  return std::move(writer).Take();
}

std::string EncodeNode(NodeId node) { return EncodeUnsigned(node.value); }

std::string EncodeUnlinked(const Unlinked& unlinked) {
  crdt::ByteWriter writer;
  WriteTimes(writer, unlinked.dropped);
  WriteTimes(writer, unlinked.kept);
  return std::move(writer).Take();
}

std::string EncodePurged(const Purged& purged) {
  crdt::ByteWriter writer;
  writer.Varint(purged.claim.value);
  WriteTimes(writer, purged.heads);
  return std::move(writer).Take();
}

std::optional<Kind> DecodeKind(std::string_view bytes) {
  if (bytes.size() != 1) return std::nullopt;
  const auto value = static_cast<std::uint8_t>(bytes[0]);
  if (value < static_cast<std::uint8_t>(Kind::kDirectory) || value > static_cast<std::uint8_t>(Kind::kBlockDevice)) {
    return std::nullopt;
  }
  return static_cast<Kind>(value);
}

std::optional<std::uint64_t> DecodeUnsigned(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  const auto value = reader.Varint();
  if (!value.ok() || reader.remaining() != 0) return std::nullopt;
  return *value;
}

std::optional<base::UnixNanoseconds> DecodeTime(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  const auto value = reader.SignedVarint();
  if (!value.ok() || reader.remaining() != 0) return std::nullopt;
  return *value;
}

std::optional<NodeId> DecodeNode(std::string_view bytes) {
  const auto value = DecodeUnsigned(bytes);
  if (!value) return std::nullopt;
  return NodeId{*value};
}

std::optional<Unlinked> DecodeUnlinked(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  auto dropped = ReadTimes(reader);
  if (!dropped) return std::nullopt;
  auto kept = ReadTimes(reader);
  if (!kept || reader.remaining() != 0) return std::nullopt;
  return Unlinked{std::move(*dropped), std::move(*kept)};
}

std::optional<Purged> DecodePurged(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  const auto claim = reader.Varint();
  if (!claim.ok()) return std::nullopt;
  auto heads = ReadTimes(reader);
  if (!heads || reader.remaining() != 0) return std::nullopt;
  return Purged{Timestamp{*claim}, std::move(*heads)};
}

crdt::Field Set(Register number, std::string value) {
  crdt::Field field;
  field.id.number = number;
  field.value = std::move(value);
  return field;
}

crdt::Field SetXattr(std::string_view name, std::optional<std::string> value) {
  crdt::Field field;
  field.id.number = kXattr;
  field.id.key = std::string(name);
  field.value = std::move(value);
  return field;
}

crdt::Field Replace(Register number, std::optional<std::string> value, std::vector<Timestamp> replaces) {
  std::sort(replaces.begin(), replaces.end());
  replaces.erase(std::unique(replaces.begin(), replaces.end()), replaces.end());
  crdt::Field field;
  field.id.number = number;
  field.value = std::move(value);
  field.replaces = std::move(replaces);
  return field;
}

crdt::Field SetLabel(crdt::ActorId author, std::string label) {
  crdt::Field field = Replace(kLabel, std::move(label), {});
  field.id.key = LabelKey(author);
  return field;
}

std::string LabelKey(crdt::ActorId actor) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string key;
  for (int shift = 12; shift >= 0; shift -= 4) key += kDigits[(actor >> shift) & 0xf];
  return key;
}

std::optional<Kind> KindOf(const crdt::Tree& tree, NodeId node) {
  if (node == crdt::kRoot) return Kind::kDirectory;
  const auto value = ValueOf(tree, node, kKind);
  return !value ? std::nullopt : DecodeKind(*value);
}

std::optional<NodeId> InodeOf(const crdt::Tree& tree, NodeId dentry) {
  const auto value = ValueOf(tree, dentry, kInode);
  return !value ? std::nullopt : DecodeNode(*value);
}

std::optional<std::uint64_t> UnsignedOf(const crdt::Tree& tree, NodeId node, Register number) {
  const auto value = ValueOf(tree, node, number);
  return !value ? std::nullopt : DecodeUnsigned(*value);
}

std::vector<Timestamp> HeadsOf(const crdt::Tree& tree, NodeId inode) {
  std::vector<Timestamp> heads;
  for (const crdt::RegisterVersionView& version : tree.Versions(inode, kContent)) heads.push_back(version.time);
  return heads;
}

bool IsPurged(const crdt::Tree& tree, NodeId node) {
  const auto value = ValueOf(tree, node, kPurged);
  const auto purged = !value ? std::nullopt : DecodePurged(*value);
  const auto placement = tree.PlacementOf(node);
  if (!purged || !placement || purged->claim != placement->claim) return false;
  const std::vector<Timestamp> heads = HeadsOf(tree, InodeOf(tree, node).value_or(node));
  return std::includes(purged->heads.begin(), purged->heads.end(), heads.begin(), heads.end());
}

std::optional<std::pair<Timestamp, Manifest>> ShownHead(const crdt::Tree& tree, NodeId inode) {
  const auto versions = tree.Versions(inode, kContent);
  if (versions.empty() || !versions.back().value) return std::nullopt;
  auto manifest = DecodeManifest(*versions.back().value);
  if (!manifest.ok()) return std::nullopt;
  return std::pair{versions.back().time, std::move(*manifest)};
}

std::string LabelOf(const crdt::Tree& tree, crdt::ActorId actor) {
  std::string key = LabelKey(actor);
  const auto versions = tree.Versions(crdt::kForest, kLabel, key);
  return versions.empty() ? std::move(key) : std::string(*versions.front().value);
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && std::all_of(label.begin(), label.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

bool IsEntryName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

bool IsXattrName(std::string_view name) {
  for (const std::string_view prefix : {"user.", "trusted.", "security."}) {
    if (name.size() > prefix.size() && name.substr(0, prefix.size()) == prefix) return true;
  }
  return acl::IsXattr(name);
}

}  // namespace copse::fs::schema
