#pragma once

#include <absl/status/status.h>
#include <copse/base/network.h>

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "network/asio.h"

namespace copse::base::internal {

/// The socket behind one Connection. It lives on the network's thread: every public call posts itself there, and the
/// handlers of pending operations keep it alive, so the Connection may go at any time.
class AsioStream : public std::enable_shared_from_this<AsioStream> {
 public:
  explicit AsioStream(StreamSocket socket);

  void Start(Connection::Events events);
  void Send(std::string bytes, std::function<void()> on_sent);
  void Close();
  /// No callback runs when it returns, or ever after, except one that this is called from.
  void Detach();

 private:
  struct Outgoing {
    std::string bytes;
    std::function<void()> on_sent;
  };

  void Post(std::function<void(AsioStream&)> work);
  void Call(const std::function<void()>& callback);
  void ReadMore();
  void WriteNext();
  void ShutDownSending();
  void Finish(absl::Status reason);
  void AnnounceClose();

  // Recursive, because a callback may destroy its own connection.
  std::recursive_mutex callback_mutex_;
  bool detached_ = false;  ///< Guarded by callback_mutex_.

  // All below: the network's thread only.
  StreamSocket socket_;
  asio::steady_timer linger_;
  Connection::Events events_;
  std::deque<Outgoing> outgoing_;
  std::array<char, 64 * 1024> incoming_{};
  absl::Status close_reason_;
  bool started_ = false;
  bool reading_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace copse::base::internal
