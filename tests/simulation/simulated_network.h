#pragma once

#include <copse/base/network.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "simulation/event_queue.h"

namespace copse::simulation {

/// How bad the lines between machines are. Chances are in thousandths, for each segment.
struct Weather {
  std::uint64_t drop = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t flip = 0;  ///< One bit arrives inverted, and TCP's checksum does not see it.
  std::chrono::milliseconds delay_min{1};
  std::chrono::milliseconds delay_max{1};  ///< Drawn for each segment, so that segments overtake each other.
};

/// The lines between machines, and a small TCP on them: segments, acknowledged by count, sent again after a time that
/// doubles (RFC 6298), until the connection is given up; a machine that knows nothing of a connection resets it.
/// Machines are numbered; the machine N listens at endpoints `mN:PORT`.
class SimulatedNetwork {
 public:
  using Faults = std::map<std::string, std::uint64_t>;  ///< What happened, by kind.
  static constexpr std::size_t kSegmentBytes = 16 * 1024;
  static constexpr int kSegmentsInFlight = 16;
  static constexpr std::chrono::milliseconds kResendAfter{200};
  static constexpr int kSendsMax = 6;  ///< Then the connection is given up, after some 12 seconds.

  SimulatedNetwork(EventQueue& queue, std::uint64_t seed, Faults& faults);
  ~SimulatedNetwork();

  void set_weather(const Weather& weather);
  /// Segments from one machine to another are lost from now on, or no longer.
  void SetCut(int from, int to, bool is_cut);
  void HealAll();

  /// The network as a process on `machine` sees it. `has_power`: what is sent after the power went was never sent.
  std::unique_ptr<base::Network> AttachProcess(int machine, std::shared_ptr<const Party> party,
                                               std::function<bool()> has_power);
  /// The process has ended; its machine tells the peers (a kernel lives on), or nobody can (a power cut) until the
  /// machine has power again and is asked.
  void DetachProcess(int machine, bool tells_peers);
  void SetPower(int machine, bool has_power);

  /// The most bytes that one connection had queued at its sender at one time.
  std::size_t most_queued() const;

 private:
  struct State;
  class End;
  class Process;
  std::shared_ptr<State> state_;
};

}  // namespace copse::simulation
