#pragma once

#include <absl/status/status.h>
#include <copse/base/executor.h>
#include <copse/base/network.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "tls_credentials.h"

namespace copse::replica {

/// A connection inside another that is encrypted and whose ends know each other's keys: TLS 1.3 (RFC 8446) over any
/// stream of bytes. The handshake begins with Start; what is sent before it ends waits for it.
///
/// It is closed with kPermissionDenied when a key is not welcome at either end, kDataLoss when the other end does not
/// speak as it should, kUnavailable when it was cut (without TLS's own end, so bytes may be missing) or slow to begin.
class TlsConnection final : public base::Connection {
 public:
  enum class Role { kClient, kServer };

  static constexpr std::chrono::seconds kHandshakeMax{10};

  struct Options {
    Role role = Role::kClient;
    /// Whether to speak with the owner of that public key (32 bytes); any error refuses it and is why the connection
    /// closes. Called once at most, from a thread of the network; must not use the connection.
    std::function<absl::Status(const std::string& key)> judge;
    /// Called once, before any bytes are delivered, when the handshake is done. As an event of the connection.
    std::function<void(const std::string& key)> on_open;
  };

  /// `executor` only limits the time of the handshake, and must outlive the connection.
  TlsConnection(std::shared_ptr<const TlsCredentials> credentials, std::unique_ptr<base::Connection> inner,
                base::Executor& executor, Options options);
  ~TlsConnection() override;

  void Start(Events events) override;
  using Connection::Send;
  void Send(std::string bytes, std::function<void()> on_sent) override;
  void Close() override;

 private:
  class Stream;
  const std::shared_ptr<Stream> stream_;  // The events of the inner connection hold it too.
};

}  // namespace copse::replica
