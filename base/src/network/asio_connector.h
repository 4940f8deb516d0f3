#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/network.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "network/asio.h"
#include "network/endpoint.h"
#include "network/unix_address.h"

namespace copse::base::internal {

using SocketAddress = asio::generic::stream_protocol::endpoint;

inline constexpr std::chrono::seconds kConnectMax{5};

/// What `error` about `endpoint` is to a caller.
absl::Status StatusOf(const std::string& endpoint, const boost::system::error_code& error);

void CloseOnExec(int descriptor);

/// Where an endpoint leads; a unix socket's directory stays open as long as this lives.
struct Target {
  std::optional<UnixAddress> unix_address;
  std::vector<SocketAddress> addresses;  ///< To be tried in this order.
};

/// Blocks where a host's name has to be looked up. Errors: kUnavailable; those of UnixAddress.
absl::StatusOr<Target> FindTarget(const Endpoint& endpoint, const std::string& name);

/// The way to a network's thread, for those who may outlive the network. Thread-safe.
class Mailbox {
 public:
  explicit Mailbox(asio::io_context& context) : context_(&context) {}
  /// Runs `work` on the network's thread, unless the network is gone.
  void Post(std::function<void()> work);
  void Close();

 private:
  std::mutex mutex_;
  asio::io_context* context_;
};

/// Connects to `endpoint` within kConnectMax without blocking. `on_done` is called once, on the network's thread.
void ConnectWithoutBlocking(asio::io_context& context, std::shared_ptr<Mailbox> mailbox, const std::string& endpoint,
                            std::function<void(absl::StatusOr<StreamSocket>)> on_done);

}  // namespace copse::base::internal
