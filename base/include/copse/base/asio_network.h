#pragma once

#include <copse/base/network.h>

#include <memory>
#include <string>

namespace copse::base {

/// The machine's sockets, with one thread of its own that makes every callback. Must outlive its listeners and
/// connections; they may be destroyed on any thread, inside a callback too.
///
/// A unix socket is made with mode 0600, and its listener removes the file. A file that an earlier process left at the
/// path counts as in use: whoever knows that nobody listens there removes it first.
class AsioNetwork final : public Network {
 public:
  AsioNetwork();
  ~AsioNetwork() override;

  /// Waits for the callback that is under way; none is made afterwards. For who destroys what callbacks use before what
  /// the network must outlive. Not to be called in a callback; twice is once.
  void Stop();

  absl::StatusOr<std::unique_ptr<Listener>> Listen(
      const std::string& endpoint, std::function<void(std::unique_ptr<Connection>)> on_connection) override;
  absl::StatusOr<std::unique_ptr<Connection>> Connect(const std::string& endpoint) override;
  void Connect(const std::string& endpoint, OnConnected on_done) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace copse::base
