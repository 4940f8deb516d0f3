#pragma once

#include <absl/status/status.h>
#include <copse/base/executor.h>
#include <copse/base/network.h>
#include <copse/replica/channels.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "tls_credentials.h"

namespace copse::replica {

/// A connection inside another that is encrypted and whose ends know each other's keys: TLS 1.3 (RFC 8446) over any
/// stream of bytes. As Channels promises.
class TlsConnection final : public base::Connection {
 public:
  using Role = Channels::Role;
  using Options = Channels::Options;

  static constexpr std::chrono::seconds kHandshakeMax{10};

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
