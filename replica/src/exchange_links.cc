#include <algorithm>
#include <utility>

#include "exchange_state.h"

// The life of a connection: dialled or accepted, opened by the handshake, a session, perhaps given up for another to
// the same key, closing. It is given up only when both ends have stated their heads, and an address is tried now and
// then while its replica is reached another way: what answers there may be a copy of that store, and it is by its heads
// that its other history shows.

namespace copse::replica {
namespace {

constexpr std::chrono::milliseconds kNewsEvery{200};
/// Above what credit allows a peer that behaves: a window and the longest message. With what a session keeps unread,
/// unsent or not whole, a peer takes less than 32 MiB.
constexpr std::size_t kUnprocessedBytesMax = 16 << 20;
/// Within this, whoever dialled a connection that is not needed closes it.
constexpr std::chrono::seconds kSpareMax{5};

}  // namespace

void Exchange::State::Dial(const std::string& endpoint) {
  Peer* peer = FindPeer(endpoint);
  if (peer == nullptr || is_stopping_) return;
  if (LinkOf(peer->status.key) != nullptr) {
    peer->is_dialling = false;  // It is reached already. When that connection ends, this is tried again.
    ProbeLater(*peer);
    return;
  }
  Connect(*peer);
}

void Exchange::State::Connect(Peer& peer) {
  peer.is_dialling = true;
  const std::string endpoint = peer.status.endpoint;
  environment_.network.Connect(
      endpoint, [weak = weak_from_this(), endpoint](absl::StatusOr<std::unique_ptr<base::Connection>> connection) {
        if (const auto self = weak.lock()) self->Arrive(endpoint, std::move(connection));
      });
}

void Exchange::State::DialLater(Peer& peer) {
  if (peer.status.endpoint.empty() || is_stopping_ || std::exchange(peer.is_dialling, true)) return;
  Post([endpoint = peer.status.endpoint](State& state) { state.Dial(endpoint); },
       peer.back_off.Next(environment_.random));
}

void Exchange::State::ProbeLater(Peer& peer) {
  if (peer.status.endpoint.empty() || is_stopping_ || std::exchange(peer.is_probing, true)) return;
  // Random for the reason that a back-off is.
  BackOff wait(kBackOffMax, kBackOffMax);
  Post([endpoint = peer.status.endpoint](State& state) { state.Probe(endpoint); }, wait.Next(environment_.random));
}

void Exchange::State::Probe(const std::string& endpoint) {
  Peer* peer = FindPeer(endpoint);
  if (peer == nullptr || is_stopping_) return;
  peer->is_probing = false;
  if (!peer->is_dialling) Connect(*peer);
}

void Exchange::State::Arrive(const std::string& endpoint,
                             absl::StatusOr<std::unique_ptr<base::Connection>> connection) {
  {
    const std::lock_guard lock(arrivals_mutex_);
    if (!takes_arrivals_) return;
    arrivals_.push_back({endpoint, std::move(connection)});
  }
  Post([](State& state) { state.TakeArrival(); });
}

void Exchange::State::TakeArrival() {
  Arrival arrival;
  {
    const std::lock_guard lock(arrivals_mutex_);
    arrival = std::move(arrivals_.front());
    arrivals_.pop_front();
  }
  if (arrival.endpoint.empty()) {
    AddLink("", *std::move(arrival.connection));
  } else {
    OnDialled(arrival.endpoint, std::move(arrival.connection));
  }
}

void Exchange::State::OnDialled(const std::string& endpoint,
                                absl::StatusOr<std::unique_ptr<base::Connection>> connection) {
  Peer* peer = FindPeer(endpoint);
  if (peer == nullptr || is_stopping_) return;
  if (connection.ok()) {
    AddLink(endpoint, *std::move(connection));
  } else {
    peer->is_dialling = false;
    NoteError(*peer, std::string(connection.status().message()));
    DialLater(*peer);
  }
}

void Exchange::State::AddLink(const std::string& endpoint, std::unique_ptr<base::Connection> connection) {
  const auto strangers = std::count_if(links_.begin(), links_.end(), [](const auto& link) {
    return !link.second->is_dialled() && !link.second->is_member;
  });
  if (is_stopping_ || (endpoint.empty() && static_cast<std::size_t>(strangers) >= kStrangersMax)) return;

  const Link::Id id = ++last_link_;
  Channels::Options options;
  options.role = endpoint.empty() ? Channels::Role::kServer : Channels::Role::kClient;
  options.judge = [own_key = own_key_](const std::string& key) {
    // Who is a member is asked on the executor, so that a stranger can be told, or admitted.
    return key == own_key ? absl::InvalidArgumentError("that is this replica itself") : absl::OkStatus();
  };
  options.on_open = [weak = weak_from_this(), id](const std::string& key) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->Post(self->WithLink(id, [key](State& state, Link& link) { state.OnOpen(link, key); }));
  };
  auto link = std::make_unique<Link>();
  link->id = id;
  link->endpoint = endpoint;
  link->connection = channels_->Open(std::move(connection), environment_.executor, std::move(options));
  Link& added = *links_.emplace(id, std::move(link)).first->second;

  const auto unprocessed = std::make_shared<std::atomic<std::size_t>>(0);
  base::Connection::Events events;
  events.on_bytes = [weak = weak_from_this(), id, unprocessed](std::string_view bytes) {
    const auto self = weak.lock();
    if (self == nullptr || unprocessed->load() > kUnprocessedBytesMax) return;
    if (unprocessed->fetch_add(bytes.size()) + bytes.size() > kUnprocessedBytesMax) {
      self->Post(self->WithLink(id, [](State& state, Link& flooding) {
        state.FailLink(flooding, absl::ResourceExhaustedError("sends more than it was asked for"));
      }));
      return;
    }
    self->Post(self->WithLink(id, [unprocessed, held = std::string(bytes)](State& state, Link& reading) {
      unprocessed->fetch_sub(held.size());
      state.OnBytes(reading, held);
    }));
  };
  events.on_close = [weak = weak_from_this(), id](const absl::Status& reason) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->Post(self->WithLink(id, [reason](State& state, Link& closed) { state.OnClose(closed, reason); }));
  };
  added.connection->Start(std::move(events));
}

void Exchange::State::OnOpen(Link& link, const std::string& key) {
  if (link.closing_since.has_value()) return;
  link.key = key;
  link.is_member = callbacks_.is_welcome(key);
  if (link.is_dialled() && !link.is_member) {
    FailLink(link, absl::PermissionDeniedError("whoever answers there is no member of this volume"));
    return;
  }
  if (link.is_member) {
    NoteMember(link);
    LimitLinksTo(key);
  }
  BeginSession(link);
}

void Exchange::State::NoteMember(const Link& link) {
  // A member that came by itself before its address was known is that peer from now on.
  if (Peer* dialled = link.is_dialled() ? FindPeer(link.endpoint) : nullptr) {
    dialled->status.key = link.key;
    const auto came = std::find_if(peers_.begin(), peers_.end(), [&](const auto& peer) {
      return peer->status.endpoint.empty() && peer->status.key == link.key;
    });
    if (came != peers_.end()) {
      dialled->status.label = (*came)->status.label;
      dialled->status.last_contact = std::max(dialled->status.last_contact, (*came)->status.last_contact);
      dialled->status.bytes_in += (*came)->status.bytes_in;
      dialled->status.bytes_out += (*came)->status.bytes_out;
      peers_.erase(came);
    }
  } else if (PeersOf(link).empty()) {
    peers_.emplace_back(std::make_unique<Peer>())->status.key = link.key;
  }
}

std::vector<Link*> Exchange::State::LinksOf(const std::string& key) {
  std::vector<Link*> links;
  for (const auto& [id, link] : links_) {
    if (link->Serves(key)) links.push_back(link.get());
  }
  return links;
}

void Exchange::State::LimitLinksTo(const std::string& key) {
  std::vector<Link*> accepted = LinksOf(key);
  std::erase_if(accepted, [](const Link* link) { return link->is_dialled(); });
  if (accepted.size() >= kConnectionsPerMemberMax) CloseLink(*accepted.front());
}

void Exchange::State::CloseSpareLinks(Link& greeted) {
  std::vector<Link*> links = LinksOf(greeted.key);
  std::erase_if(links, [](const Link* link) { return !link->was_open; });
  const auto accepted = std::count_if(links.begin(), links.end(), [](const Link* link) { return !link->is_dialled(); });
  // Both ends must keep the same one: where both dialled, that of the smaller key. Whoever dialled another closes it;
  // who accepted it can't tell whether it leads to the same copy of the store.
  bool keeps_dialled = own_key_ < greeted.key || accepted == 0;
  for (Link* link : links) {
    if (link->is_dialled() && !std::exchange(keeps_dialled, false)) CloseLink(*link);
  }
  if (greeted.is_dialled() || accepted < 2) return;
  // Who keeps one that was dialled later has lost the earlier, perhaps without our knowing.
  Post(WithLink(greeted.id,
                [](State& state, Link& later) {
                  if (!later.is_live()) return;
                  for (Link* link : state.LinksOf(later.key)) {
                    if (link->id < later.id && !link->is_dialled()) state.CloseLink(*link);
                  }
                }),
       kSpareMax);
}

void Exchange::State::BeginSession(Link& link) {
  Session::Options options = session_options_;
  options.peer = link.is_dialled() ? link.endpoint : link.is_member ? "a member" : "a stranger";
  options.peer_key = link.key;
  options.peer_is_member = link.is_member;
  link.host = std::make_unique<LinkHost>(host_, chunks_, link.id);
  const auto send = [this, &link](std::string bytes) {
    const std::size_t count = bytes.size();
    for (Peer* peer : PeersOf(link)) peer->status.bytes_out += count;
    link.connection->Send(std::move(bytes), [weak = weak_from_this(), id = link.id, count] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      self->Post(self->WithLink(id, [count](State&, Link& sent) {
        if (sent.is_live()) sent.session->OnSent(count);
      }));
    });
  };
  link.session = std::make_unique<Session>(*link.host, std::move(options), send, environment_.clock.Monotonic());
}

void Exchange::State::OnBytes(Link& link, std::string_view bytes) {
  if (!link.is_live()) return;
  for (Peer* peer : PeersOf(link)) {
    peer->status.bytes_in += bytes.size();
    peer->status.last_contact = environment_.clock.Now();
  }
  const std::uint64_t statements = link.session->statements_heard();
  link.session->OnBytes(bytes, environment_.clock.Monotonic());
  if (link.session->is_open() && !std::exchange(link.was_open, true)) {
    OnGreeted(link);
  } else if (link.session->statements_heard() != statements) {
    OnNews(link);
  }
  if (!link.host->TakeNews()) return;
  for (const auto& [id, other] : links_) {
    if (other.get() != &link && other->is_live()) other->session->OnHeadsChanged();
  }
}

void Exchange::State::OnGreeted(Link& link) {
  for (Peer* peer : PeersOf(link)) {
    peer->status.label = link.session->peer_label();
    peer->status.last_error.clear();
  }
  chunks_.OnPeerConnected(link.id);
  CloseSpareLinks(link);
}

void Exchange::State::OnNews(Link& link) {
  // A busy peer states something many times a second; what it lacked need not be asked for each time.
  const std::chrono::nanoseconds now = environment_.clock.Monotonic();
  if (link.news_are_due) return;
  link.news_are_due = true;
  const std::chrono::nanoseconds due = link.last_news + kNewsEvery;
  Post(WithLink(link.id,
                [](State& state, Link& telling) {
                  telling.news_are_due = false;
                  telling.last_news = state.environment_.clock.Monotonic();
                  if (telling.is_live()) state.chunks_.OnPeerNews(telling.id);
                }),
       std::max(due - now, std::chrono::nanoseconds(0)));
}

void Exchange::State::CloseLink(Link& link) {
  if (link.closing_since.has_value()) return;
  link.closing_since = environment_.clock.Monotonic();
  chunks_.OnPeerGone(link.id);
  link.connection->Close();
}

void Exchange::State::FailLink(Link& link, const absl::Status& reason) {
  if (link.closing_since.has_value()) return;
  if (!reason.ok()) {
    std::string message(reason.message());
    // A session names the peer; what failed before or below it does not.
    if (link.session == nullptr || link.session->status() != reason) {
      message = (link.is_dialled() ? link.endpoint : "a peer") + ": " + message;
    }
    for (Peer* peer : PeersOf(link)) {
      if (link.session == nullptr) {
        NoteError(*peer, message);
      } else {
        peer->status.last_error = message;
      }
    }
  }
  CloseLink(link);
}

void Exchange::State::NoteError(Peer& peer, std::string message) {
  // That an address is not good is no trouble while its replica is reached another way.
  if (LinkOf(peer.status.key) == nullptr) peer.status.last_error = std::move(message);
}

void Exchange::State::OnClose(Link& link, const absl::Status& reason) {
  FailLink(link, reason);
  const std::vector<Peer*> peers = PeersOf(link);
  const std::string endpoint = link.endpoint;
  // Whom there is no point in meeting again (a fork, say) is not met twice a second for ever.
  // Cancelled: by a Repair that has got what it needed of a feed, and needs others.
  const bool was_useful =
      link.was_open && (link.session->status().ok() || absl::IsUnavailable(link.session->status()) ||
                        absl::IsCancelled(link.session->status()));
  links_.erase(link.id);
  for (Peer* peer : peers) {
    if (was_useful) peer->back_off.Reset();
    if (peer->status.endpoint == endpoint) peer->is_dialling = false;
    DialLater(*peer);
  }
}

}  // namespace copse::replica
