#pragma once

#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/replica/identity.h>

#include <string>
#include <string_view>
#include <vector>

namespace copse::replica {

/// What somebody needs to become a member once: handed over by a way that both people trust, as one line of text.
struct Invitation {
  VolumeId volume{};
  std::string inviter;                 ///< Ed25519 public key of the replica that admits, 32 bytes.
  std::string secret;                  ///< 32 bytes; whoever shows it first is admitted.
  base::UnixNanoseconds expires = 0;   ///< By the inviter's clock, which alone decides.
  std::vector<std::string> endpoints;  ///< Where the inviter listens, HOST:PORT.

  friend bool operator==(const Invitation&, const Invitation&) = default;
};

/// `copse1-` and letters, digits, '-' and '_': docs/format/invitation.md.
std::string EncodeInvitation(const Invitation& invitation);

/// The inverse, of text from anywhere. Errors: kInvalidArgument it is no invitation, or one that was cut off or
/// mistyped.
absl::StatusOr<Invitation> DecodeInvitation(std::string_view text);

}  // namespace copse::replica
