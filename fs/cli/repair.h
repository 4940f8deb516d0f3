#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <string>
#include <vector>

#include "cli/json.h"

namespace copse::cli {

/// `copse repair STORE`: fetches what the disk has lost of the log from the replicas at `peers` (HOST:PORT) and from
/// those that the store remembers. Gives up `patience` after the last that could be mended; what was mended stays so.
/// Errors: those of replica::Repair; kFailedPrecondition nobody is known who could be asked; kUnavailable places are
/// still lost; kDataLoss places are damaged that others cannot mend.
absl::StatusOr<Json> RepairStore(const std::string& store, const std::vector<std::string>& peers,
                                 std::chrono::seconds patience);

}  // namespace copse::cli
