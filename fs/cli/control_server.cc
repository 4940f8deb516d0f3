#include "cli/control_server.h"

// The network's one thread only cuts bytes into lines; each client has an executor that runs its requests and waits
// until the reply has left, which bounds what is held for a slow reader to one reply. A client that has gone is
// destroyed by the reaper, since its own callbacks cannot wait for themselves.

#include <copse/base/executor.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "cli/control_protocol.h"

namespace copse::cli {
namespace {

constexpr std::chrono::seconds kLastReplyMax{5};
constexpr unsigned kWaitingRequestsMax = 16;

/// One client.
class Client {
 public:
  Client(std::unique_ptr<base::Connection> connection, const ControlServer::Handler& handler)
      : connection_(std::move(connection)), handler_(handler) {}

  ~Client() {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kLastReplyMax, [&] { return waiting_ == 0 || closed_; });
      closed_ = true;
      changed_.notify_all();
    }
    executor_.reset();
    connection_.reset();
  }

  void Start(std::function<void()> on_gone) {
    connection_->Start({[this](std::string_view bytes) { TakeBytes(bytes); },
                        [this, on_gone = std::move(on_gone)](const absl::Status&) {
                          {
                            const std::lock_guard lock(mutex_);
                            closed_ = true;
                            changed_.notify_all();
                          }
                          on_gone();
                        }});
  }

 private:
  void TakeBytes(std::string_view bytes) {
    std::vector<std::string> lines;
    const absl::Status status = splitter_.Take(bytes, lines);
    for (std::string& line : lines) {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      if (++waiting_ > kWaitingRequestsMax) {
        connection_->Close();
        return;
      }
      executor_->Post([this, line = std::move(line)] { Answer(line); });
    }
    if (!status.ok()) {
      connection_->Send(EncodeReply(status));
      connection_->Close();
    }
  }

  void Answer(const std::string& line) {
    const absl::StatusOr<Request> request = DecodeRequest(line);
    std::string reply = EncodeReply(request.ok() ? handler_(request->command, request->arguments)
                                                 : absl::StatusOr<Json>(request.status()));
    const auto sent = std::make_shared<bool>(false);  // Shared: the network may say so after the wait was given up.
    std::unique_lock lock(mutex_);
    connection_->Send(std::move(reply), [this, sent] {
      const std::lock_guard sent_lock(mutex_);
      *sent = true;
      changed_.notify_all();
    });
    changed_.wait(lock, [&] { return *sent || closed_; });
    --waiting_;
    changed_.notify_all();
  }

  std::unique_ptr<base::Connection> connection_;
  const ControlServer::Handler& handler_;
  LineSplitter splitter_{kRequestBytesMax};
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned waiting_ = 0;  ///< Requests taken whose reply has not left.
  bool closed_ = false;
  std::unique_ptr<base::ThreadExecutor> executor_ = std::make_unique<base::ThreadExecutor>();
};

}  // namespace

struct ControlServer::State {
  Handler handler;
  std::mutex mutex;
  std::set<std::shared_ptr<Client>> clients;
  std::unique_ptr<base::ThreadExecutor> reaper = std::make_unique<base::ThreadExecutor>();
  std::unique_ptr<base::Listener> listener;

  void Accept(std::unique_ptr<base::Connection> connection) {
    const std::lock_guard lock(mutex);
    if (clients.size() >= kClientsMax) return;
    auto client = std::make_shared<Client>(std::move(connection), handler);
    client->Start([this, key = std::weak_ptr<Client>(client)] { reaper->Post([this, key] { Reap(key.lock()); }); });
    clients.insert(std::move(client));
  }

  void Reap(std::shared_ptr<Client> client) {
    const std::lock_guard lock(mutex);
    clients.erase(client);
  }
};

ControlServer::ControlServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

ControlServer::~ControlServer() {
  state_->listener.reset();
  std::set<std::shared_ptr<Client>> clients;
  {
    const std::lock_guard lock(state_->mutex);
    clients.swap(state_->clients);
  }
  clients.clear();
  state_->reaper.reset();
}

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(base::Network& network, const std::string& endpoint,
                                                                    Handler handler) {
  auto state = std::make_unique<State>();
  state->handler = std::move(handler);
  absl::StatusOr<std::unique_ptr<base::Listener>> listener =
      network.Listen(endpoint, [accepts = state.get()](std::unique_ptr<base::Connection> connection) {
        accepts->Accept(std::move(connection));
      });
  if (!listener.ok()) return listener.status();
  state->listener = std::move(*listener);
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(state)));
}

}  // namespace copse::cli
