#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace copse::simulation {

/// One thing that somebody does or that befalls a machine, as a line of text:
///
///     1500 r2 write 0 4096 700
///
/// at 1500 ms, replica 2, what, and with what. Handles are small numbers, files are paths of small names or, as `#3`,
/// of whatever is listed fourth there, so that any line can be taken out and the rest still means something.
struct Step {
  std::uint64_t at = 0;  ///< Milliseconds since the world began.
  int replica = 0;
  std::string verb;
  std::vector<std::string> arguments;

  /// Argument `index` as a number, 0 where there is none.
  std::uint64_t Number(std::size_t index) const;
  /// Empty where there is none.
  std::string Word(std::size_t index) const;

  friend bool operator==(const Step&, const Step&) = default;
};

/// All that happens in one run, and all that it depends on.
struct Trace {
  int replicas = 2;               ///< 1 to 8.
  std::uint64_t seed = 0;         ///< Of the network's and the machines' randomness.
  std::string topology = "mesh";  ///< Who dials whom: mesh, star (all dial 0) or ring.
  std::uint64_t drop = 0;         ///< Of segments, in thousandths; likewise below.
  std::uint64_t duplicate = 0;
  std::uint64_t flip = 0;
  std::uint64_t delay_min = 1;  ///< Milliseconds.
  std::uint64_t delay_max = 1;
  std::uint64_t snapshots = 0;  ///< Milliseconds from one snapshot to the next; 0: none is written.
  bool has_real_crypto = true;  ///< `crypto real`: Ed25519 and TLS; else (`crypto light`) what stands in for them.
  std::vector<Step> steps;      ///< Ascending by time.

  friend bool operator==(const Trace&, const Trace&) = default;
};

/// The text of tests/simulation/traces/: `NAME VALUE` for each setting, then a line for each step; `#` begins a comment
/// line. Reading what was written gives the same trace.
std::string FormatTrace(const Trace& trace);
std::string FormatStep(const Step& step);
/// Errors: kInvalidArgument with the line.
absl::StatusOr<Trace> ParseTrace(std::string_view text);

}  // namespace copse::simulation
