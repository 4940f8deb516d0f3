#include "network/endpoint.h"

#include <algorithm>

namespace copse::base::internal {
namespace {

bool IsPort(const std::string& text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         std::stoul(text) <= 65535;
}

}  // namespace

absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text) {
  const absl::Status malformed =
      absl::InvalidArgumentError(text + ": not an endpoint; give HOST:PORT, tcp:HOST:PORT or unix:/absolute/path");
  Endpoint endpoint;
  if (text.rfind("unix:", 0) == 0) {
    endpoint.is_unix = true;
    endpoint.path = text.substr(5);
    if (endpoint.path.size() < 2 || endpoint.path.front() != '/' || endpoint.path.back() == '/') return malformed;
    if (endpoint.path.find('\0') != std::string::npos) return malformed;
    return endpoint;
  }
  const std::string address = text.rfind("tcp:", 0) == 0 ? text.substr(4) : text;
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return malformed;
  endpoint.host = address.substr(0, colon);
  endpoint.port = address.substr(colon + 1);
  if (endpoint.host.size() > 2 && endpoint.host.front() == '[' && endpoint.host.back() == ']') {
    endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
  } else if (endpoint.host.find(':') != std::string::npos) {
    return malformed;  // An IPv6 address without brackets: where it ends is anybody's guess.
  }
  if (!IsPort(endpoint.port)) return malformed;
  return endpoint;
}

std::string TcpEndpoint(const std::string& host, unsigned port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return "tcp:" + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace copse::base::internal
