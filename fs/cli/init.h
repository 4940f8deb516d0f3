#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "cli/json.h"

namespace copse::cli {

/// Makes a new store, its root directory belonging to the caller. An empty `label` stands for one made of the host's
/// name. Errors: those of replica::Store::Create.
absl::StatusOr<Json> InitStore(const std::string& store, const std::string& label);

}  // namespace copse::cli
