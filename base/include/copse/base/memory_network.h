#pragma once

#include <copse/base/executor.h>
#include <copse/base/network.h>

#include <memory>
#include <string>

namespace copse::base {

/// A network inside the process: the twin of AsioNetwork for tests and simulation. Every callback is a piece of work
/// of `executor`, so with a ManualExecutor nothing happens until it is run, and always in the same order.
///
/// `executor` must outlive the network, its listeners and connections.
class MemoryNetwork final : public Network {
 public:
  explicit MemoryNetwork(Executor& executor);
  ~MemoryNetwork() override;

  absl::StatusOr<std::unique_ptr<Listener>> Listen(
      const std::string& endpoint, std::function<void(std::unique_ptr<Connection>)> on_connection) override;
  absl::StatusOr<std::unique_ptr<Connection>> Connect(const std::string& endpoint) override;
  void Connect(const std::string& endpoint, OnConnected on_done) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace copse::base
