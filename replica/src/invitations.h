#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/random.h>
#include <copse/base/storage.h>
#include <copse/replica/member.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace copse::replica {

inline constexpr std::size_t kInvitationSecretBytes = 32;

/// The invitations of this replica that have not expired, in STORE/invitations: docs/format/store.md. Kept is the hash
/// of each secret only. Not thread-safe.
class Invitations {
 public:
  /// Errors: kDataLoss the file is damaged.
  static absl::StatusOr<Invitations> Read(base::Storage& storage, std::string path);

  /// Makes one that is good until `expires`; returns its secret. Durable when it returns.
  absl::StatusOr<std::string> Add(base::Random& random, Role role, base::UnixNanoseconds now,
                                  base::UnixNanoseconds expires);

  /// The role that `secret` gives the owner of `key`, and from now on to nobody else. Durable when it returns.
  /// Errors: kPermissionDenied no such invitation, used by another, or expired.
  absl::StatusOr<Role> Use(std::string_view secret, const std::string& key, base::UnixNanoseconds now);

 private:
  struct Invitation {
    std::string secret_hash;  // Hex of SHA-256.
    Role role = Role::kWriter;
    base::UnixNanoseconds expires = 0;
    std::string key;  // Hex of whose it is; empty until used.
  };

  Invitations(base::Storage& storage, std::string path) : storage_(&storage), path_(std::move(path)) {}
  absl::Status Write() const;

  base::Storage* storage_;
  std::string path_;
  std::vector<Invitation> invitations_;
};

}  // namespace copse::replica
