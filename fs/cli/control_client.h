#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/network.h>

#include <chrono>
#include <memory>
#include <string>

#include "cli/json.h"

namespace copse::cli {

/// Asks the process that has a store mounted. Not thread-safe.
class ControlClient {
 public:
  /// Errors: kUnavailable nobody answers; kPermissionDenied the store belongs to another user.
  static absl::StatusOr<std::unique_ptr<ControlClient>> Connect(base::Network& network, const std::string& endpoint);
  ~ControlClient();

  /// Blocks until the reply is here, however long the command takes.
  /// Errors: those of the command; kUnavailable the process ended before it replied.
  absl::StatusOr<Json> Call(const std::string& command, const Json& arguments);

  /// Waits until the process closed its end; returns whether it did within `at_most`.
  bool WaitForClose(std::chrono::milliseconds at_most);

 private:
  struct State;
  explicit ControlClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace copse::cli
