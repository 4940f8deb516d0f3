#pragma once

#include <functional>

namespace copse::cli {

/// Keeps SIGTERM and SIGINT waiting: there is nothing yet that could be stopped in order. Before other threads start.
void HoldStopSignals();

/// Calls `stop` when SIGTERM or SIGINT comes, or has come since HoldStopSignals; with nullptr no more. `stop` runs in
/// the signal's handler, so it must be async-signal-safe, and must live until it is replaced.
void ObeyStopSignals(const std::function<void()>* stop);

}  // namespace copse::cli
