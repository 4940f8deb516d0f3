#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace copse::cli {

/// `store`, which need not exist yet, made absolute and without a trailing '/'. Errors: kInvalidArgument.
absl::StatusOr<std::string> StorePath(const std::string& store);

/// `label`, or one made of the host's name where it is empty.
std::string LabelOrDefault(const std::string& label);

}  // namespace copse::cli
