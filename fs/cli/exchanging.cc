#include "cli/exchanging.h"

#include <copse/base/status_macros.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <utility>

namespace copse::cli {
namespace {

constexpr std::chrono::seconds kStopMax{3};
constexpr std::chrono::milliseconds kProgressPause{200};

std::string NameOf(const replica::PeerStatus& peer) {
  if (peer.label.empty()) return peer.endpoint;
  return peer.endpoint.empty() ? peer.label : peer.label + " (" + peer.endpoint + ")";
}

/// HOST:PORT of a network's endpoint.
std::string WithoutScheme(const std::string& endpoint) {
  constexpr std::string_view kScheme = "tcp:";
  return endpoint.substr(0, kScheme.size()) == kScheme ? endpoint.substr(kScheme.size()) : endpoint;
}

}  // namespace

struct Exchanging::State : std::enable_shared_from_this<Exchanging::State> {
  State(OpenVolume& volume, Options given) : opened(volume), options(std::move(given)) {}

  absl::Status Start();
  void ListenAsBefore(const std::vector<std::string>& endpoints);
  /// Tells the store whether anybody listens, and the log what is new. On the executor of the exchange.
  void TakeChange();
  void Log(const std::string& line) const {
    if (options.log) options.log(line);
  }
  /// What keeps `peers` from being in sync: nothing, a text for people, or an error.
  absl::StatusOr<std::string> StillToCome(const std::vector<std::string>& endpoints) const;

  OpenVolume& opened;
  const Options options;
  std::vector<std::string> listening;
  std::shared_ptr<replica::Exchange> exchange;

  std::mutex take_mutex;  // Held by TakeChange; taken before mutex.
  bool closed = false;    // Guarded by take_mutex: what TakeChange uses may be gone.

  mutable std::mutex mutex;  // Guards all below.
  std::condition_variable changed;
  std::uint64_t changes = 0;
  std::vector<replica::PeerStatus> logged;
};

absl::Status Exchanging::State::Start() {
  replica::Store& store = opened.store();
  replica::Exchange::Callbacks callbacks;
  callbacks.is_welcome = [&store](const std::string& key) { return store.IsWelcome(key); };
  callbacks.on_change = [weak = weak_from_this(), &executor = opened.exchange_environment().executor] {
    executor.Post([weak] {
      if (const std::shared_ptr<State> state = weak.lock()) state->TakeChange();
    });
  };
  exchange = std::make_shared<replica::Exchange>(opened.exchange_environment(), store.identity(), store.exchange_side(),
                                                 std::move(callbacks));
  const std::weak_ptr<replica::Exchange> weak = exchange;
  store.set_exchange_events({[weak] {
                               if (const auto alive = weak.lock()) alive->OnHeadsChanged();
                             },
                             [weak](const std::vector<base::Hash>& ids) {
                               if (const auto alive = weak.lock()) alive->RequestChunks(ids);
                             }});
  exchange->RequestChunks(store.MissingChunks());
  for (const std::string& endpoint : options.listen) {
    COPSE_ASSIGN_OR_RETURN(const std::string listens, exchange->Listen(endpoint));
    listening.push_back(WithoutScheme(listens));
  }
  const replica::Store::Addresses remembered = options.use_remembered ? store.addresses() : replica::Store::Addresses();
  // With the ports that were chosen: others come back to them.
  COPSE_RETURN_IF_ERROR(store.RememberAddresses({listening, options.peers}));
  if (options.listen.empty()) ListenAsBefore(remembered.listen);
  for (const auto* peers : {&remembered.peers, &options.peers}) {
    for (const std::string& peer : *peers) exchange->AddPeer(peer);
  }
  for (const std::string& endpoint : listening) Log("listening at " + endpoint);
  return absl::OkStatus();
}

void Exchanging::State::ListenAsBefore(const std::vector<std::string>& endpoints) {
  for (const std::string& endpoint : endpoints) {
    absl::StatusOr<std::string> listens = exchange->Listen(endpoint);
    // An address of another day may be somebody else's now, or of another network: no reason not to work here.
    if (listens.ok()) {
      listening.push_back(WithoutScheme(*listens));
    } else {
      Log("cannot listen at " + endpoint + " as before: " + std::string(listens.status().message()));
    }
  }
}

void Exchanging::State::TakeChange() {
  const std::lock_guard take_lock(take_mutex);
  if (closed) return;
  const std::vector<replica::PeerStatus> peers = exchange->GetStatus();
  opened.store().set_connected(
      std::any_of(peers.begin(), peers.end(), [](const replica::PeerStatus& peer) { return peer.connected; }));
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < peers.size(); ++i) {
      const replica::PeerStatus before = i < logged.size() ? logged[i] : replica::PeerStatus();
      if (peers[i].connected && !before.connected) lines.push_back("connected to " + NameOf(peers[i]));
      if (!peers[i].connected && before.connected) lines.push_back("disconnected from " + NameOf(peers[i]));
      if (!peers[i].last_error.empty() && peers[i].last_error != before.last_error) {
        lines.push_back(peers[i].last_error);
      }
    }
    logged = peers;
    ++changes;
    changed.notify_all();
  }
  for (const std::string& line : lines) Log(line);
}

absl::StatusOr<std::string> Exchanging::State::StillToCome(const std::vector<std::string>& endpoints) const {
  const std::vector<replica::PeerStatus> peers = exchange->GetStatus();
  std::string text;
  for (const std::string& endpoint : endpoints) {
    const auto peer =
        std::find_if(peers.begin(), peers.end(), [&](const auto& one) { return one.endpoint == endpoint; });
    if (peer == peers.end()) {
      text = "connecting to " + endpoint;
    } else if (!peer->connected && !peer->last_error.empty()) {
      return absl::UnavailableError(peer->last_error);
    } else if (!peer->connected) {
      text = "connecting to " + endpoint;
    } else if (!peer->in_sync) {
      text = std::to_string(peer->ops_to_receive) + " changes to receive, " + std::to_string(peer->ops_to_send) +
             " to send";
    }
  }
  const replica::Store::Usage usage = opened.store().usage();
  if (usage.chunks_missing > 0) text += ", " + std::to_string(usage.chunks_missing) + " contents to fetch";
  return text;
}

Exchanging::Exchanging(std::shared_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<Exchanging>> Exchanging::Start(OpenVolume& opened, Options options) {
  std::unique_ptr<Exchanging> exchanging(new Exchanging(std::make_shared<State>(opened, std::move(options))));
  COPSE_RETURN_IF_ERROR(exchanging->state_->Start());
  return exchanging;
}

Exchanging::~Exchanging() {
  if (state_->exchange == nullptr) return;
  state_->opened.store().set_exchange_events({});
  const auto stopped = std::make_shared<std::promise<void>>();
  state_->exchange->Stop([stopped] { stopped->set_value(); });
  stopped->get_future().wait_for(kStopMax);
  const std::lock_guard take_lock(state_->take_mutex);
  state_->closed = true;
  state_->opened.store().set_connected(false);
}

std::vector<std::string> Exchanging::listening() const { return state_->listening; }

std::vector<replica::PeerStatus> Exchanging::peers() const { return state_->exchange->GetStatus(); }

absl::Status Exchanging::Synchronize(const std::vector<std::string>& endpoints, std::chrono::nanoseconds time_max,
                                     const std::function<void(const std::string&)>& on_progress) {
  const auto give_up = std::chrono::steady_clock::now() + time_max;
  for (const std::string& endpoint : endpoints) state_->exchange->AddPeer(endpoint);
  for (;;) {
    std::uint64_t seen = 0;
    {
      const std::lock_guard lock(state_->mutex);
      seen = state_->changes;
    }
    COPSE_ASSIGN_OR_RETURN(const std::string to_come, state_->StillToCome(endpoints));
    if (to_come.empty()) return absl::OkStatus();
    if (on_progress) on_progress(to_come);
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, kProgressPause, [&] { return state_->changes != seen; });
    if (std::chrono::steady_clock::now() > give_up) {
      return absl::UnavailableError("not in sync yet: " + to_come + "; run it again to go on");
    }
  }
}

}  // namespace copse::cli
