#pragma once

#include <absl/status/statusor.h>
#include <copse/base/network.h>

#include <string>

#include "cli/json.h"

namespace copse::cli {

/// The endpoint at which the process that has `store` mounted answers.
std::string ControlEndpoint(const std::string& store);

/// Runs a volume command on the store that `path` means: asks the process that has it mounted, or opens it here.
/// Errors: those of Locate, replica::Store::Open and the command; kUnavailable another process has the store open and
/// does not answer.
absl::StatusOr<Json> Ask(const std::string& path, const std::string& command, const Json& arguments);

}  // namespace copse::cli
