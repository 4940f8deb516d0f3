#include <copse/base/status_macros.h>
#include <copse/replica/invitation.h>

#include <chrono>
#include <string>
#include <vector>

#include "cli/exchanging.h"
#include "cli/reachable.h"
#include "cli/volume_commands.h"

namespace copse::cli {

absl::StatusOr<Json> ListMembers(const VolumeContext& context) {
  replica::Store& store = context.opened.store();
  const std::vector<replica::Member> members = store.members();
  Json list = Json::array();
  for (const replica::Member& member : members) {
    const replica::Grant& grant = member.grant;
    std::string by;
    for (const replica::Member& other : members) {
      if (other.grant.actor == member.granted_by && other.grant.key != grant.key) by = other.grant.label;
    }
    list.push_back({{"label", grant.label},
                    {"role", NameOf(grant.role)},
                    {"actor", grant.actor},
                    {"fingerprint", replica::FingerprintOf(grant.key)},
                    {"invited_by", by.empty() ? Json() : Json(by)},
                    {"self", grant.key == store.identity().signing_public}});
  }
  return Json{{"store", store.path()}, {"members", std::move(list)}};
}

absl::StatusOr<Json> Invite(const VolumeContext& context, const Json& arguments) {
  replica::Store& store = context.opened.store();
  const std::string role_name = arguments.value("role", "writer");
  const bool is_admin = role_name == NameOf(replica::Role::kAdmin);
  if (!is_admin && role_name != NameOf(replica::Role::kWriter)) {
    return absl::InvalidArgumentError("no role '" + role_name + "'; there are writer and admin");
  }
  auto endpoints = arguments.value("addresses", std::vector<std::string>());
  if (endpoints.empty()) {
    std::vector<std::string> listening =
        context.exchanging != nullptr ? context.exchanging->listening() : std::vector<std::string>();
    if (listening.empty()) listening = store.addresses().listen;
    for (const std::string& endpoint : listening) {
      for (std::string& reachable : ReachableAs(endpoint)) endpoints.push_back(std::move(reachable));
    }
  }
  if (endpoints.empty()) {
    return absl::FailedPreconditionError(
        "nobody could reach this replica: mount or serve it with --listen HOST:PORT first, or give --address "
        "HOST:PORT");
  }
  const std::chrono::seconds lifetime(arguments.value("lifetime_s", std::int64_t{24 * 3600}));
  COPSE_ASSIGN_OR_RETURN(
      const replica::Invitation invitation,
      store.Invite(is_admin ? replica::Role::kAdmin : replica::Role::kWriter, lifetime, std::move(endpoints)));
  return Json{{"store", store.path()},
              {"invitation", EncodeInvitation(invitation)},
              {"role", role_name},
              {"addresses", invitation.endpoints},
              {"expires_ns", invitation.expires},
              {"fingerprint", replica::FingerprintOf(store.identity().signing_public)}};
}

}  // namespace copse::cli
