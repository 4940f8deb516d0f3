#include <copse/base/check.h>
#include <copse/base/hash.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>
#include <copse/replica/invitation.h>
#include <sodium.h>

#include <algorithm>

#include "invitations.h"
#include "signing.h"

// Binary, then base64 in the alphabet that needs no quoting. Four bytes of a hash at the end find what was mistyped or
// lost in copying.

namespace copse::replica {
namespace {

constexpr std::string_view kPrefix = "copse1-";
constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kTextMax = 4096;

std::string CheckOf(std::string_view bytes) {
  return std::string(base::AsBytes(base::Sha256(bytes)).substr(0, kCheckBytes));
}

absl::StatusOr<Invitation> Parse(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  Invitation invitation;
  COPSE_ASSIGN_OR_RETURN(const std::string_view volume, reader.Raw(invitation.volume.size()));
  std::copy(volume.begin(), volume.end(), reinterpret_cast<char*>(invitation.volume.data()));
  COPSE_ASSIGN_OR_RETURN(invitation.inviter, reader.Raw(kSigningPublicBytes));
  COPSE_ASSIGN_OR_RETURN(invitation.secret, reader.Raw(kInvitationSecretBytes));
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t expires, reader.U64());
  invitation.expires = static_cast<base::UnixNanoseconds>(expires);
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t count, reader.U8());
  for (std::uint8_t i = 0; i < count; ++i) {
    COPSE_ASSIGN_OR_RETURN(const std::string_view endpoint, reader.LengthPrefixed());
    invitation.endpoints.emplace_back(endpoint);
  }
  COPSE_RETURN_IF_ERROR(reader.ExpectEnd());
  return invitation;
}

}  // namespace

std::string EncodeInvitation(const Invitation& invitation) {
  COPSE_CHECK(invitation.endpoints.size() <= 255);
  crdt::ByteWriter writer;
  writer.Raw(base::AsBytes(invitation.volume));
  writer.Raw(invitation.inviter);
  writer.Raw(invitation.secret);
  writer.U64(static_cast<std::uint64_t>(invitation.expires));
  writer.U8(static_cast<std::uint8_t>(invitation.endpoints.size()));
  for (const std::string& endpoint : invitation.endpoints) writer.LengthPrefixed(endpoint);
  const std::string bytes = writer.bytes() + CheckOf(writer.bytes());
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    kVariant);
  text.resize(text.find('\0'));
  return std::string(kPrefix) + text;
}

absl::StatusOr<Invitation> DecodeInvitation(std::string_view text) {
  if (text.substr(0, kPrefix.size()) != kPrefix) {
    return absl::InvalidArgumentError("this is no invitation: it does not begin with " + std::string(kPrefix));
  }
  const absl::Status cut = absl::InvalidArgumentError("the invitation was cut off or mistyped; copy the whole line");
  const std::string_view body = text.substr(kPrefix.size());
  if (body.size() > kTextMax) return cut;
  std::string bytes(body.size(), '\0');
  std::size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), body.data(), body.size(), nullptr,
                        &length, nullptr, kVariant) != 0 ||
      length < kCheckBytes) {
    return cut;
  }
  bytes.resize(length);
  const std::string_view content = std::string_view(bytes).substr(0, length - kCheckBytes);
  if (CheckOf(content) != bytes.substr(content.size())) return cut;
  absl::StatusOr<Invitation> invitation = Parse(content);
  if (!invitation.ok()) return cut;
  return invitation;
}

}  // namespace copse::replica
