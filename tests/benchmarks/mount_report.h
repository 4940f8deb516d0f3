#pragma once

#include <nlohmann/json.hpp>

namespace copse::benchmarks {

/// Writes Markdown of what scripts/bench_mount.sh has gathered:
///   {"ours": NAME, "baselines": [NAME...], "RAM": [RUN...], "disk": [RUN...], "merge": [[p99 in ms, lookups]...]}
/// where a RUN is {NAME: {figure: number...}...}. Medians over the runs, and ratios to each baseline.
void PrintMountTable(const nlohmann::ordered_json& results);

/// Writes Markdown of each goal with what was measured; returns 1 if one is missed. A figure that is missing throws.
int CheckMountGoals(const nlohmann::ordered_json& results);

}  // namespace copse::benchmarks
