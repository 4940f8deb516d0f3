#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <string>

namespace copse::simulation {

/// What one seed did.
struct Outcome {
  std::uint64_t calls = 0;
  std::uint64_t crashes = 0;
  std::map<std::string, std::uint64_t> faults;  ///< Injected, by kind.
  std::string digest;                           ///< Of everything that was seen: equal for equal seeds.
  absl::Status status;                          ///< The first check that failed.
};

/// One machine through several lives: programs call, the disk fails, the power is cut, the machine starts again, and
/// what it shows is compared with what programs were told. Everything is decided by `seed`; no thread, no real time.
Outcome Simulate(std::uint64_t seed);

}  // namespace copse::simulation
