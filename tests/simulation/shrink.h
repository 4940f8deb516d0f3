#pragma once

#include <functional>

#include "simulation/trace.h"

namespace copse::simulation {

/// The shortest trace found that `fails` as `trace` does: with fewer steps, replicas and kinds of bad weather, shorter
/// contents and delays. Delta debugging (Zeller, Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE
/// TSE 28(2), 2002), then each setting by itself. Calls `fails` some hundreds of times.
Trace Shrink(Trace trace, const std::function<bool(const Trace&)>& fails);

}  // namespace copse::simulation
