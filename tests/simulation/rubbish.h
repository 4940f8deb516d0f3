#pragma once

#include <copse/replica/identity.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "simulation/crypto.h"
#include "simulation/event_queue.h"
#include "simulation/simulated_network.h"

namespace copse::simulation {

/// A machine that connects to others and talks rubbish: to a stranger's door, or with the key of a member.
class RubbishPeer {
 public:
  RubbishPeer(int machine, EventQueue& queue, SimulatedNetwork& network, const Crypto& crypto,
              const replica::Identity& member);
  ~RubbishPeer();

  /// Connects to `endpoint` and sends what the seed says: as bytes, or as messages within a connection of a member.
  void Talk(const std::string& endpoint, bool as_member, std::uint64_t seed);

 private:
  void Send(std::unique_ptr<base::Connection> connection, bool as_member, std::uint64_t seed);

  const std::shared_ptr<Party> party_ = std::make_shared<Party>();
  QueueExecutor executor_;
  const std::unique_ptr<base::Network> network_;
  const Crypto& crypto_;
  const replica::Identity member_;
  std::vector<std::unique_ptr<base::Connection>> connections_;
};

}  // namespace copse::simulation
