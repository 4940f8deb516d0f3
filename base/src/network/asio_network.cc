#include <copse/base/asio_network.h>

// Sockets of both families are one type here (Asio's generic stream protocol): after the address is made, nothing
// differs. Accepting and all connections share one thread. Connecting that blocks borrows the caller's, in an
// io_context of its own, so that it may also be called from a callback.

#include <copse/base/status_macros.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "network/asio.h"
#include "network/asio_connector.h"
#include "network/asio_stream.h"
#include "network/endpoint.h"
#include "network/unix_address.h"

namespace copse::base {
namespace {

using internal::AsioStream;
using internal::CloseOnExec;
using internal::Endpoint;
using internal::StatusOf;
using internal::StreamAcceptor;
using internal::StreamSocket;
using internal::Target;
using internal::UnixAddress;
namespace asio = boost::asio;
using Address = internal::SocketAddress;

constexpr std::chrono::milliseconds kAcceptPause{100};

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

/// Connects to the first of `addresses` that answers, within internal::kConnectMax in all.
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
  here.run_for(internal::kConnectMax);
  if (result) return StatusOf(name, result);
  CloseOnExec(socket.native_handle());
  StreamSocket connected(home);
  connected.assign(reached.protocol(), socket.release());
  return connected;
}

}  // namespace

struct AsioNetwork::State {
  asio::io_context context;
  const std::shared_ptr<internal::Mailbox> mailbox = std::make_shared<internal::Mailbox>(context);
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread{[this] { context.run(); }};
};

AsioNetwork::AsioNetwork() : state_(std::make_unique<State>()) {}

AsioNetwork::~AsioNetwork() { Stop(); }

void AsioNetwork::Stop() {
  if (!state_->thread.joinable()) return;
  state_->mailbox->Close();
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
    COPSE_ASSIGN_OR_RETURN(const Target target, internal::FindTarget(parsed, endpoint));
    COPSE_RETURN_IF_ERROR(Bind(acceptor, target.addresses.front(), endpoint, false));
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
  COPSE_ASSIGN_OR_RETURN(const Target target, internal::FindTarget(parsed, endpoint));
  COPSE_ASSIGN_OR_RETURN(StreamSocket socket, ConnectToAny(state_->context, target.addresses, endpoint));
  return std::make_unique<AsioConnection>(std::move(socket));
}

void AsioNetwork::Connect(const std::string& endpoint, OnConnected on_done) {
  internal::ConnectWithoutBlocking(state_->context, state_->mailbox, endpoint,
                                   [on_done = std::move(on_done)](absl::StatusOr<StreamSocket> socket) {
                                     if (!socket.ok()) return on_done(socket.status());
                                     on_done(std::make_unique<AsioConnection>(*std::move(socket)));
                                   });
}

}  // namespace copse::base
