#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/random.h>
#include <copse/base/storage.h>
#include <copse/crdt/ids.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace copse::replica {

/// Names a volume: 16 random bytes, the same on all its replicas.
using VolumeId = std::array<std::uint8_t, 16>;

/// Who this replica is, and the keys it holds. Kept in STORE/identity, mode 0600; never logged, never sent.
struct Identity {
  VolumeId volume{};
  crdt::ActorId actor = 0;
  crdt::ActorId actor_range_end = 0;                ///< It may hand out, or use itself, [actor, actor_range_end).
  std::string label;                                ///< [a-z0-9]{1,16}; stands in generated names; never changes.
  std::string founder;                              ///< Ed25519 public key of who made the volume, 32 bytes.
  std::string inviter;                              ///< The same of who let this replica in; empty of the founder.
  std::string signing_public;                       ///< Ed25519, 32 bytes.
  std::string signing_secret;                       ///< Ed25519 in libsodium's form, 64 bytes.
  std::string volume_key;                           ///< 32 bytes; chunk borders derive from it.
  std::map<std::uint32_t, std::string> epoch_keys;  ///< Epoch -> 32 bytes; the highest seals what is new.

  /// The identity of the first replica of a new volume.
  static Identity New(base::Random& random, std::string label);
};

/// Whether `label` is [a-z0-9]{1,16}.
bool IsLabel(std::string_view label);

/// A label made of a host name: lower-cased, other characters dropped, cut; "replica" where nothing remains.
std::string LabelOfHostName(std::string_view host_name);

/// Writes and reads STORE/identity (docs/format/store.md).
/// Errors: kDataLoss damaged; kFailedPrecondition another format; kPermissionDenied readable by others than its owner.
absl::Status WriteIdentity(base::Storage& storage, const std::string& path, const Identity& identity);
absl::StatusOr<Identity> ReadIdentity(base::Storage& storage, const std::string& path);

}  // namespace copse::replica
