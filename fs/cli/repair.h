#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <string>
#include <vector>

#include "cli/json.h"

namespace copse::cli {

/// `copse repair STORE`: fetches what the disk has lost of the log from the replicas at `peers` (HOST:PORT) and from
/// those that the store remembers. Gives up `patience` after the last frame that came; then nothing is changed.
/// Errors: those of replica::Repair, and of replica::Store::Open where it is still refused; kFailedPrecondition nobody
/// is known who could be asked; kUnavailable frames are still lost; kDataLoss places are damaged that others cannot
/// mend.
absl::StatusOr<Json> RepairStore(const std::string& store, const std::vector<std::string>& peers,
                                 std::chrono::seconds patience);

}  // namespace copse::cli
