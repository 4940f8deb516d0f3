#pragma once

#include <absl/status/status.h>
#include <copse/crdt/op.h>
#include <copse/crdt/tree.h>
#include <copse/fs/attributes.h>
#include <copse/fs/content.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The registers that the inode layer keeps in the nodes of the tree: their numbers, and the form of their values.
/// docs/format/inodes.md.
namespace copse::fs::schema {

using crdt::NodeId;
using crdt::Timestamp;

enum Register : std::uint32_t {
  kKind = 1,
  kMode = 2,
  kUid = 3,
  kGid = 4,
  kMtime = 5,
  kCtime = 6,
  kDevice = 7,
  kSymlinkTarget = 8,
  kInode = 9,      ///< Of a dentry: the node that it names.
  kContent = 10,   ///< Multi-value: the versions of a file's bytes.
  kUnlinked = 11,  ///< Multi-value: what each deletion of a last name knew of the contents.
  kPurged = 12,    ///< Of what lies in trash: what its purge knew.
  kLabel = 13,     ///< Multi-value, of the forest, keyed by actor: what the names that a replica's claims get bear.
  kXattr = 16,     ///< Keyed by the attribute's name.
};

inline constexpr std::size_t kNameBytesMax = 255;
inline constexpr std::size_t kSymlinkBytesMax = 4095;
inline constexpr std::size_t kXattrNameBytesMax = 255;
inline constexpr std::size_t kXattrValueBytesMax = 64 * 1024;
inline constexpr std::uint32_t kModeMask = 07777;
inline constexpr std::size_t kLabelBytesMax = 16;

/// Which heads the author of a last name's deletion saw: `dropped` was shown under that name (with its equals), `kept`
/// are the others. Ascending, without duplicates.
struct Unlinked {
  std::vector<Timestamp> dropped;
  std::vector<Timestamp> kept;
  friend bool operator==(const Unlinked&, const Unlinked&) = default;
};

/// What a purge names; anything else voids it.
struct Purged {
  Timestamp claim;
  std::vector<Timestamp> heads;  ///< Ascending, without duplicates.
  friend bool operator==(const Purged&, const Purged&) = default;
};

std::string EncodeKind(Kind kind);
std::string EncodeUnsigned(std::uint64_t value);
std::string EncodeTime(base::UnixNanoseconds time);
std::string EncodeNode(NodeId node);
std::string EncodeUnlinked(const Unlinked& unlinked);
std::string EncodePurged(const Purged& purged);

// The inverses. Nothing for bytes that the encoder does not write: they may come from anyone.
std::optional<Kind> DecodeKind(std::string_view bytes);
std::optional<std::uint64_t> DecodeUnsigned(std::string_view bytes);
std::optional<base::UnixNanoseconds> DecodeTime(std::string_view bytes);
std::optional<NodeId> DecodeNode(std::string_view bytes);
std::optional<Unlinked> DecodeUnlinked(std::string_view bytes);
std::optional<Purged> DecodePurged(std::string_view bytes);

/// A last-writer-wins write of register `number`.
crdt::Field Set(Register number, std::string value);
crdt::Field SetXattr(std::string_view name, std::optional<std::string> value);
/// A multi-value write: a version (or none) that replaces others, which are sorted here.
crdt::Field Replace(Register number, std::optional<std::string> value, std::vector<Timestamp> replaces);

/// Labels the author of the op, for ever: of several only the first counts.
crdt::Field SetLabel(crdt::ActorId author, std::string label);
/// The key of an actor's label register: four digits, hexadecimal.
std::string LabelKey(crdt::ActorId actor);

// Typed reads of a tree.
std::optional<Kind> KindOf(const crdt::Tree& tree, NodeId node);  ///< Directory for kRoot.
std::optional<NodeId> InodeOf(const crdt::Tree& tree, NodeId dentry);
std::optional<std::uint64_t> UnsignedOf(const crdt::Tree& tree, NodeId node, Register number);
/// The times of the live content versions, ascending.
std::vector<Timestamp> HeadsOf(const crdt::Tree& tree, NodeId inode);
/// Whether a purge of what lies in trash as `node` holds: nobody placed it or wrote it without the purge's knowing.
bool IsPurged(const crdt::Tree& tree, NodeId node);
/// The version shown as the file: the highest; nothing for a file never written.
std::optional<std::pair<Timestamp, Manifest>> ShownHead(const crdt::Tree& tree, NodeId inode);

/// The label that `actor` gave itself; LabelKey where it gave none.
std::string LabelOf(const crdt::Tree& tree, crdt::ActorId actor);

/// Whether `label` may be one: 1..16 of a-z and 0-9.
bool IsLabel(std::string_view label);
/// Whether `name` may be stored for an entry of a directory.
bool IsEntryName(std::string_view name);
/// Whether `name` is in a namespace of extended attributes that is kept.
bool IsXattrName(std::string_view name);

}  // namespace copse::fs::schema
