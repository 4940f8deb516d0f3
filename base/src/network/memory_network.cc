#include <copse/base/memory_network.h>

// A connection is two ends that know each other. Whatever one end does becomes an event posted to the executor for the
// other; since the executor runs work in order of posting, events arrive in order without a queue of our own. Events
// for an end that has not started yet are kept until it does.

#include <copse/base/status_macros.h>

#include <map>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "network/endpoint.h"

namespace copse::base {
namespace {

struct Closed {
  absl::Status reason;
};
using Event = std::variant<std::string, Closed>;

/// One end. Its events run under callback_mutex_, so that Detach can wait for the one that runs.
class End : public std::enable_shared_from_this<End> {
 public:
  explicit End(Executor& executor) : executor_(executor) {}

  void set_peer(std::weak_ptr<End> peer) { peer_ = std::move(peer); }

  void Start(Connection::Events events) {
    const std::lock_guard lock(mutex_);
    events_ = std::move(events);
    started_ = true;
    for (Event& event : early_) PostDelivery(std::move(event));
    early_.clear();
  }

  void Send(std::string bytes, std::function<void()> on_sent) {
    {
      const std::lock_guard lock(mutex_);
      if (closing_) return;
    }
    if (const auto peer = peer_.lock()) peer->Take(std::move(bytes));
    if (!on_sent) return;
    executor_.Post([self = shared_from_this(), on_sent = std::move(on_sent)] { self->Call(on_sent); });
  }

  void Close() {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(closing_, true)) return;
    }
    if (const auto peer = peer_.lock()) peer->Take(Closed{});
    Take(Closed{});
  }

  void Detach() {
    {
      const std::lock_guard lock(callback_mutex_);
      detached_ = true;
    }
    Close();
  }

 private:
  void Take(Event event) {
    const std::lock_guard lock(mutex_);
    if (started_) {
      PostDelivery(std::move(event));
    } else {
      early_.push_back(std::move(event));
    }
  }

  void PostDelivery(Event event) {
    executor_.Post([self = shared_from_this(), event = std::move(event)] { self->Deliver(event); });
  }

  void Deliver(const Event& event) {
    Connection::Events events;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      const bool closes = std::holds_alternative<Closed>(event);
      if (closing_ && !closes) return;
      if (closes) closed_ = closing_ = true;
      // Events often hold their connection's owner: let go of them with the last one.
      events = closes ? std::exchange(events_, {}) : events_;
    }
    Call([&] {
      if (const auto* closed = std::get_if<Closed>(&event)) {
        if (events.on_close) events.on_close(closed->reason);
      } else {
        events.on_bytes(std::get<std::string>(event));
      }
    });
  }

  void Call(const std::function<void()>& callback) {
    const std::lock_guard lock(callback_mutex_);
    if (!detached_) callback();
  }

  Executor& executor_;
  std::weak_ptr<End> peer_;

  std::recursive_mutex callback_mutex_;  ///< Recursive, because a callback may destroy its own connection.
  bool detached_ = false;                ///< Guarded by callback_mutex_.

  std::mutex mutex_;  ///< Guards what follows.
  Connection::Events events_;
  std::vector<Event> early_;
  bool started_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

class MemoryConnection final : public Connection {
 public:
  explicit MemoryConnection(std::shared_ptr<End> end) : end_(std::move(end)) {}
  ~MemoryConnection() override { end_->Detach(); }
  void Start(Events events) override { end_->Start(std::move(events)); }
  using Connection::Send;
  void Send(std::string bytes, std::function<void()> on_sent) override {
    end_->Send(std::move(bytes), std::move(on_sent));
  }
  void Close() override { end_->Close(); }

 private:
  const std::shared_ptr<End> end_;
};

struct Acceptor {
  std::function<void(std::unique_ptr<Connection>)> on_connection;
  std::recursive_mutex callback_mutex;
  bool stopped = false;
};

/// One text for each address, however it was written.
std::string AddressOf(const internal::Endpoint& parsed, const std::string& endpoint) {
  return parsed.is_unix ? endpoint : internal::TcpEndpoint(parsed.host, static_cast<unsigned>(std::stoul(parsed.port)));
}

}  // namespace

struct MemoryNetwork::State {
  explicit State(Executor& runs) : executor(runs) {}

  Executor& executor;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Acceptor>> acceptors;  ///< By endpoint.
  unsigned next_port = 49152;                                  ///< The first of the dynamic ports (RFC 6335).

  class ListenerImpl final : public Listener {
   public:
    ListenerImpl(std::shared_ptr<State> state, std::string endpoint)
        : state_(std::move(state)), endpoint_(std::move(endpoint)) {}
    ~ListenerImpl() override {
      std::shared_ptr<Acceptor> acceptor;
      {
        const std::lock_guard lock(state_->mutex);
        acceptor = std::move(state_->acceptors.extract(endpoint_).mapped());
      }
      const std::lock_guard lock(acceptor->callback_mutex);
      acceptor->stopped = true;
    }
    std::string endpoint() const override { return endpoint_; }

   private:
    const std::shared_ptr<State> state_;
    const std::string endpoint_;
  };
};

MemoryNetwork::MemoryNetwork(Executor& executor) : state_(std::make_shared<State>(executor)) {}
MemoryNetwork::~MemoryNetwork() = default;

absl::StatusOr<std::unique_ptr<Listener>> MemoryNetwork::Listen(
    const std::string& endpoint, std::function<void(std::unique_ptr<Connection>)> on_connection) {
  COPSE_ASSIGN_OR_RETURN(const internal::Endpoint parsed, internal::ParseEndpoint(endpoint));
  auto acceptor = std::make_shared<Acceptor>();
  acceptor->on_connection = std::move(on_connection);
  const std::lock_guard lock(state_->mutex);
  std::string reachable = AddressOf(parsed, endpoint);
  if (!parsed.is_unix && std::stoul(parsed.port) == 0) {
    reachable = internal::TcpEndpoint(parsed.host, state_->next_port++);
  }
  if (!state_->acceptors.emplace(reachable, std::move(acceptor)).second) {
    return absl::AlreadyExistsError(reachable + ": address already in use");
  }
  return std::make_unique<State::ListenerImpl>(state_, std::move(reachable));
}

absl::StatusOr<std::unique_ptr<Connection>> MemoryNetwork::Connect(const std::string& endpoint) {
  COPSE_ASSIGN_OR_RETURN(const internal::Endpoint parsed, internal::ParseEndpoint(endpoint));
  const std::string address = AddressOf(parsed, endpoint);
  std::shared_ptr<Acceptor> acceptor;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->acceptors.find(address);
    if (found == state_->acceptors.end()) return absl::UnavailableError(endpoint + ": nobody listens there");
    acceptor = found->second;
  }
  const auto caller = std::make_shared<End>(state_->executor);
  const auto callee = std::make_shared<End>(state_->executor);
  caller->set_peer(callee);
  callee->set_peer(caller);
  auto accepted = std::make_shared<std::unique_ptr<Connection>>(std::make_unique<MemoryConnection>(callee));
  state_->executor.Post([acceptor, accepted] {
    const std::lock_guard lock(acceptor->callback_mutex);
    if (!acceptor->stopped) acceptor->on_connection(std::move(*accepted));
  });
  return std::make_unique<MemoryConnection>(caller);
}

void MemoryNetwork::Connect(const std::string& endpoint, OnConnected on_done) {
  auto connected = std::make_shared<absl::StatusOr<std::unique_ptr<Connection>>>(Connect(endpoint));
  state_->executor.Post([weak = std::weak_ptr(state_), connected, on_done = std::move(on_done)] {
    if (!weak.expired()) on_done(std::move(*connected));
  });
}

}  // namespace copse::base
