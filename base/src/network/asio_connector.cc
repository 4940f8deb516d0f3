#include "network/asio_connector.h"

// Looking up a name may take as long as the name servers like, and nothing can interrupt it (getaddrinfo(3)). Asio
// would wait for its own thread that does so when the network is destroyed, and with it whoever unmounts. So each
// lookup has a thread of its own that nobody waits for, and that finds the mailbox closed if it ends too late.

#include <copse/base/status_macros.h>
#include <fcntl.h>

#include <thread>
#include <utility>

namespace copse::base::internal {
namespace {

/// One attempt, on the network's thread; kept alive by its pending operations.
class Connector : public std::enable_shared_from_this<Connector> {
 public:
  Connector(asio::io_context& context, std::string name, std::function<void(absl::StatusOr<StreamSocket>)> on_done)
      : socket_(context), limit_(context), name_(std::move(name)), on_done_(std::move(on_done)) {}

  void StartLimit() {
    limit_.expires_after(kConnectMax);
    limit_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->Finish(StatusOf(self->name_, asio::error::timed_out));
    });
  }

  void ConnectTo(absl::StatusOr<Target> target) {
    if (!on_done_) return;
    if (!target.ok()) {
      Finish(target.status());
      return;
    }
    target_ = *std::move(target);
    asio::async_connect(socket_, target_.addresses,
                        [self = shared_from_this()](const boost::system::error_code& error, const SocketAddress&) {
                          if (error) {
                            self->Finish(StatusOf(self->name_, error));
                          } else if (self->on_done_) {
                            CloseOnExec(self->socket_.native_handle());
                            self->Finish(std::move(self->socket_));
                          }
                        });
  }

 private:
  void Finish(absl::StatusOr<StreamSocket> result) {
    const auto on_done = std::exchange(on_done_, nullptr);
    if (!on_done) return;
    limit_.cancel();
    boost::system::error_code ignored;
    if (!result.ok()) socket_.close(ignored);
    on_done(std::move(result));
  }

  StreamSocket socket_;
  asio::steady_timer limit_;
  const std::string name_;
  Target target_;
  std::function<void(absl::StatusOr<StreamSocket>)> on_done_;  ///< Empty once it was called.
};

}  // namespace

absl::Status StatusOf(const std::string& endpoint, const boost::system::error_code& error) {
  const std::string message = endpoint + ": " + error.message();
  if (error == asio::error::address_in_use) return absl::AlreadyExistsError(message);
  if (error == asio::error::access_denied) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

void CloseOnExec(int descriptor) { ::fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

absl::StatusOr<Target> FindTarget(const Endpoint& endpoint, const std::string& name) {
  Target target;
  if (endpoint.is_unix) {
    absl::StatusOr<UnixAddress> made = UnixAddress::Of(endpoint.path);
    if (absl::IsNotFound(made.status())) return absl::UnavailableError(std::string(made.status().message()));
    COPSE_RETURN_IF_ERROR(made.status());
    target.addresses.emplace_back(asio::local::stream_protocol::endpoint(made->short_path()));
    target.unix_address.emplace(*std::move(made));
    return target;
  }
  boost::system::error_code error;
  asio::io_context here;
  asio::ip::tcp::resolver resolver(here);
  const auto results = resolver.resolve(endpoint.host, endpoint.port, error);
  if (error) return StatusOf(name, error);
  for (const auto& result : results) target.addresses.emplace_back(result.endpoint());
  return target;
}

void Mailbox::Post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (context_ != nullptr) asio::post(*context_, std::move(work));
}

void Mailbox::Close() {
  const std::lock_guard lock(mutex_);
  context_ = nullptr;
}

void ConnectWithoutBlocking(asio::io_context& context, std::shared_ptr<Mailbox> mailbox, const std::string& endpoint,
                            std::function<void(absl::StatusOr<StreamSocket>)> on_done) {
  auto connector = std::make_shared<Connector>(context, endpoint, std::move(on_done));
  const absl::StatusOr<Endpoint> parsed = ParseEndpoint(endpoint);
  if (!parsed.ok()) {
    asio::post(context, [connector, status = parsed.status()] { connector->ConnectTo(status); });
    return;
  }
  asio::post(context, [connector] { connector->StartLimit(); });
  // The thread must not hold the connector, which must not outlive the network.
  std::thread([weak = std::weak_ptr(connector), mailbox = std::move(mailbox), parsed = *parsed, endpoint] {
    auto target = std::make_shared<absl::StatusOr<Target>>(FindTarget(parsed, endpoint));
    mailbox->Post([weak, target] {
      if (const auto waiting = weak.lock()) waiting->ConnectTo(std::move(*target));
    });
  }).detach();
}

}  // namespace copse::base::internal
