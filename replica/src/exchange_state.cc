#include "exchange_state.h"

// Events of connections come on the network's threads and only post work; each piece of work finds its link by number,
// and finds none when that has gone meanwhile. After each piece the chunks that can be asked for are asked for,
// sessions that ended are closed, the status is published, and time is asked for where something waits for it: so no
// event has to think of them. Without a connection nothing ever wakes up by itself, and one that rests wakes up to say
// that it is alive.

#include <copse/base/status_macros.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace copse::replica {
namespace {

constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kCloseMax{5};
constexpr std::chrono::seconds kStopMax{2};

Session::Options OptionsOf(const Identity& identity) {
  Session::Options options;
  options.volume = identity.volume;
  options.actor = identity.actor;
  options.label = identity.label;
  return options;
}

/// Whether `now` tells anything that `before` does not. Counters alone are no news.
bool IsNews(const PeerStatus& before, const PeerStatus& now) {
  const auto told = [](const PeerStatus& status) {
    return std::tie(status.endpoint, status.label, status.key, status.connected, status.in_sync, status.ops_to_send,
                    status.ops_to_receive, status.last_error);
  };
  return told(before) != told(now);
}

}  // namespace

Exchange::State::State(Environment environment, const Identity& identity, SessionHost& host, Callbacks callbacks)
    : environment_(std::move(environment)),
      session_options_(OptionsOf(identity)),
      own_key_(identity.signing_public),
      channels_(environment_.channels(identity.signing_secret)),
      host_(host),
      callbacks_(std::move(callbacks)) {}

base::Executor::WorkId Exchange::State::Post(std::function<void(State&)> work, std::chrono::nanoseconds delay) {
  return environment_.executor.Post(
      [weak = weak_from_this(), work = std::move(work)] {
        if (const auto self = weak.lock()) self->Run(work);
      },
      delay);
}

void Exchange::State::Run(const std::function<void(State&)>& work) {
  const std::lock_guard lock(work_mutex_);
  if (has_ended_) return;
  work(*this);
  AfterWork();
}

void Exchange::State::Cut() {
  const std::lock_guard lock(work_mutex_);
  has_ended_ = true;
  listeners_.clear();
  links_.clear();
  const std::lock_guard arrivals_lock(arrivals_mutex_);
  takes_arrivals_ = false;
  arrivals_.clear();
}

absl::StatusOr<std::string> Exchange::State::Listen(const std::string& endpoint) {
  COPSE_ASSIGN_OR_RETURN(
      std::unique_ptr<base::Listener> listener,
      environment_.network.Listen(endpoint, [weak = weak_from_this()](std::unique_ptr<base::Connection> connection) {
        if (const auto self = weak.lock()) self->Arrive("", std::move(connection));
      }));
  const std::lock_guard lock(work_mutex_);
  return listeners_.emplace_back(std::move(listener))->endpoint();
}

void Exchange::State::AnnounceHeads() {
  if (heads_are_announced_.exchange(true)) return;
  Post([](State& state) {
    state.heads_are_announced_ = false;
    for (const auto& [id, link] : state.links_) {
      if (link->is_live()) link->session->OnHeadsChanged();
    }
  });
}

void Exchange::State::AddPeer(const std::string& endpoint) {
  if (FindPeer(endpoint) != nullptr) return;
  Peer& peer = *peers_.emplace_back(std::make_unique<Peer>());
  peer.status.endpoint = endpoint;
  peer.is_dialling = true;
  Dial(endpoint);
}

void Exchange::State::RequestChunks(std::span<const base::Hash> ids) { chunks_.Add(ids); }

void Exchange::State::ScheduleTick() {
  const std::chrono::nanoseconds now = environment_.clock.Monotonic();
  std::optional<std::chrono::nanoseconds> due;
  for (const auto& [id, link] : links_) {
    const auto rests_until = link->is_live() ? link->session->RestsUntil() : std::nullopt;
    const std::chrono::nanoseconds next = rests_until.value_or(now + kTick);
    if (!due.has_value() || next < *due) due = next;
  }
  if (!due.has_value() || (tick_due_.has_value() && *tick_due_ <= *due)) return;
  environment_.executor.Cancel(tick_);
  tick_due_ = due;
  tick_ = Post([](State& state) { state.Tick(); }, std::max(*due - now, std::chrono::nanoseconds(0)));
}

void Exchange::State::Tick() {
  tick_due_.reset();
  const std::chrono::nanoseconds now = environment_.clock.Monotonic();
  for (auto link = links_.begin(); link != links_.end();) {
    Link& each = *(link++)->second;  // May go below.
    const auto close_max = is_stopping_ ? kStopMax : kCloseMax;
    if (each.closing_since.has_value() && now - *each.closing_since >= close_max) {
      OnClose(each, absl::OkStatus());  // Its peer does not read what is still to be sent.
    } else if (each.is_live()) {
      each.session->OnTime(now);
      if (each.session->IsSilent()) chunks_.OnPeerSilent(each.id);
      if (each.is_member && !callbacks_.is_welcome(each.key)) {
        each.session->End(absl::PermissionDeniedError("no member of this volume any more"));
      }
    }
  }
}

void Exchange::State::Stop(std::function<void()> on_stopped) {
  is_stopping_ = true;
  on_stopped_ = std::move(on_stopped);
  listeners_.clear();
  for (const auto& [id, link] : links_) CloseLink(*link);
}

void Exchange::State::AfterWork() {
  for (const auto& [id, link] : links_) {
    if (link->is_live() && link->session->has_ended()) FailLink(*link, link->session->status());
  }
  for (const auto& [id, link] : links_) {
    if (!link->is_live()) continue;
    link->session->RequestChunks(chunks_.Take(id, link->session->ChunkCapacity()));
  }
  for (const base::Hash& id : chunks_.TakeHopeless()) {
    host_.OnChunk(id, absl::NotFoundError("no peer that is connected has the chunk"));
  }
  Publish();
  ScheduleTick();
  if (is_stopping_ && links_.empty()) {
    if (const auto on_stopped = std::exchange(on_stopped_, nullptr)) on_stopped();
  }
}

std::vector<PeerStatus> Exchange::State::status() const {
  const std::lock_guard lock(status_mutex_);
  return published_;
}

void Exchange::State::Publish() {
  for (const auto& peer : peers_) {
    PeerStatus& status = peer->status;
    const Link* link = LinkOf(status.key);
    status.connected = link != nullptr && link->session->is_open();
    status.in_sync = status.connected && link->session->IsInSync();
    const bool counts = status.connected && !status.in_sync;
    status.ops_to_send = counts ? link->session->OpsToSend() : 0;
    status.ops_to_receive = counts ? link->session->OpsToReceive() : 0;
  }
  bool changed = false;
  {
    const std::lock_guard lock(status_mutex_);
    changed = published_.size() != peers_.size();
    published_.resize(peers_.size());
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      changed = changed || IsNews(published_[i], peers_[i]->status);
      // In place: this happens after each piece of work, and strings keep their room.
      published_[i] = peers_[i]->status;
    }
  }
  if (changed && callbacks_.on_change) callbacks_.on_change();
}

Link* Exchange::State::FindLink(Link::Id id) {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second.get();
}

Link* Exchange::State::LinkOf(const std::string& key) {
  Link* latest = nullptr;
  for (const auto& [id, link] : links_) {
    if (!link->Serves(key)) continue;
    if (latest == nullptr || link->was_open || !latest->was_open) latest = link.get();
  }
  return latest;
}

Exchange::State::Peer* Exchange::State::FindPeer(const std::string& endpoint) {
  for (const auto& peer : peers_) {
    if (peer->status.endpoint == endpoint) return peer.get();
  }
  return nullptr;
}

std::vector<Exchange::State::Peer*> Exchange::State::PeersOf(const Link& link) {
  std::vector<Peer*> peers;
  for (const auto& peer : peers_) {
    const bool is_dialled = link.is_dialled() && peer->status.endpoint == link.endpoint;
    if (is_dialled || (link.is_member && peer->status.key == link.key)) peers.push_back(peer.get());
  }
  return peers;
}

std::function<void(Exchange::State&)> Exchange::State::WithLink(Link::Id id, std::function<void(State&, Link&)> work) {
  return [id, work = std::move(work)](State& state) {
    if (Link* link = state.FindLink(id)) work(state, *link);
  };
}

}  // namespace copse::replica
