#include "simulation/shrink.h"

#include <algorithm>
#include <utility>

namespace copse::simulation {
namespace {

using Fails = std::function<bool(const Trace&)>;

/// Tries `change` on a copy; keeps the copy where it still fails.
template <typename Change>
bool Try(Trace& trace, const Fails& fails, Change change) {
  Trace changed = trace;
  change(changed);
  if (changed == trace || !fails(changed)) return false;
  trace = std::move(changed);
  return true;
}

void WithoutSteps(Trace& trace, const Fails& fails) {
  for (std::size_t piece = std::max<std::size_t>(trace.steps.size() / 2, 1);; piece /= 2) {
    for (std::size_t begin = 0; begin < trace.steps.size();) {
      const std::size_t end = std::min(begin + piece, trace.steps.size());
      const bool removed = Try(trace, fails, [&](Trace& changed) {
        changed.steps.erase(changed.steps.begin() + static_cast<std::ptrdiff_t>(begin),
                            changed.steps.begin() + static_cast<std::ptrdiff_t>(end));
      });
      if (!removed) begin = end;
    }
    if (piece <= 1) return;
  }
}

void WithFewerReplicas(Trace& trace, const Fails& fails) {
  for (int replica = trace.replicas; replica-- > 0 && trace.replicas > 1;) {
    Try(trace, fails, [&](Trace& changed) {
      --changed.replicas;
      std::erase_if(changed.steps, [&](const Step& step) { return step.replica == replica; });
      for (Step& step : changed.steps) {
        if (step.replica > replica) --step.replica;
      }
    });
  }
}

void WithSmallerNumbers(Trace& trace, const Fails& fails) {
  for (std::size_t i = 0; i < trace.steps.size(); ++i) {
    for (std::size_t j = 0; j < trace.steps[i].arguments.size(); ++j) {
      const std::string& word = trace.steps[i].arguments[j];
      if (word.empty() || word.find_first_not_of("0123456789") != word.npos) continue;
      for (const std::uint64_t divisor : {1000000u, 1000u, 10u, 2u}) {
        const std::string smaller = std::to_string(trace.steps[i].Number(j) / divisor);
        if (Try(trace, fails, [&](Trace& changed) { changed.steps[i].arguments[j] = smaller; })) break;
      }
    }
  }
}

}  // namespace

Trace Shrink(Trace trace, const Fails& fails) {
  for (bool smaller = true; smaller;) {
    const Trace before = trace;
    WithoutSteps(trace, fails);
    WithFewerReplicas(trace, fails);
    for (std::uint64_t Trace::*setting : {&Trace::drop, &Trace::duplicate, &Trace::flip}) {
      Try(trace, fails, [&](Trace& changed) { changed.*setting = 0; });
    }
    Try(trace, fails, [](Trace& changed) { changed.delay_min = changed.delay_max = 1; });
    Try(trace, fails, [](Trace& changed) { changed.snapshots = 0; });
    Try(trace, fails, [](Trace& changed) { changed.topology = "mesh"; });
    Try(trace, fails, [](Trace& changed) { changed.has_real_crypto = false; });
    WithSmallerNumbers(trace, fails);
    smaller = trace.steps.size() < before.steps.size() || trace.replicas < before.replicas;
  }
  return trace;
}

}  // namespace copse::simulation
