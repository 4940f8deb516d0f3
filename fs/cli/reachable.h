#pragma once

#include <string>
#include <vector>

namespace copse::cli {

/// How others may reach who listens at `endpoint` (HOST:PORT): as it is, or, where it is every address of the machine
/// (0.0.0.0 or [::]), the addresses of the machine's interfaces, at most eight.
std::vector<std::string> ReachableAs(const std::string& endpoint);

}  // namespace copse::cli
