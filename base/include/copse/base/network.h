#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace copse::base {

/// One stream of bytes to another process. Callbacks come one at a time for each connection, from a thread of the
/// network, never from inside a call made on the connection.
class Connection {
 public:
  struct Events {
    std::function<void(std::string_view bytes)> on_bytes;  ///< Bytes arrived, in order. Valid during the call only.
    std::function<void(absl::Status reason)> on_close;     ///< Once, last; OK when the other end closed in order.
  };

  /// Closes; no callback comes after the destructor returned.
  virtual ~Connection() = default;

  /// Begins to deliver events; once. Bytes that arrived before are kept.
  virtual void Start(Events events) = 0;

  /// Queues `bytes`; `on_sent`, where given, is called when they left this process.
  virtual void Send(std::string bytes, std::function<void()> on_sent) = 0;
  void Send(std::string bytes) { Send(std::move(bytes), nullptr); }

  /// Sends what is queued, then closes.
  virtual void Close() = 0;
};

/// Accepts connections until destroyed.
class Listener {
 public:
  virtual ~Listener() = default;
  /// The endpoint it is reachable at, with the port that was chosen where 0 was asked for.
  virtual std::string endpoint() const = 0;
};

/// Where connections come from. Endpoints: `unix:/absolute/path` (any length: paths longer than sun_path are reached
/// through the directory's descriptor) and `tcp:HOST:PORT`, or `HOST:PORT` alone. Thread-safe.
class Network {
 public:
  virtual ~Network() = default;

  /// Errors: kAlreadyExists the address is in use; kPermissionDenied; kInvalidArgument no such form of endpoint.
  virtual absl::StatusOr<std::unique_ptr<Listener>> Listen(
      const std::string& endpoint, std::function<void(std::unique_ptr<Connection>)> on_connection) = 0;

  /// Blocks until connected, or at most 5 seconds.
  /// Errors: kUnavailable nobody listens there or no answer in time; kInvalidArgument.
  virtual absl::StatusOr<std::unique_ptr<Connection>> Connect(const std::string& endpoint) = 0;

  /// The same without blocking: `on_done` is called once, from a thread of the network and never inside this call; not
  /// at all when the network is destroyed before.
  using OnConnected = std::function<void(absl::StatusOr<std::unique_ptr<Connection>> connection)>;
  virtual void Connect(const std::string& endpoint, OnConnected on_done) = 0;
};

}  // namespace copse::base
