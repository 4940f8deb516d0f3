#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <string>

#include "simulation/trace.h"

namespace copse::simulation {

/// What one run did.
struct Outcome {
  std::uint64_t calls = 0;                      ///< Of the inode API, by programs.
  std::uint64_t ops = 0;                        ///< In the history at the end.
  std::map<std::string, std::uint64_t> faults;  ///< That occurred, by kind.
  std::string digest;                           ///< Of everything that was seen: equal for equal traces.
  absl::Status status;                          ///< The first check that failed.
};

/// Lets replicas live through `trace`, heals everything, and checks what they say: to programs, to each other, after a
/// restart. One thread; no real time.
Outcome Execute(const Trace& trace);

enum class Form {
  kAny,
  kShort,  ///< 3 replicas, 60 calls, files up to 64 KiB, one crash, one partition.
};
/// What a seed stands for: replicas, weather, calls over few names so that everything collides, and faults.
Trace Generate(std::uint64_t seed, Form form);

}  // namespace copse::simulation
