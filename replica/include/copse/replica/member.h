#pragma once

#include <copse/crdt/ids.h>

#include <cstdint>
#include <string>

namespace copse::replica {

/// What a member may do.
enum class Role : std::uint8_t {
  kAdmin = 1,   ///< Writes, and hands out memberships.
  kWriter = 2,  ///< Writes.
};

/// One membership, handed out in a frame of an admin's feed and signed with it: docs/format/frame.md.
struct Grant {
  std::string key;  ///< The member's Ed25519 public key, 32 bytes: who it is.
  Role role = Role::kWriter;
  crdt::ActorId actor = 0;      ///< The author of its ops.
  crdt::ActorId range_end = 0;  ///< [actor, range_end) are its to use, or of an admin to hand out.
  std::string label;            ///< [a-z0-9]{1,16}.

  friend bool operator==(const Grant&, const Grant&) = default;
};

/// A replica that belongs to the volume.
struct Member {
  Grant grant;
  crdt::ActorId granted_by = 0;  ///< Its own actor of who made the volume.
};

/// A key as people compare it: the first 16 bytes of its SHA-256, in groups of four hex digits.
std::string FingerprintOf(const std::string& key);

/// "admin" or "writer".
std::string NameOf(Role role);

}  // namespace copse::replica
