#include "cli/reachable.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <memory>

namespace copse::cli {
namespace {

constexpr std::size_t kAddressesMax = 8;

/// The numeric address of `interface`; empty where it is of no use to others.
std::string HostOf(const ifaddrs& interface) {
  if (interface.ifa_addr == nullptr || (interface.ifa_flags & IFF_UP) == 0 ||
      (interface.ifa_flags & IFF_LOOPBACK) != 0) {
    return "";
  }
  const int family = interface.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return "";
  const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  std::array<char, NI_MAXHOST> host{};
  if (getnameinfo(interface.ifa_addr, length, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) return "";
  std::string name = host.data();
  if (name.find('%') != name.npos) return "";  // Valid on this link, and by this machine's name for it, only.
  return family == AF_INET ? name : "[" + name + "]";
}

}  // namespace

std::vector<std::string> ReachableAs(const std::string& endpoint) {
  const std::size_t colon = endpoint.rfind(':');
  const std::string host = endpoint.substr(0, colon);
  if (colon == std::string::npos || (host != "0.0.0.0" && host != "[::]")) return {endpoint};
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  std::vector<std::string> endpoints;
  for (const ifaddrs* interface = list; interface != nullptr; interface = interface->ifa_next) {
    const std::string address = HostOf(*interface);
    if (!address.empty() && endpoints.size() < kAddressesMax) endpoints.push_back(address + endpoint.substr(colon));
  }
  // A machine without a network still has itself.
  if (endpoints.empty()) endpoints.push_back("127.0.0.1" + endpoint.substr(colon));
  return endpoints;
}

}  // namespace copse::cli
