#include "tls_connection.h"

// OpenSSL reads from one buffer in memory and writes to another; the inner connection fills the one and drains the
// other, so OpenSSL never sees a socket. Bytes may be sent from any thread while others arrive, and an SSL object takes
// one call at a time: hence a lock. It is never held while an event is delivered, but while bytes go to the inner
// connection, which keeps the records in order.
//
// Every event is delivered from inside an event of the inner connection: so they come one at a time, and none after the
// inner connection was destroyed. What fails elsewhere (time is up) closes the inner connection and waits for its end.

#include <copse/base/check.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <deque>
#include <mutex>
#include <utility>

namespace copse::replica {
namespace {

constexpr std::size_t kRecordBytes = 16 * 1024;

/// What OpenSSL failed with; empties its queue of errors.
absl::Status LastError() {
  const unsigned long error = ERR_peek_last_error();
  const char* text = ERR_reason_error_string(error);
  ERR_clear_error();
  switch (ERR_GET_REASON(error)) {
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
      return absl::PermissionDeniedError("the other end does not accept this replica's key");
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_HTTP_REQUEST:
      return absl::DataLossError("the other end does not speak TLS 1.3");
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return absl::DataLossError("the other end is no copse, or another version of it");
    default:
      return absl::DataLossError("TLS failed: " + std::string(text == nullptr ? "no reason given" : text));
  }
}

}  // namespace

class TlsConnection::Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::shared_ptr<const TlsCredentials> credentials, std::unique_ptr<base::Connection> inner,
         base::Executor& executor, Options options)
      : credentials_(std::move(credentials)),
        executor_(executor),
        options_(std::move(options)),
        inner_(std::move(inner)),
        ssl_(credentials_->NewSession(&is_welcome_)) {
    BIO* incoming = BIO_new(BIO_s_mem());
    BIO* outgoing = BIO_new(BIO_s_mem());
    COPSE_CHECK(incoming != nullptr && outgoing != nullptr);
    BIO_set_mem_eof_return(incoming, -1);  // An empty buffer is no end: more may come.
    SSL_set_bio(ssl_.get(), incoming, outgoing);
    options_.role == Role::kServer ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
  }

  void Start(Events events) {
    const std::lock_guard lock(mutex_);
    events_ = std::move(events);
    timeout_ = executor_.Post(
        [weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->TimeIsUp();
        },
        kHandshakeMax);
    ShakeHands();  // A client speaks first.
    inner_->Start({[self = shared_from_this()](std::string_view bytes) { self->OnBytes(bytes); },
                   [self = shared_from_this()](absl::Status reason) { self->OnClose(std::move(reason)); }});
  }

  void Send(std::string bytes, std::function<void()> on_sent) {
    const std::lock_guard lock(mutex_);
    if (inner_ == nullptr || is_closing_ || !failure_.ok()) return;
    if (is_open_) {
      Encrypt(bytes, std::move(on_sent));
    } else {
      early_.push_back({std::move(bytes), std::move(on_sent)});
    }
  }

  void Close() {
    const std::lock_guard lock(mutex_);
    if (inner_ == nullptr || std::exchange(is_closing_, true)) return;
    // What was sent before the handshake ended waits for it, and so does closing.
    if (is_open_ || early_.empty()) ShutDown();
  }

  void Detach() {
    std::unique_ptr<base::Connection> inner;
    {
      const std::lock_guard lock(mutex_);
      inner = std::move(inner_);
      executor_.Cancel(timeout_);
    }
    inner.reset();  // Waits for the event that is delivered now.
  }

 private:
  struct Outgoing {
    std::string bytes;
    std::function<void()> on_sent;
  };

  /// Called by OpenSSL within SSL_do_handshake.
  bool Judge(const std::string& key) {
    peer_key_ = key;
    failure_ =
        key.empty() ? absl::DataLossError("the other end's certificate has no Ed25519 key") : options_.judge(key);
    return failure_.ok();
  }

  void OnBytes(std::string_view bytes) {
    std::string plain;
    bool opened = false;
    {
      const std::lock_guard lock(mutex_);
      if (inner_ == nullptr || !failure_.ok() || peer_closed_) return;
      BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
      if (!is_open_) {
        ShakeHands();
        opened = is_open_;
      }
      if (is_open_) plain = Decrypt();
    }
    if (opened && options_.on_open) options_.on_open(peer_key_);
    if (!plain.empty() && !IsDetached() && events_.on_bytes) events_.on_bytes(plain);
  }

  void OnClose(absl::Status reason) {
    Events events;
    {
      const std::lock_guard lock(mutex_);
      executor_.Cancel(timeout_);
      if (!failure_.ok()) {
        reason = failure_;
      } else if (is_closing_ || peer_closed_) {
        reason = absl::OkStatus();
      } else if (reason.ok()) {
        reason = absl::UnavailableError(is_open_ ? "the connection was cut"
                                                 : "the other end closed the connection before it had said who it is");
      }
      // Events often hold their connection's owner: let go of them with the last one.
      events = std::exchange(events_, {});
      options_ = {};
    }
    if (events.on_close) events.on_close(std::move(reason));
  }

  // All below: with the lock held.

  void ShakeHands() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
      Opened();
    } else if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) {
      Fail(LastError());
    } else {
      Flush(nullptr);
    }
  }

  void Opened() {
    const unsigned char* protocol = nullptr;
    unsigned int length = 0;
    SSL_get0_alpn_selected(ssl_.get(), &protocol, &length);
    if (length == 0) {
      Fail(absl::DataLossError("the other end is no copse, or another version of it"));
      return;
    }
    is_open_ = true;
    executor_.Cancel(timeout_);
    Flush(nullptr);
    for (Outgoing& outgoing : std::exchange(early_, {})) Encrypt(outgoing.bytes, std::move(outgoing.on_sent));
    if (is_closing_) ShutDown();
  }

  void Encrypt(const std::string& bytes, std::function<void()> on_sent) {
    ERR_clear_error();
    if (!bytes.empty() && SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) {
      Fail(LastError());
      return;
    }
    Flush(std::move(on_sent));
  }

  std::string Decrypt() {
    std::string plain;
    std::array<char, kRecordBytes> record;
    while (true) {
      ERR_clear_error();
      const int count = SSL_read(ssl_.get(), record.data(), static_cast<int>(record.size()));
      if (count > 0) {
        plain.append(record.data(), static_cast<std::size_t>(count));
        continue;
      }
      const int error = SSL_get_error(ssl_.get(), count);
      if (error == SSL_ERROR_ZERO_RETURN) {
        peer_closed_ = true;
        ShutDown();
      } else if (error != SSL_ERROR_WANT_READ) {
        Fail(LastError());
      } else {
        Flush(nullptr);  // A key update may ask for an answer.
      }
      return plain;
    }
  }

  /// Hands what OpenSSL wrote to the inner connection.
  void Flush(std::function<void()> on_sent) {
    BIO* outgoing = SSL_get_wbio(ssl_.get());
    std::string bytes(BIO_ctrl_pending(outgoing), '\0');
    if (!bytes.empty()) BIO_read(outgoing, bytes.data(), static_cast<int>(bytes.size()));
    if (!bytes.empty() || on_sent) inner_->Send(std::move(bytes), std::move(on_sent));
  }

  void ShutDown() {
    ERR_clear_error();
    if (is_open_) SSL_shutdown(ssl_.get());
    Flush(nullptr);
    inner_->Close();
  }

  void Fail(absl::Status reason) {
    if (failure_.ok()) failure_ = std::move(reason);
    Flush(nullptr);  // The alert.
    inner_->Close();
  }

  void TimeIsUp() {
    const std::lock_guard lock(mutex_);
    if (inner_ == nullptr || is_open_) return;
    Fail(absl::UnavailableError("the other end did not say who it is within " + std::to_string(kHandshakeMax.count()) +
                                " seconds"));
  }

  bool IsDetached() {
    const std::lock_guard lock(mutex_);
    return inner_ == nullptr;
  }

  const std::shared_ptr<const TlsCredentials> credentials_;
  base::Executor& executor_;
  Options options_;  ///< Like events_: set before the first event, let go of with the last.
  Events events_;
  std::string peer_key_;  ///< Set before on_open.
  const TlsCredentials::IsWelcome is_welcome_ = [this](const std::string& key) { return Judge(key); };

  std::mutex mutex_;  ///< Guards what follows.
  std::unique_ptr<base::Connection> inner_;
  std::unique_ptr<SSL, TlsCredentials::Free> ssl_;
  base::Executor::WorkId timeout_ = 0;
  std::deque<Outgoing> early_;
  absl::Status failure_;
  bool is_open_ = false;
  bool is_closing_ = false;
  bool peer_closed_ = false;
};

namespace {

class TlsChannelsOf final : public Channels {
 public:
  explicit TlsChannelsOf(std::string_view signing_secret) : credentials_(TlsCredentials::Of(signing_secret)) {}
  std::unique_ptr<base::Connection> Open(std::unique_ptr<base::Connection> inner, base::Executor& executor,
                                         Options options) const override {
    return std::make_unique<TlsConnection>(credentials_, std::move(inner), executor, std::move(options));
  }

 private:
  const std::shared_ptr<const TlsCredentials> credentials_;
};

}  // namespace

std::shared_ptr<const Channels> TlsChannels(std::string_view signing_secret) {
  return std::make_shared<TlsChannelsOf>(signing_secret);
}

TlsConnection::TlsConnection(std::shared_ptr<const TlsCredentials> credentials, std::unique_ptr<base::Connection> inner,
                             base::Executor& executor, Options options)
    : stream_(std::make_shared<Stream>(std::move(credentials), std::move(inner), executor, std::move(options))) {}

TlsConnection::~TlsConnection() { stream_->Detach(); }

void TlsConnection::Start(Events events) { stream_->Start(std::move(events)); }

void TlsConnection::Send(std::string bytes, std::function<void()> on_sent) {
  stream_->Send(std::move(bytes), std::move(on_sent));
}

void TlsConnection::Close() { stream_->Close(); }

}  // namespace copse::replica
