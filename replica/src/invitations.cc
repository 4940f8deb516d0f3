#include "invitations.h"

#include <copse/base/hash.h>
#include <copse/base/status_macros.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "json_number.h"

namespace copse::replica {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kInvitationsFormat = 1;

std::string HashOf(std::string_view secret) {
  return base::Hex(base::AsBytes(base::Sha256("copse invitation" + std::string(secret))));
}

}  // namespace

absl::StatusOr<Invitations> Invitations::Read(base::Storage& storage, std::string path) {
  Invitations result(storage, std::move(path));
  const absl::StatusOr<std::string> text = base::ReadWholeFile(storage, result.path_);
  if (absl::IsNotFound(text.status())) return result;
  COPSE_RETURN_IF_ERROR(text.status());
  const absl::Status damaged =
      absl::DataLossError(result.path_ + " is damaged; remove it, which makes open invitations void");
  const Json object = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return damaged;
  try {
    if (NumberOf<std::uint32_t>(object.at("format")) != kInvitationsFormat) return damaged;
    for (const Json& one : object.at("invitations")) {
      Invitation& invitation = result.invitations_.emplace_back();
      invitation.secret_hash = one.at("secret_hash").get<std::string>();
      const auto role = one.at("role").get<std::string>();
      if (role != NameOf(Role::kAdmin) && role != NameOf(Role::kWriter)) return damaged;
      invitation.role = role == NameOf(Role::kAdmin) ? Role::kAdmin : Role::kWriter;
      invitation.expires = NumberOf<base::UnixNanoseconds>(one.at("expires"));
      invitation.key = one.at("key").get<std::string>();
    }
  } catch (const Json::exception&) {
    return damaged;
  }
  return result;
}

absl::Status Invitations::Write() const {
  Json list = Json::array();
  for (const Invitation& one : invitations_) {
    list.push_back(
        {{"secret_hash", one.secret_hash}, {"role", NameOf(one.role)}, {"expires", one.expires}, {"key", one.key}});
  }
  const Json object = {{"format", kInvitationsFormat}, {"invitations", std::move(list)}};
  return base::ReplaceFile(*storage_, path_, object.dump(2) + "\n");
}

absl::StatusOr<std::string> Invitations::Add(base::Random& random, Role role, base::UnixNanoseconds now,
                                             base::UnixNanoseconds expires) {
  std::string secret = random.Bytes(kInvitationSecretBytes);
  std::erase_if(invitations_, [&](const Invitation& one) { return one.expires <= now; });
  invitations_.push_back({HashOf(secret), role, expires, ""});
  COPSE_RETURN_IF_ERROR(Write());
  return secret;
}

absl::StatusOr<Role> Invitations::Use(std::string_view secret, const std::string& key, base::UnixNanoseconds now) {
  // What is compared is a hash of the secret, so the time that it takes tells nothing about the secret.
  const auto invitation =
      std::find_if(invitations_.begin(), invitations_.end(),
                   [hash = HashOf(secret)](const Invitation& one) { return one.secret_hash == hash; });
  if (invitation == invitations_.end()) {
    return absl::PermissionDeniedError("no such invitation here; ask for a new one: copse invite STORE");
  }
  const std::string user = base::Hex(key);
  if (invitation->key == user) return invitation->role;  // It broke off before, and comes again.
  if (!invitation->key.empty()) {
    return absl::PermissionDeniedError("the invitation has been used; ask for a new one: copse invite STORE");
  }
  if (invitation->expires <= now) {
    return absl::PermissionDeniedError("the invitation has expired; ask for a new one: copse invite STORE");
  }
  invitation->key = user;
  COPSE_RETURN_IF_ERROR(Write());
  return invitation->role;
}

}  // namespace copse::replica
