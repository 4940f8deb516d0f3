#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/replica/exchange.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/json.h"
#include "cli/open_volume.h"

namespace copse::cli {

/// The exchange of an open volume with other replicas, as long as it lives: with those that it is told of, those that
/// the store remembers, and those that come. Thread-safe.
class Exchanging {
 public:
  struct Options {
    std::vector<std::string> listen;  ///< HOST:PORT each; remembered.
    std::vector<std::string> peers;   ///< HOST:PORT each; remembered.
    bool use_remembered = true;
    std::function<void(std::string_view line)> log;
  };

  /// `opened` must outlive it. Errors: kAlreadyExists an address is in use; kInvalidArgument no such address.
  static absl::StatusOr<std::unique_ptr<Exchanging>> Start(OpenVolume& opened, Options options);
  ~Exchanging();

  /// Where it listens, with the ports that were chosen where 0 was asked for.
  std::vector<std::string> listening() const;
  std::vector<replica::PeerStatus> peers() const;

  /// Goes on until this replica and each of `endpoints` hold the same, and no content is missing at either.
  /// `on_progress` is told what is still to come, now and then.
  /// Errors: kUnavailable one of them cannot be reached, or the time is over; the line says which and why.
  absl::Status Synchronize(const std::vector<std::string>& endpoints, std::chrono::nanoseconds time_max,
                           const std::function<void(const std::string&)>& on_progress);

 private:
  struct State;
  explicit Exchanging(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // Work on the executor holds it weakly.
};

}  // namespace copse::cli
