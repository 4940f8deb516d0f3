#include <copse/base/asio_network.h>

// Sockets of both families are one type here (Asio's generic stream protocol): after the address is made, nothing
// differs. Accepting and all connections share one thread. Connecting that blocks borrows the caller's, in an
// io_context of its own, so that it may also be called from a callback.

#include <copse/base/status_macros.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "network/asio.h"
#include "network/asio_stream.h"
#include "network/endpoint.h"
#include "network/unix_address.h"

namespace copse::base {
namespace {

using internal::AsioStream;
using internal::Endpoint;
using internal::StreamAcceptor;
using internal::StreamSocket;
using internal::UnixAddress;
namespace asio = boost::asio;
using Address = asio::generic::stream_protocol::endpoint;

constexpr std::chrono::seconds kConnectMax{5};
constexpr std::chrono::milliseconds kAcceptPause{100};

void CloseOnExec(int descriptor) { ::fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

absl::Status StatusOf(const std::string& endpoint, const boost::system::error_code& error) {
  const std::string message = endpoint + ": " + error.message();
  if (error == asio::error::address_in_use) return absl::AlreadyExistsError(message);
  if (error == asio::error::access_denied) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

class AsioConnection final : public Connection {
 public:
  explicit AsioConnection(StreamSocket socket) : stream_(std::make_shared<AsioStream>(std::move(socket))) {}
  ~AsioConnection() override { stream_->Detach(); }
  void Start(Events events) override { stream_->Start(std::move(events)); }
  using Connection::Send;
  void Send(std::string bytes, std::function<void()> on_sent) override {
    stream_->Send(std::move(bytes), std::move(on_sent));
  }
  void Close() override { stream_->Close(); }

 private:
  const std::shared_ptr<AsioStream> stream_;
};

using OnConnection = std::function<void(std::unique_ptr<Connection>)>;

/// What accepts, on the network's thread; kept alive by its pending operation.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(StreamAcceptor acceptor, OnConnection on_connection)
      : acceptor_(std::move(acceptor)), pause_(acceptor_.get_executor()), on_connection_(std::move(on_connection)) {}

  void AcceptNext() {
    acceptor_.async_accept([self = shared_from_this()](const boost::system::error_code& error, StreamSocket socket) {
      if (!self->acceptor_.is_open()) return;
      if (error) {
        self->Pause();
        return;
      }
      CloseOnExec(socket.native_handle());
      self->Announce(std::make_unique<AsioConnection>(std::move(socket)));
      self->AcceptNext();
    });
  }

  void Stop() {
    {
      const std::lock_guard lock(callback_mutex_);
      stopped_ = true;
    }
    // Waits, so that nobody can connect any more when the listener is gone.
    std::promise<void> closed;
    asio::dispatch(acceptor_.get_executor(), [&] {
      boost::system::error_code ignored;
      acceptor_.close(ignored);
      pause_.cancel();
      on_connection_ = nullptr;
      closed.set_value();
    });
    closed.get_future().wait();
  }

 private:
  void Announce(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(callback_mutex_);
    if (!stopped_) on_connection_(std::move(connection));
  }

  // Out of descriptors, most likely: trying again at once would only burn the processor.
  void Pause() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->acceptor_.is_open()) self->AcceptNext();
    });
  }

  StreamAcceptor acceptor_;
  asio::steady_timer pause_;
  std::recursive_mutex callback_mutex_;
  bool stopped_ = false;  ///< Guarded by callback_mutex_.
  OnConnection on_connection_;
};

class AsioListener final : public Listener {
 public:
  AsioListener(std::shared_ptr<Acceptor> acceptor, std::string endpoint, std::string unix_path)
      : acceptor_(std::move(acceptor)), endpoint_(std::move(endpoint)), unix_path_(std::move(unix_path)) {}
  ~AsioListener() override {
    if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
    acceptor_->Stop();
  }
  std::string endpoint() const override { return endpoint_; }

 private:
  const std::shared_ptr<Acceptor> acceptor_;
  const std::string endpoint_;
  const std::string unix_path_;
};

/// Opens, binds and listens.
absl::Status Bind(StreamAcceptor& acceptor, const Address& address, const std::string& name, bool is_unix) {
  boost::system::error_code error;
  acceptor.open(address.protocol(), error);
  if (error) return StatusOf(name, error);
  CloseOnExec(acceptor.native_handle());
  // The mode of a unix socket's file is that of the socket when it is bound: so nobody else can get in between.
  if (is_unix) ::fchmod(acceptor.native_handle(), S_IRUSR | S_IWUSR);
  if (!is_unix) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(address, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error ? StatusOf(name, error) : absl::OkStatus();
}

absl::StatusOr<std::vector<Address>> Resolve(asio::io_context& context, const Endpoint& endpoint,
                                             const std::string& name) {
  boost::system::error_code error;
  asio::ip::tcp::resolver resolver(context);
  const auto results = resolver.resolve(endpoint.host, endpoint.port, error);
  if (error) return StatusOf(name, error);
  std::vector<Address> addresses;
  for (const auto& result : results) addresses.emplace_back(result.endpoint());
  return addresses;
}

/// The address of a unix socket, kept reachable as long as this lives.
struct UnixTarget {
  std::optional<UnixAddress> address;
  std::vector<Address> addresses;
};

absl::StatusOr<UnixTarget> UnixTargetOf(const std::string& path) {
  absl::StatusOr<UnixAddress> made = UnixAddress::Of(path);
  if (absl::IsNotFound(made.status())) return absl::UnavailableError(std::string(made.status().message()));
  COPSE_RETURN_IF_ERROR(made.status());
  UnixTarget target;
  target.addresses.emplace_back(asio::local::stream_protocol::endpoint(made->short_path()));
  target.address.emplace(*std::move(made));
  return target;
}

/// One attempt to connect, on the network's thread; kept alive by its pending operations.
class Connector : public std::enable_shared_from_this<Connector> {
 public:
  Connector(asio::io_context& context, std::string name, Network::OnConnected on_done)
      : resolver_(context), socket_(context), limit_(context), name_(std::move(name)), on_done_(std::move(on_done)) {}

  void Begin(const absl::StatusOr<Endpoint>& endpoint) {
    limit_.expires_after(kConnectMax);
    limit_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->Finish(StatusOf(self->name_, asio::error::timed_out));
    });
    if (!endpoint.ok()) {
      Finish(endpoint.status());
    } else if (endpoint->is_unix) {
      absl::StatusOr<UnixTarget> target = UnixTargetOf(endpoint->path);
      if (!target.ok()) return Finish(target.status());
      unix_ = *std::move(target);
      ConnectTo(unix_.addresses);
    } else {
      resolver_.async_resolve(endpoint->host, endpoint->port,
                              [self = shared_from_this()](const boost::system::error_code& error, const auto& results) {
                                if (error) return self->Finish(StatusOf(self->name_, error));
                                std::vector<Address> addresses;
                                for (const auto& result : results) addresses.emplace_back(result.endpoint());
                                self->ConnectTo(std::move(addresses));
                              });
    }
  }

 private:
  void ConnectTo(std::vector<Address> addresses) {
    if (!on_done_) return;
    addresses_ = std::move(addresses);
    asio::async_connect(socket_, addresses_,
                        [self = shared_from_this()](const boost::system::error_code& error, const Address&) {
                          if (error) return self->Finish(StatusOf(self->name_, error));
                          if (!self->on_done_) return;
                          CloseOnExec(self->socket_.native_handle());
                          self->Finish(std::make_unique<AsioConnection>(std::move(self->socket_)));
                        });
  }

  void Finish(absl::StatusOr<std::unique_ptr<Connection>> result) {
    const Network::OnConnected on_done = std::exchange(on_done_, nullptr);
    if (!on_done) return;
    boost::system::error_code ignored;
    limit_.cancel();
    resolver_.cancel();
    if (!result.ok()) socket_.close(ignored);
    on_done(std::move(result));
  }

  asio::ip::tcp::resolver resolver_;
  StreamSocket socket_;
  asio::steady_timer limit_;
  const std::string name_;
  UnixTarget unix_;
  std::vector<Address> addresses_;
  Network::OnConnected on_done_;  ///< Empty once it was called.
};

/// Connects to the first of `addresses` that answers, within kConnectMax in all.
absl::StatusOr<StreamSocket> ConnectToAny(asio::io_context& home, const std::vector<Address>& addresses,
                                          const std::string& name) {
  asio::io_context here;
  StreamSocket socket(here);
  boost::system::error_code result = asio::error::timed_out;
  Address reached;
  asio::async_connect(socket, addresses, [&](const boost::system::error_code& error, const Address& address) {
    result = error;
    reached = address;
  });
  here.run_for(kConnectMax);
  if (result) return StatusOf(name, result);
  CloseOnExec(socket.native_handle());
  StreamSocket connected(home);
  connected.assign(reached.protocol(), socket.release());
  return connected;
}

}  // namespace

struct AsioNetwork::State {
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread{[this] { context.run(); }};
};

AsioNetwork::AsioNetwork() : state_(std::make_unique<State>()) {}

AsioNetwork::~AsioNetwork() {
  state_->context.stop();
  state_->thread.join();
}

absl::StatusOr<std::unique_ptr<Listener>> AsioNetwork::Listen(const std::string& endpoint, OnConnection on_connection) {
  COPSE_ASSIGN_OR_RETURN(const Endpoint parsed, internal::ParseEndpoint(endpoint));
  StreamAcceptor acceptor(state_->context);
  std::string reachable = endpoint;
  if (parsed.is_unix) {
    COPSE_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::Of(parsed.path));
    const asio::local::stream_protocol::endpoint local(address.short_path());
    COPSE_RETURN_IF_ERROR(Bind(acceptor, Address(local), endpoint, true));
  } else {
    COPSE_ASSIGN_OR_RETURN(const std::vector<Address> addresses, Resolve(state_->context, parsed, endpoint));
    COPSE_RETURN_IF_ERROR(Bind(acceptor, addresses.front(), endpoint, false));
    asio::ip::tcp::endpoint bound;
    const Address local = acceptor.local_endpoint();
    bound.resize(local.size());
    std::memcpy(bound.data(), local.data(), local.size());
    reachable = internal::TcpEndpoint(parsed.host, bound.port());
  }
  auto accepting = std::make_shared<Acceptor>(std::move(acceptor), std::move(on_connection));
  asio::post(state_->context, [accepting] { accepting->AcceptNext(); });
  return std::make_unique<AsioListener>(std::move(accepting), std::move(reachable), parsed.path);
}

absl::StatusOr<std::unique_ptr<Connection>> AsioNetwork::Connect(const std::string& endpoint) {
  COPSE_ASSIGN_OR_RETURN(const Endpoint parsed, internal::ParseEndpoint(endpoint));
  UnixTarget target;
  if (parsed.is_unix) {
    COPSE_ASSIGN_OR_RETURN(target, UnixTargetOf(parsed.path));
  } else {
    COPSE_ASSIGN_OR_RETURN(target.addresses, Resolve(state_->context, parsed, endpoint));
  }
  COPSE_ASSIGN_OR_RETURN(StreamSocket socket, ConnectToAny(state_->context, target.addresses, endpoint));
  return std::make_unique<AsioConnection>(std::move(socket));
}

void AsioNetwork::Connect(const std::string& endpoint, OnConnected on_done) {
  auto connector = std::make_shared<Connector>(state_->context, endpoint, std::move(on_done));
  asio::post(state_->context, [connector, parsed = internal::ParseEndpoint(endpoint)] { connector->Begin(parsed); });
}

}  // namespace copse::base
