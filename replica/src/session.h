#pragma once

#include <absl/status/status.h>
#include <copse/base/hash.h>
#include <copse/replica/identity.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "feed_head.h"
#include "message_reader.h"
#include "messages.h"
#include "session_host.h"

namespace copse::replica {

/// One end of a conversation between two replicas, without I/O, threads or clocks: bytes and the time come in through
/// calls, bytes go out through a callback. docs/format/exchange.md says what is said.
///
/// Each end states its heads, asks for the frames that it lacks of members' feeds, and is sent them, and those that
/// come later, as far as the credit goes that it grants. Not thread-safe; not copyable.
class Session {
 public:
  using Nanoseconds = std::chrono::nanoseconds;

  struct Options {
    VolumeId volume{};
    crdt::ActorId actor = 0;  ///< This replica's.
    std::string label;        ///< This replica's.
    std::string peer;         ///< What messages call the peer until it says its label.
    std::string peer_key;     ///< Proved by the transport.
    /// A stranger is told nothing but the answer to its Join.
    bool peer_is_member = true;
  };

  /// The most that waits to be sent before no more answers are made, and before the session ends because the peer
  /// does not read.
  static constexpr std::size_t kUnsentBytesMax = 2 << 20;
  static constexpr std::size_t kUnreadBytesMax = 10 << 20;
  /// Frames and chunks that may be on the way to either end, but for the last message, which may exceed it.
  static constexpr std::uint64_t kWindowBytes = 8 << 20;
  static constexpr std::size_t kRunBytesMax = 1 << 20;
  static constexpr std::chrono::seconds kGreetingMax{10};  ///< Until the peer's first message.
  static constexpr std::chrono::seconds kPingAfter{15};    ///< Without having sent anything.
  static constexpr std::chrono::seconds kDeadAfter{45};    ///< Without having heard anything.
  static constexpr std::chrono::seconds kCompareEvery{30};
  static constexpr std::chrono::seconds kChunksStatedEvery{1};  ///< While their number changes.
  static constexpr std::chrono::seconds kUnreadTriedEvery{10};
  static constexpr std::chrono::seconds kSilentAfter{3};  ///< Without having heard anything, chunks being asked for.

  /// Greets the peer, if it is a member, through `send`, which must not call back. `host` must outlive the session.
  Session(SessionHost& host, Options options, std::function<void(std::string bytes)> send, Nanoseconds now);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Bytes arrived.
  void OnBytes(std::string_view bytes, Nanoseconds now);
  /// `bytes` of those given to `send` left the process. Without it a session stops answering.
  void OnSent(std::size_t bytes);
  /// Heads, members or missing chunks may have changed at the host.
  void OnHeadsChanged();
  /// To be called every second or so, but while RestsUntil says that it has nothing to do.
  void OnTime(Nanoseconds now);
  /// Until when OnTime has nothing to do, if nothing else happens before; none while something is under way.
  std::optional<Nanoseconds> RestsUntil() const;

  /// How many more chunks may be asked for now: 0 before the peer greeted, and while it is silent.
  std::size_t ChunkCapacity() const;
  /// Asks for at most ChunkCapacity() chunks, but for those that are asked for already; each is answered by
  /// host.OnChunk, unless the session ends before.
  void RequestChunks(std::span<const base::Hash> ids);
  /// Asked for and not answered, in the order asked.
  const std::deque<base::Hash>& unanswered_chunks() const { return asked_; }
  /// Whether nothing at all was heard for kSilentAfter from a peer that has chunks to answer: a machine that sleeps, or
  /// a network that broke, keeps its connection for kDeadAfter, and others may have the chunks.
  bool IsSilent() const { return silence_began_.has_value() && now_ - *silence_began_ >= kSilentAfter; }

  /// Ends it for a reason of this end's own; the peer is told.
  void End(const absl::Status& reason);

  /// Whether it is over: the connection is to be closed once what was given to `send` has left. `status` says why, in
  /// one line that names the peer; OK after a stranger was admitted.
  ///   kDataLoss            the peer said what no replica says
  ///   kFailedPrecondition  one of two stores was copied or rolled back, or another volume or version
  ///   kPermissionDenied    the peer refused, or is no member
  ///   kUnavailable         the peer is silent
  ///   kResourceExhausted   the peer does not read
  ///   any other            what the host failed with
  bool has_ended() const { return state_ == State::kEnded; }
  const absl::Status& status() const { return status_; }

  bool is_open() const { return state_ == State::kOpen; }  ///< The peer greeted.
  const std::string& peer_label() const { return peer_label_; }
  /// Whether, by what the peer stated last, both have the same frames of all members and neither misses a chunk.
  bool IsInSync() const;
  std::uint64_t OpsToSend() const;     ///< Of members' feeds; 0 before the peer greeted.
  std::uint64_t OpsToReceive() const;  ///< The same.
  /// Rises with each statement of the peer about what it has.
  std::uint64_t statements_heard() const { return statements_heard_; }

 private:
  enum class State { kStranger, kGreeting, kOpen, kEnded };

  /// What the peer stated of a feed, and what was asked of it.
  struct PeerFeed {
    FeedHead head;
    bool is_compared = false;  ///< That `head` and the feed here are one history.
    bool is_subscribed = false;
    std::uint64_t expected = 0;  ///< The frame that it sends next at the earliest.
  };

  absl::Status Take(MessageReader::Item item);
  absl::Status Dispatch(Message& message);
  absl::Status Admit(const Message& message);
  absl::Status Greet(const Message& message);
  absl::Status TakeHeads(const std::vector<FeedHead>& heads, std::uint64_t chunks_missing);
  absl::Status TakeSubscription(const message::Subscribe& subscribe);
  absl::Status TakeCredit(const message::Credit& credit);
  absl::Status TakeFrames(const message::Frames& run);
  absl::Status TakeRequests(const message::WantChunks& want);
  absl::Status TakeChunk(message::Chunk& chunk);
  absl::Status TakeNoChunk(const message::NoChunk& chunk);
  absl::Status TakeAnswerFor(const base::Hash& id);

  absl::Status Refresh();
  absl::Status CompareHeads();
  absl::Status CompareHead(PeerFeed& feed);
  std::uint64_t FramesHere(crdt::ActorId actor) const;

  void Produce();
  absl::StatusOr<bool> ProduceFrames();
  absl::StatusOr<bool> ProduceFramesOf(crdt::ActorId actor, std::uint64_t& next);
  bool ProduceChunk();
  /// Has the peer ask again if one of the chunks that could not be read can be.
  void TryUnread();

  void Say(const Message& message);
  /// Ends it unless `result` is OK.
  void EndUnless(const absl::Status& result);
  std::string PeerName() const { return peer_label_.empty() ? options_.peer : peer_label_; }

  SessionHost& host_;
  const Options options_;
  const std::function<void(std::string)> send_;
  MessageReader reader_;
  State state_;
  absl::Status status_;
  std::string peer_label_;

  std::vector<FeedHead> own_heads_;  ///< As stated to the peer.
  std::uint64_t own_chunks_missing_ = 0;
  std::map<crdt::ActorId, PeerFeed> peer_feeds_;
  std::uint64_t peer_chunks_missing_ = 0;
  std::uint64_t statements_heard_ = 0;

  std::map<crdt::ActorId, std::uint64_t> pushed_;  ///< The peer's subscriptions: which frame goes next.
  crdt::ActorId last_pushed_ = 0;
  std::deque<base::Hash> wanted_;  ///< The peer's requests that are not answered.
  std::set<base::Hash> unread_;    ///< Of those answered by NoChunk, what may be here and could not be read.
  std::int64_t credit_ = 0;        ///< What this end may send; below 0 when the last message exceeded it.
  std::size_t unsent_bytes_ = 0;

  std::deque<base::Hash> asked_;
  std::optional<Nanoseconds> silence_began_;  ///< Seen first: that something is unanswered and nothing was heard.
  std::uint64_t to_grant_ = 0;                ///< Of the credit given, what the peer used and was not given back yet.

  Nanoseconds now_;  ///< As last told.
  Nanoseconds began_;
  Nanoseconds last_heard_;
  Nanoseconds last_said_;
  Nanoseconds last_compared_;
  Nanoseconds last_stated_;
  Nanoseconds unread_tried_;
};

}  // namespace copse::replica
