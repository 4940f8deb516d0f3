#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/hash.h>
#include <copse/base/network.h>
#include <copse/base/random.h>
#include <copse/replica/channels.h>
#include <copse/replica/identity.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::replica {

class SessionHost;

/// One peer as `copse status` shows it: an address that was given, or a member that came by itself.
struct PeerStatus {
  std::string endpoint;                    ///< As given; empty for a member that came by itself.
  std::string label;                       ///< Empty until the peer was met.
  std::string key;                         ///< 32 bytes; empty until the peer was met.
  bool connected = false;                  ///< And both have greeted.
  bool in_sync = false;                    ///< By what the peer stated last: the same frames, and no chunk missing.
  base::UnixNanoseconds last_contact = 0;  ///< 0: never since this process began.
  std::uint64_t ops_to_send = 0;           ///< While connected.
  std::uint64_t ops_to_receive = 0;        ///< While connected.
  std::uint64_t bytes_in = 0;              ///< Before encryption, since this process began.
  std::uint64_t bytes_out = 0;
  std::string last_error;  ///< One line; empty where the last attempt succeeded.

  friend bool operator==(const PeerStatus&, const PeerStatus&) = default;
};

/// Connects a replica to its peers and keeps them in sync: accepts, dials and dials again, with one session that lasts
/// for each peer. What is exchanged is the host's; how, docs/format/exchange.md.
///
/// All work, and every call of the host, runs on the executor, so nothing here waits for the network. Thread-safe.
class Exchange {
 public:
  /// All of it must outlive the exchange.
  struct Environment {
    base::Network& network;
    base::Executor& executor;
    base::Clock& clock;
    base::Random& random;
    /// How connections are made safe, given this replica's signing secret; all peers must use the same.
    std::function<std::shared_ptr<const Channels>(std::string_view signing_secret)> channels = TlsChannels;
  };
  struct Callbacks {
    /// Whether the owner of that key (32 bytes) is a member. Others may only ask to be admitted.
    std::function<bool(const std::string& key)> is_welcome;
    /// Something in GetStatus() changed besides counters. May be empty. Must not block.
    std::function<void()> on_change;
  };

  /// A failed attempt to reach a peer is repeated after half to all of 0.5 s, then twice that, up to 60 s. An address
  /// whose replica is reached another way is tried about as often as that, since a copy of its store may be there.
  static constexpr std::chrono::milliseconds kBackOffMin{500};
  static constexpr std::chrono::milliseconds kBackOffMax{60'000};
  static constexpr std::size_t kStrangersMax = 16;  ///< At a time; more are closed.
  /// Accepted from one member at a time. More than one only until the spare ones are closed, or where a replica is
  /// there twice.
  static constexpr std::size_t kConnectionsPerMemberMax = 4;

  /// `host` must outlive the exchange, and is called by nothing here any more once the destructor returned.
  Exchange(Environment environment, const Identity& identity, SessionHost& host, Callbacks callbacks);
  /// Cuts all connections. May wait for one call of the host; not to be called with a lock that the host takes.
  ~Exchange();

  /// Accepts there from now on; returns the endpoint with the port that was chosen. Errors: Network::Listen's.
  absl::StatusOr<std::string> Listen(const std::string& endpoint);

  /// Stays connected to whoever is there, a member, from now on. Adding it again changes nothing. That the endpoint is
  /// malformed shows in GetStatus.
  void AddPeer(const std::string& endpoint);

  /// In the order in which they were added or came.
  std::vector<PeerStatus> GetStatus() const;

  /// Asks for chunks at all connected peers, each at one at a time. The host is told kNotFound once when nobody has it;
  /// it is then asked for again whenever a peer connects or states something new, until it is found.
  void RequestChunks(std::span<const base::Hash> ids);

  /// The host's heads, members or missing chunks changed. Cheap; may be called from inside the host.
  void OnHeadsChanged();

  /// Closes all connections in order, after what is queued was sent, and accepts and dials no more; `on_stopped` is
  /// called, on the executor, when that is done, at the latest after 2 seconds or so.
  void Stop(std::function<void()> on_stopped);

 private:
  struct State;
  std::shared_ptr<State> state_;  // Work on the executor holds it weakly.
};

/// What a stranger needs to be admitted: keys of its own, and what the invitation says.
struct AdmissionRequest {
  std::string endpoint;        ///< Of the member who invites.
  std::string signing_secret;  ///< Of the stranger, as in Identity.
  std::string inviter_key;     ///< 32 bytes; nobody else is talked to.
  std::string secret;          ///< 32 bytes, good for once.
  std::string label;
};

/// Asks to be admitted and returns the inviter's answer. Blocks, at most 20 seconds: not on the executor's thread.
/// Errors, one line each: kUnavailable nobody answers there; kPermissionDenied the inviter refuses, or is somebody
/// else; kDataLoss it does not speak as a copse does; kInvalidArgument.
absl::StatusOr<std::string> RequestAdmission(base::Network& network, base::Executor& executor,
                                             const AdmissionRequest& request);

}  // namespace copse::replica
