#include "cli/control_client.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "cli/control_protocol.h"

namespace copse::cli {

struct ControlClient::State {
  std::mutex mutex;
  std::condition_variable changed;
  LineSplitter splitter{0};  // The other end is our own user's process, and a dump may be of any length.
  std::deque<std::string> replies;
  bool closed = false;
  std::unique_ptr<base::Connection> connection;  // Last, so that it goes first: its callbacks use the rest.
};

ControlClient::ControlClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
ControlClient::~ControlClient() = default;

absl::StatusOr<std::unique_ptr<ControlClient>> ControlClient::Connect(base::Network& network,
                                                                      const std::string& endpoint) {
  absl::StatusOr<std::unique_ptr<base::Connection>> connection = network.Connect(endpoint);
  if (!connection.ok()) return connection.status();
  auto state = std::make_unique<State>();
  state->connection = std::move(*connection);
  State* const receiver = state.get();
  state->connection->Start({[receiver](std::string_view bytes) {
                              std::vector<std::string> lines;
                              const std::lock_guard lock(receiver->mutex);
                              if (!receiver->splitter.Take(bytes, lines).ok()) return;
                              for (std::string& line : lines) receiver->replies.push_back(std::move(line));
                              receiver->changed.notify_all();
                            },
                            [receiver](const absl::Status&) {
                              const std::lock_guard lock(receiver->mutex);
                              receiver->closed = true;
                              receiver->changed.notify_all();
                            }});
  return std::unique_ptr<ControlClient>(new ControlClient(std::move(state)));
}

absl::StatusOr<Json> ControlClient::Call(const std::string& command, const Json& arguments) {
  state_->connection->Send(EncodeRequest({command, arguments}));
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return !state_->replies.empty() || state_->closed; });
  if (state_->replies.empty()) {
    return absl::UnavailableError("the process of the mount ended, or hung up, before it answered; try again");
  }
  const std::string reply = std::move(state_->replies.front());
  state_->replies.pop_front();
  lock.unlock();
  return DecodeReply(reply);
}

bool ControlClient::WaitForClose(std::chrono::milliseconds at_most) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, at_most, [&] { return state_->closed; });
}

}  // namespace copse::cli
