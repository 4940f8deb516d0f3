#pragma once

#include <copse/replica/exchange.h>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "back_off.h"
#include "chunk_requests.h"
#include "link.h"
#include "session_host.h"

namespace copse::replica {

/// All of an exchange, on the executor: whatever happens elsewhere is posted there as a piece of work.
struct Exchange::State : public std::enable_shared_from_this<State> {
 public:
  State(Environment environment, const Identity& identity, SessionHost& host, Callbacks callbacks);

  /// Runs `work` on the executor, unless the exchange has ended by then.
  base::Executor::WorkId Post(std::function<void(State&)> work,
                              std::chrono::nanoseconds delay = std::chrono::nanoseconds(0));
  /// Ends everything; waits for the work that runs. Any thread.
  void Cut();

  absl::StatusOr<std::string> Listen(const std::string& endpoint);  ///< Any thread.
  std::vector<PeerStatus> status() const;                           ///< Any thread.
  void AnnounceHeads();                                             ///< Any thread.

  void AddPeer(const std::string& endpoint);
  void RequestChunks(std::span<const base::Hash> ids);
  void Stop(std::function<void()> on_stopped);

 private:
  /// Somebody to be reached, or who came.
  struct Peer {
    PeerStatus status;
    BackOff back_off{kBackOffMin, kBackOffMax};
    bool is_dialling = false;  ///< Or about to.
    bool is_probing = false;   ///< About to, although it is reached another way.
  };

  void Run(const std::function<void(State&)>& work);
  void AfterWork();
  void ScheduleTick();
  void Tick();
  void Publish();

  void Dial(const std::string& endpoint);
  void DialLater(Peer& peer);
  void Connect(Peer& peer);
  /// Who is reached another way is looked for at this address all the same, later.
  void ProbeLater(Peer& peer);
  void Probe(const std::string& endpoint);
  /// From a thread of the network: a connection that was accepted (no endpoint), or how dialling ended.
  void Arrive(const std::string& endpoint, absl::StatusOr<std::unique_ptr<base::Connection>> connection);
  void TakeArrival();
  void OnDialled(const std::string& endpoint, absl::StatusOr<std::unique_ptr<base::Connection>> connection);
  void AddLink(const std::string& endpoint, std::unique_ptr<base::Connection> connection);
  void OnOpen(Link& link, const std::string& key);
  void OnBytes(Link& link, std::string_view bytes);
  void OnClose(Link& link, const absl::Status& reason);
  void OnGreeted(Link& link);
  void OnNews(Link& link);
  void BeginSession(Link& link);
  void LimitLinksTo(const std::string& key);
  /// Of the connections to the owner of one key, those that this end is to close, now that `greeted` is one of them.
  void CloseSpareLinks(Link& greeted);
  void CloseLink(Link& link);
  void FailLink(Link& link, const absl::Status& reason);
  /// Of a connection that came to nothing.
  void NoteError(Peer& peer, std::string message);

  Link* FindLink(Link::Id id);
  /// To the member with that key, in the order in which they began.
  std::vector<Link*> LinksOf(const std::string& key);
  /// The latest of them, of those that were greeted if any was; null if there is none.
  Link* LinkOf(const std::string& key);
  Peer* FindPeer(const std::string& endpoint);
  /// The peers whose connection `link` is.
  std::vector<Peer*> PeersOf(const Link& link);
  void NoteMember(const Link& link);
  std::function<void(State&)> WithLink(Link::Id id, std::function<void(State&, Link&)> work);

  const Environment environment_;
  const Session::Options session_options_;
  const std::string own_key_;
  const std::shared_ptr<const Channels> channels_;
  SessionHost& host_;
  const Callbacks callbacks_;
  std::atomic<bool> heads_are_announced_ = false;

  std::recursive_mutex work_mutex_;  ///< Held by each piece of work; guards what follows.
  bool has_ended_ = false;
  bool is_stopping_ = false;
  std::function<void()> on_stopped_;
  std::vector<std::unique_ptr<base::Listener>> listeners_;
  ChunkRequests chunks_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::map<Link::Id, std::unique_ptr<Link>> links_;
  Link::Id last_link_ = 0;
  base::Executor::WorkId tick_ = 0;
  std::optional<std::chrono::nanoseconds> tick_due_;  ///< When `tick_` runs, where one is posted.

  /// Kept here and not in the work that is posted, which may be dropped only after the network is gone.
  struct Arrival {
    std::string endpoint;
    absl::StatusOr<std::unique_ptr<base::Connection>> connection;
  };
  std::mutex arrivals_mutex_;  ///< Guards what follows.
  std::deque<Arrival> arrivals_;
  bool takes_arrivals_ = true;

  mutable std::mutex status_mutex_;  ///< Guards what follows. Nothing else is locked while it is held.
  std::vector<PeerStatus> published_;
};

}  // namespace copse::replica
