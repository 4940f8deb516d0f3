#pragma once

#include <functional>

namespace copse::cli {

/// Keeps SIGTERM, SIGINT and SIGHUP waiting: there is nothing yet that could be stopped in order. Ignores SIGPIPE from
/// now on. Before other threads start.
void HoldStopSignals();

/// Calls `stop` when SIGTERM or SIGINT comes, or SIGHUP unless it is ignored (nohup(1)), or has come since
/// HoldStopSignals; with nullptr no more. `stop` runs in the signal's handler, so it must be async-signal-safe, and
/// must live until it is replaced.
void ObeyStopSignals(const std::function<void()>* stop);

}  // namespace copse::cli
