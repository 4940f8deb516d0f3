#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/network.h>

#include <functional>
#include <memory>
#include <string>

#include "cli/json.h"

namespace copse::cli {

/// Answers requests of other processes for as long as it lives. Each client is served on a thread of its own, one
/// request after the other, so a long command holds up nobody else. More than kClientsMax at one time are hung up on.
class ControlServer {
 public:
  static constexpr std::size_t kClientsMax = 32;

  /// Called on several threads at one time.
  using Handler = std::function<absl::StatusOr<Json>(const std::string& command, const Json& arguments)>;

  /// `network` must outlive the server. Errors: those of Network::Listen.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Start(base::Network& network, const std::string& endpoint,
                                                              Handler handler);

  /// Takes no more requests, waits for the handlers that run, and gives their replies 5 seconds to leave.
  ~ControlServer();

 private:
  struct State;
  explicit ControlServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace copse::cli
