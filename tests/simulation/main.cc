// copse_simulation --seed N | --seeds FIRST COUNT | --seconds S
// Exits 1 at the first seed whose checks fail, and prints how to run it again.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>

#include "simulation/simulation.h"

namespace {

using copse::simulation::Outcome;
using copse::simulation::Execute;
using copse::simulation::Generate;

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t calls = 0;
  std::uint64_t ops = 0;
  std::map<std::string, std::uint64_t> faults;
};

/// Whether the seed's checks held. One seed in a hundred runs twice, and must do the same to the byte.
bool RunSeed(std::uint64_t seed, Totals& totals) {
  const Outcome outcome = Execute(Generate(seed));
  ++totals.seeds;
  totals.calls += outcome.calls;
  totals.ops += outcome.ops;
  for (const auto& [kind, count] : outcome.faults) totals.faults[kind] += count;
  if (!outcome.status.ok()) {
    std::printf("seed %lu FAILED: %s\nrun it again: ./dev sim --seed %lu\n", seed, outcome.status.ToString().c_str(),
                seed);
    return false;
  }
  if (seed % 100 == 0 && Execute(Generate(seed)).digest != outcome.digest) {
    std::printf("seed %lu FAILED: two runs of it differ\n", seed);
    return false;
  }
  return true;
}

void Print(const Totals& totals) {
  std::printf("simulation: %lu seeds, %lu calls, %lu ops, 0 failures\n", totals.seeds, totals.calls,
              totals.ops);
  for (const auto& [kind, count] : totals.faults) std::printf("  %8lu  %s\n", count, kind.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  const auto number = [&](int index) { return std::strtoull(argv[index], nullptr, 10); };
  Totals totals;
  if (verb == "--seed" && argc == 3) {
    if (!RunSeed(number(2), totals)) return 1;
  } else if (verb == "--seeds" && argc == 4) {
    for (std::uint64_t i = 0; i < number(3); ++i) {
      if (!RunSeed(number(2) + i, totals)) return 1;
    }
    // A run that never met a kind of fault proves nothing about it.
    if (totals.seeds >= 100 && totals.faults.size() < 6) {
      std::printf("simulation: only %zu kinds of fault occurred\n", totals.faults.size());
      return 1;
    }
  } else if (verb == "--seconds" && argc == 3) {
    std::random_device device;
    const std::uint64_t first = (std::uint64_t{device()} << 16) & 0xffffffff0000;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(number(2));
    for (std::uint64_t i = 0; std::chrono::steady_clock::now() < end; ++i) {
      if (!RunSeed(first + i, totals)) return 1;
    }
  } else {
    std::fprintf(stderr, "usage: copse_simulation --seed N | --seeds FIRST COUNT | --seconds S\n");
    return 2;
  }
  Print(totals);
  return 0;
}
