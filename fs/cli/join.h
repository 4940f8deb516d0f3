#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "cli/json.h"

namespace copse::cli {

/// `copse join STORE INVITATION`: becomes a member of the volume and fetches all of it. Broken off, it goes on when
/// called again. An empty `label` stands for one made of the host's name.
/// Errors: those of replica::Joining and replica::RequestAdmission; kUnavailable the inviter went away in between.
absl::StatusOr<Json> JoinVolume(const std::string& store, const std::string& invitation, const std::string& label);

}  // namespace copse::cli
