#pragma once

#include <string>
#include <vector>

namespace copse::cli {

struct ServeOptions {
  int verbosity = 0;                ///< 0 errors, 1 what happens, 2 everything.
  std::vector<std::string> listen;  ///< HOST:PORT each, besides those remembered.
  std::vector<std::string> peers;   ///< The same.
};

/// Opens the store and exchanges with other replicas, without a mount, until it is told to end by a signal
/// (ObeyStopSignals). Says on stdout where it listens, in a line each. Call it while the process has one thread.
/// Returns the exit code.
int RunServeProcess(const std::string& store, const ServeOptions& options);

}  // namespace copse::cli
