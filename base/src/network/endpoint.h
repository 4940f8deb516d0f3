#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace copse::base::internal {

/// An endpoint taken apart: `path` for unix, `host` and `port` for tcp.
struct Endpoint {
  bool is_unix = false;
  std::string path;
  std::string host;  ///< Without the brackets of an IPv6 address.
  std::string port;  ///< 0..65535, decimal.
};

/// Errors: kInvalidArgument neither `unix:/absolute/path` nor `tcp:HOST:PORT` nor `HOST:PORT`.
absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text);

/// `tcp:HOST:PORT`, with brackets around an IPv6 address.
std::string TcpEndpoint(const std::string& host, unsigned port);

}  // namespace copse::base::internal
