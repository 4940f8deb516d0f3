#pragma once

#include <absl/status/status.h>
#include <copse/base/executor.h>
#include <copse/base/network.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace copse::replica {

/// Makes of a stream of bytes a connection whose ends know each other's keys. Thread-safe.
///
/// TlsChannels() is what keeps strangers out and secrets in; others are for simulations, and both ends must use the
/// same.
class Channels {
 public:
  enum class Role { kClient, kServer };

  struct Options {
    Role role = Role::kClient;
    /// Whether to speak with the owner of that public key (32 bytes); any error refuses it and is why the connection
    /// closes. Called once at most, from a thread of the network; must not use the connection.
    std::function<absl::Status(const std::string& key)> judge;
    /// Called once, before any bytes are delivered, when the handshake is done. As an event of the connection.
    std::function<void(const std::string& key)> on_open;
  };

  virtual ~Channels() = default;

  /// A connection inside `inner`. The handshake begins with its Start; what is sent before it ends waits for it.
  /// `executor` only limits the time of the handshake, and must outlive the connection.
  ///
  /// It is closed with kPermissionDenied when a key is not welcome at either end, kDataLoss when the other end does not
  /// speak as it should, kUnavailable when it was cut (without an end of its own, so bytes may be missing) or slow to
  /// begin.
  virtual std::unique_ptr<base::Connection> Open(std::unique_ptr<base::Connection> inner, base::Executor& executor,
                                                 Options options) const = 0;
};

/// TLS 1.3 (RFC 8446) with the Ed25519 key `signing_secret`, as in Identity.
std::shared_ptr<const Channels> TlsChannels(std::string_view signing_secret);

}  // namespace copse::replica
