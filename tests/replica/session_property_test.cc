// Whatever happens to replicas that write, meet, part and lose what was under way, in the end all have everything.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "session_world.h"

namespace copse::replica {
namespace {

RC_GTEST_PROP(SessionProperty, ReplicasThatWriteMeetAndPartAtWillEndUpWithTheSameFeeds, (std::uint32_t seed)) {
  World world(seed);
  std::vector<FakeHost*> hosts;
  std::map<crdt::ActorId, std::vector<std::string>> written;
  for (crdt::ActorId actor = 1; actor <= 4; ++actor) hosts.push_back(&world.Add(actor));
  const auto some_host = [&] { return hosts[*rc::gen::inRange<std::size_t>(0, hosts.size())]; };

  const int steps = *rc::gen::inRange(0, 120);
  for (int step = 0; step < steps; ++step) {
    FakeHost& host = *some_host();
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
      case 1: {
        const auto bytes = *rc::gen::element<std::size_t>(1, 100, 3'000, 60'000);
        host.Append(std::string(bytes, static_cast<char>('a' + step % 26)));
        written[host.actor()] = host.feed(host.actor());
        if (*rc::gen::arbitrary<bool>()) world.Announce(host);
        break;
      }
      case 2: {
        FakeHost& other = *some_host();
        if (&host != &other && world.links.size() < 8) world.Meet(host, other);
        break;
      }
      case 3:
        if (!world.links.empty() && *rc::gen::inRange(0, 3) == 0) world.Drop(*world.links.front());
        break;
      default:
        for (const auto& link : world.links) {
          world.Deliver(link->a, link->b, *rc::gen::element<std::size_t>(1, 17, 1'000, 100'000));
          world.Deliver(link->b, link->a, *rc::gen::element<std::size_t>(1, 17, 1'000, 100'000));
        }
    }
  }

  // A chain is enough.
  world.links.clear();
  for (std::size_t i = 0; i + 1 < hosts.size(); ++i) world.Meet(*hosts[i], *hosts[i + 1]);
  world.Run();
  for (const auto& link : world.links) {
    RC_ASSERT(link->a.session->status().ok());
    RC_ASSERT(link->a.session->IsInSync());
    RC_ASSERT(link->b.session->IsInSync());
  }
  for (FakeHost* host : hosts) {
    for (const auto& [actor, feed] : written) RC_ASSERT(host->feed(actor) == feed);
  }
}

}  // namespace
}  // namespace copse::replica
