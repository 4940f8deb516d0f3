#pragma once

#include <copse/base/clock.h>
#include <copse/crdt/ids.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace copse::fs {

using crdt::NodeId;

/// What an inode is (inode(7)).
enum class Kind : std::uint8_t {
  kDirectory = 1,
  kRegular = 2,
  kSymlink = 3,
  kFifo = 4,
  kSocket = 5,
  kCharacterDevice = 6,
  kBlockDevice = 7,
};

/// What stat(2) shows of an inode.
struct Attributes {
  NodeId node;  ///< st_ino, the same on every replica.
  Kind kind = Kind::kRegular;
  std::uint32_t mode = 0;  ///< The low 12 bits: permissions, setuid, setgid, sticky.
  std::uint32_t links = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t device = 0;  ///< st_rdev of a device, as makedev(3) makes it.
  std::uint64_t size = 0;    ///< Bytes.
  std::uint64_t blocks = 0;  ///< Of 512 bytes.
  base::UnixNanoseconds atime = 0;
  base::UnixNanoseconds mtime = 0;
  base::UnixNanoseconds ctime = 0;
  /// Programs change size and times without a call to the volume: they are right now, and perhaps no longer.
  bool passes_through = false;
};

/// What a change of contents or owner takes from setuid and setgid, as Linux has it since 6.2.
struct SetidRule {
  /// Whether it takes anything: the caller lacks CAP_FSETID, or changes the owner.
  bool clears = false;
  /// Whether the caller may act as a member of a group (a number of the volume's): the setgid bit of a file of that
  /// group, which the group may not execute, stays. Absent: it may. Called only where the answer matters.
  std::function<bool(std::uint32_t group)> is_member = {};
};

/// What `rule` leaves of the mode of a regular file whose group has the number `gid`.
std::uint32_t ModeAfter(const SetidRule& rule, std::uint32_t mode, std::uint32_t gid);

/// What setattr changes; absent members stay.
struct AttributeChanges {
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<std::uint64_t> size;
  std::optional<base::UnixNanoseconds> atime;
  std::optional<base::UnixNanoseconds> mtime;
  std::optional<base::UnixNanoseconds> ctime;
  bool atime_now = false;  ///< Takes precedence over `atime`; likewise below: the volume's clock says when.
  bool mtime_now = false;
  SetidRule setid;  ///< For changes of owner or size.
};

/// On whose behalf a call is made.
struct Caller {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t umask = 0;  ///< Taken from the mode of what is made, but in a directory with a default ACL.
  /// As SetidRule's; for SetXattr of an ACL only. Absent: a member of `gid` alone.
  std::function<bool(std::uint32_t group)> is_member = {};
};

}  // namespace copse::fs
