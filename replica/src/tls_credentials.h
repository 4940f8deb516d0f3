#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace copse::replica {

/// What one replica shows in TLS: a self-signed certificate of its signing key, made anew for each process, and how it
/// speaks: TLS 1.3 only, Ed25519 only, ALPN "copse/1", both ends authenticated, nothing resumed. Thread-safe.
class TlsCredentials {
 public:
  /// `signing_secret` is Identity's: libsodium's form, seed then public key.
  static std::shared_ptr<const TlsCredentials> Of(std::string_view signing_secret);
  ~TlsCredentials();
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  /// One end of a connection. During the handshake `is_welcome`, which must outlive it, is asked about the public key
  /// (32 bytes; empty where the certificate has no Ed25519 key) that the other end proved to have; nothing else of the
  /// certificate is judged: whom it names and when it is valid are its maker's words, and clocks may be years off.
  using IsWelcome = std::function<bool(const std::string& key)>;
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<SSL, Free> NewSession(const IsWelcome* is_welcome) const;

 private:
  explicit TlsCredentials(SSL_CTX* context) : context_(context) {}

  SSL_CTX* context_;
};

}  // namespace copse::replica
