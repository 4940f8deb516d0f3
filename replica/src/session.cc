#include "session.h"

// Nothing here answers a message in a way that could go round: heads are stated when they changed, a feed is asked for
// once, and credit is given back for bytes that were stored. What a peer can make this end keep is bounded: one
// message that is not whole, kChunkIdsMax requests, kUnreadBytesMax that wait to be sent.

#include <copse/base/check.h>
#include <copse/base/status_macros.h>

#include <algorithm>
#include <utility>

namespace copse::replica {
namespace {

/// Enough for a Join; a stranger has no reason for more.
constexpr std::size_t kStrangerBodyBytesMax = 1024;
/// Credit is given back in pieces of at least this, so that not each small frame costs a message.
constexpr std::uint64_t kCreditStepBytes = 512 << 10;
constexpr std::uint64_t kCreditMax = std::uint64_t{1} << 40;
constexpr std::chrono::seconds kChunksStatedEvery{1};

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

const FeedHead* Find(const std::vector<FeedHead>& heads, crdt::ActorId actor) {
  const auto found = std::lower_bound(heads.begin(), heads.end(), actor,
                                      [](const FeedHead& head, crdt::ActorId other) { return head.actor < other; });
  return found != heads.end() && found->actor == actor ? &*found : nullptr;
}

absl::Status Nonsense(const std::string& what) { return absl::DataLossError(what); }

std::string FeedName(crdt::ActorId actor) { return "actor " + std::to_string(actor); }

/// An error of this end's own, which is nobody's business but its user's.
absl::Status OwnTrouble(const absl::Status& status) { return absl::InternalError(std::string(status.message())); }

/// What the peer is told about an end for `reason`.
std::string Told(const absl::Status& reason) {
  switch (reason.code()) {
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kAborted:
      return std::string(reason.message());
    default:
      return "the other side cannot go on now; its status says why";
  }
}

}  // namespace

Session::Session(SessionHost& host, Options options, std::function<void(std::string bytes)> send, Nanoseconds now)
    : host_(host),
      options_(std::move(options)),
      send_(std::move(send)),
      reader_(options_.peer_is_member ? kMessageBodyBytesMax : kStrangerBodyBytesMax),
      state_(options_.peer_is_member ? State::kGreeting : State::kStranger),
      now_(now),
      began_(now),
      last_heard_(now),
      last_said_(now),
      last_compared_(now),
      last_stated_(now) {
  if (state_ == State::kStranger) return;
  own_heads_ = host_.Heads();
  own_chunks_missing_ = host_.ChunksMissing();
  Say(message::Hello{kProtocolVersion, options_.volume, options_.label, own_chunks_missing_, own_heads_});
  Say(message::Credit{kWindowBytes});
}

void Session::OnBytes(std::string_view bytes, Nanoseconds now) {
  if (has_ended()) return;
  now_ = last_heard_ = now;
  reader_.Append(bytes);
  while (!has_ended()) {
    absl::StatusOr<std::optional<MessageReader::Item>> next = reader_.Next();
    if (!next.ok()) {
      EndUnless(next.status());
    } else if (next->has_value()) {
      EndUnless(Take(std::move(**next)));
    } else {
      break;
    }
  }
  Produce();
}

void Session::OnSent(std::size_t bytes) {
  unsent_bytes_ -= std::min(bytes, unsent_bytes_);
  Produce();
}

void Session::OnHeadsChanged() {
  if (has_ended() || state_ == State::kStranger) return;
  EndUnless(Refresh());
  Produce();
}

void Session::OnTime(Nanoseconds now) {
  if (has_ended()) return;
  now_ = now;
  if (!is_open() && now - began_ >= kGreetingMax) {
    EndUnless(absl::UnavailableError("did not greet within " + std::to_string(kGreetingMax.count()) + " seconds"));
  } else if (now - last_heard_ >= kDeadAfter) {
    EndUnless(absl::UnavailableError("silent for " + std::to_string(kDeadAfter.count()) + " seconds"));
  }
  if (!is_open()) return;
  if (now - last_said_ >= kPingAfter) Say(message::Ping{});
  const bool states_chunks = now - last_stated_ >= kChunksStatedEvery && host_.ChunksMissing() != own_chunks_missing_;
  if (now - last_compared_ >= kCompareEvery || states_chunks) EndUnless(Refresh());
  Produce();
}

absl::Status Session::Take(MessageReader::Item item) {
  const bool uses_credit =
      std::holds_alternative<message::Frames>(item.message) || std::holds_alternative<message::Chunk>(item.message);
  COPSE_RETURN_IF_ERROR(Dispatch(item.message));
  if (!uses_credit) return absl::OkStatus();
  to_grant_ += item.body_bytes;
  if (to_grant_ >= kCreditStepBytes) {
    Say(message::Credit{std::exchange(to_grant_, 0)});
  }
  return absl::OkStatus();
}

absl::Status Session::Dispatch(Message& message) {
  if (const auto* refused = std::get_if<message::Refused>(&message)) {
    return absl::AbortedError("refused: " + refused->reason);
  }
  if (state_ == State::kStranger) return Admit(message);
  if (state_ == State::kGreeting) return Greet(message);
  return std::visit(
      Overloaded{[&](const message::Heads& heads) { return TakeHeads(heads.heads, heads.chunks_missing); },
                 [&](const message::Subscribe& subscribe) { return TakeSubscription(subscribe); },
                 [&](const message::Credit& credit) { return TakeCredit(credit); },
                 [&](const message::Frames& run) { return TakeFrames(run); },
                 [&](const message::WantChunks& want) { return TakeRequests(want); },
                 [&](message::Chunk& chunk) { return TakeChunk(chunk); },
                 [&](const message::NoChunk& chunk) { return TakeNoChunk(chunk); },
                 [&](const message::Ping&) {
                   Say(message::Pong{});
                   return absl::OkStatus();
                 },
                 [](const message::Pong&) { return absl::OkStatus(); },
                 [&](const auto&) { return Nonsense("sent " + NameOf(message) + " where none is expected"); }},
      message);
}

absl::Status Session::Admit(const Message& message) {
  const auto* join = std::get_if<message::Join>(&message);
  if (join == nullptr) {
    return absl::PermissionDeniedError("not a member of this volume; join it with an invitation");
  }
  const absl::StatusOr<std::string> welcome = host_.Admit(options_.peer_key, join->secret, join->label);
  if (!welcome.ok()) {
    Say(message::Refused{std::string(welcome.status().message())});
    status_ = welcome.status();
  } else {
    Say(message::Welcome{*welcome});
  }
  state_ = State::kEnded;
  return absl::OkStatus();
}

absl::Status Session::Greet(const Message& message) {
  const auto* hello = std::get_if<message::Hello>(&message);
  if (hello == nullptr) return Nonsense("sent " + NameOf(message) + " before Hello");
  if (hello->version != kProtocolVersion) {
    return absl::FailedPreconditionError("the replicas speak versions " + std::to_string(kProtocolVersion) + " and " +
                                         std::to_string(hello->version) + " of the protocol; update the older copse");
  }
  if (hello->volume != options_.volume) {
    return absl::FailedPreconditionError("the replicas are of different volumes");
  }
  peer_label_ = hello->label;
  state_ = State::kOpen;
  return TakeHeads(hello->heads, hello->chunks_missing);
}

absl::Status Session::TakeHeads(const std::vector<FeedHead>& heads, std::uint64_t chunks_missing) {
  ++statements_heard_;
  peer_chunks_missing_ = chunks_missing;
  for (const FeedHead& head : heads) {
    PeerFeed& feed = peer_feeds_[head.actor];
    if (head.frames < feed.head.frames) return Nonsense("takes back frames of " + FeedName(head.actor));
    feed.head = head;
    feed.is_compared = false;
  }
  return CompareHeads();
}

absl::Status Session::TakeSubscription(const message::Subscribe& subscribe) {
  if (subscribe.first > FramesHere(subscribe.actor)) {
    return Nonsense("asks for frames of " + FeedName(subscribe.actor) + " that are not here");
  }
  if (!pushed_.emplace(subscribe.actor, subscribe.first).second) {
    return Nonsense("asks twice for " + FeedName(subscribe.actor));
  }
  return absl::OkStatus();
}

absl::Status Session::TakeCredit(const message::Credit& credit) {
  if (credit.bytes > kCreditMax || credit_ > static_cast<std::int64_t>(kCreditMax)) {
    return Nonsense("gives more credit than there are bytes");
  }
  credit_ += static_cast<std::int64_t>(credit.bytes);
  return absl::OkStatus();
}

absl::Status Session::TakeFrames(const message::Frames& run) {
  const auto found = peer_feeds_.find(run.actor);
  if (found == peer_feeds_.end() || !found->second.is_subscribed) {
    return Nonsense("sent frames of " + FeedName(run.actor) + " that were not asked for");
  }
  COPSE_RETURN_IF_ERROR(Refresh());  // Another session may have stored some of them meanwhile.
  PeerFeed& feed = found->second;
  const std::uint64_t here = FramesHere(run.actor);
  if (run.first < feed.expected || run.first > here) {
    return Nonsense("sent frames of " + FeedName(run.actor) + " from " + std::to_string(run.first) + " on, where " +
                    std::to_string(feed.expected) + " comes next");
  }
  feed.expected = run.first + run.frames.size();
  if (feed.expected <= here) return absl::OkStatus();
  COPSE_RETURN_IF_ERROR(host_.AddFrames(run.actor, here, std::span(run.frames).subspan(here - run.first)));
  return Refresh();
}

absl::Status Session::TakeRequests(const message::WantChunks& want) {
  if (wanted_.size() + want.ids.size() > kChunkIdsMax) return Nonsense("asks for too many chunks at a time");
  wanted_.insert(wanted_.end(), want.ids.begin(), want.ids.end());
  return absl::OkStatus();
}

absl::Status Session::TakeAnswerFor(const base::Hash& id) {
  if (asked_.empty() || asked_.front() != id) return Nonsense("sent a chunk that was not asked for");
  asked_.pop_front();
  return absl::OkStatus();
}

absl::Status Session::TakeChunk(message::Chunk& chunk) {
  // Checked first: a damaged one counts as unanswered, so that it is asked for elsewhere.
  if (base::Sha256(chunk.sealed) != chunk.id) return Nonsense("sent a damaged chunk");
  COPSE_RETURN_IF_ERROR(TakeAnswerFor(chunk.id));
  host_.OnChunk(chunk.id, std::move(chunk.sealed));
  if (own_chunks_missing_ != 0 && host_.ChunksMissing() == 0) return Refresh();
  return absl::OkStatus();
}

absl::Status Session::TakeNoChunk(const message::NoChunk& chunk) {
  COPSE_RETURN_IF_ERROR(TakeAnswerFor(chunk.id));
  host_.OnChunk(chunk.id, absl::NotFoundError(PeerName() + " does not have the chunk"));
  return absl::OkStatus();
}

absl::Status Session::Refresh() {
  std::vector<FeedHead> heads = host_.Heads();
  const std::uint64_t missing = host_.ChunksMissing();
  message::Heads statement{missing, {}};
  std::copy_if(heads.begin(), heads.end(), std::back_inserter(statement.heads), [&](const FeedHead& head) {
    const FeedHead* stated = Find(own_heads_, head.actor);
    return stated == nullptr || *stated != head;
  });
  const bool chunks_changed = missing != own_chunks_missing_ && ((missing == 0) != (own_chunks_missing_ == 0) ||
                                                                 now_ - last_stated_ >= kChunksStatedEvery);
  if (!statement.heads.empty() || chunks_changed) {
    own_heads_ = std::move(heads);
    own_chunks_missing_ = missing;
    last_stated_ = now_;
    Say(statement);
  }
  last_compared_ = now_;
  return CompareHeads();
}

absl::Status Session::CompareHeads() {
  for (auto& [actor, feed] : peer_feeds_) {
    COPSE_RETURN_IF_ERROR(CompareHead(feed));
    const std::uint64_t here = FramesHere(actor);
    if (feed.is_subscribed || feed.head.frames <= here || !host_.IsMember(actor)) continue;
    feed.is_subscribed = true;
    feed.expected = here;
    Say(message::Subscribe{actor, here});
  }
  return absl::OkStatus();
}

absl::Status Session::CompareHead(PeerFeed& feed) {
  const FeedHead& theirs = feed.head;
  const FeedHead* ours = Find(own_heads_, theirs.actor);
  if (ours == nullptr || theirs.frames > ours->frames) {
    // Where the peer has more, it compares, except that nobody knows this replica's own feed better.
    if (theirs.actor != options_.actor) return absl::OkStatus();
    return absl::FailedPreconditionError(PeerName() + " has " + std::to_string(theirs.frames) + " frames of " +
                                         options_.label + ", which has " + std::to_string(FramesHere(theirs.actor)) +
                                         ": the store of " + options_.label +
                                         " is older than what it gave to others; join with a new store instead");
  }
  if (feed.is_compared) return absl::OkStatus();
  base::Hash hash = ours->last_frame;
  if (theirs.frames < ours->frames) {
    const absl::StatusOr<base::Hash> read = host_.FrameHash(theirs.actor, theirs.frames - 1);
    if (!read.ok()) return OwnTrouble(read.status());
    hash = *read;
  }
  if (hash != theirs.last_frame) {
    return absl::FailedPreconditionError(FeedName(theirs.actor) + " has two histories, at " + options_.label +
                                         " and at " + PeerName() +
                                         ": a store was copied or rolled back; use one of its copies only");
  }
  feed.is_compared = true;
  return absl::OkStatus();
}

std::uint64_t Session::FramesHere(crdt::ActorId actor) const {
  const FeedHead* head = Find(own_heads_, actor);
  return head == nullptr ? 0 : head->frames;
}

void Session::Produce() {
  if (has_ended()) return;
  if (unsent_bytes_ > kUnreadBytesMax) {
    EndUnless(absl::ResourceExhaustedError("does not read what it is sent"));
    return;
  }
  while (is_open() && credit_ > 0 && unsent_bytes_ < kUnsentBytesMax) {
    const absl::StatusOr<bool> produced = ProduceFrames();
    if (!produced.ok()) {
      EndUnless(OwnTrouble(produced.status()));
    } else if (!*produced && !ProduceChunk()) {
      return;
    }
  }
}

absl::StatusOr<bool> Session::ProduceFrames() {
  // Feeds take turns, so that a long one does not keep the others waiting.
  const auto begin = pushed_.upper_bound(last_pushed_);
  for (const auto& [from, to] : {std::pair(begin, pushed_.end()), std::pair(pushed_.begin(), begin)}) {
    for (auto subscription = from; subscription != to; ++subscription) {
      COPSE_ASSIGN_OR_RETURN(const bool produced, ProduceFramesOf(subscription->first, subscription->second));
      if (produced) return true;
    }
  }
  return false;
}

absl::StatusOr<bool> Session::ProduceFramesOf(crdt::ActorId actor, std::uint64_t& next) {
  const std::uint64_t here = FramesHere(actor);
  // What the peer got from others meanwhile need not be sent.
  const auto theirs = peer_feeds_.find(actor);
  if (theirs != peer_feeds_.end()) next = std::max(next, std::min(theirs->second.head.frames, here));
  if (next >= here) return false;
  message::Frames run{actor, next, {}};
  COPSE_ASSIGN_OR_RETURN(run.frames, host_.ReadFrames(actor, next, kRunBytesMax));
  if (run.frames.size() > here - next) run.frames.resize(here - next);  // Later ones were not stated yet.
  std::size_t bytes = kFramesOverheadBytes;
  for (const std::string& frame : run.frames) bytes += EncodedFrameBytes(frame.size());
  if (run.frames.empty() || bytes > kMessageBodyBytesMax) {
    return absl::InternalError("frame " + std::to_string(next) + " of " + FeedName(actor) + " does not fit a message");
  }
  next += run.frames.size();
  last_pushed_ = actor;
  credit_ -= static_cast<std::int64_t>(bytes);
  Say(run);
  return true;
}

bool Session::ProduceChunk() {
  if (wanted_.empty()) return false;
  const base::Hash id = wanted_.front();
  wanted_.pop_front();
  absl::StatusOr<std::string> sealed = host_.ReadChunk(id);
  const std::size_t bytes = id.size() + (sealed.ok() ? sealed->size() : 0);
  if (!sealed.ok() || sealed->empty() || bytes > kMessageBodyBytesMax) {
    Say(message::NoChunk{id});
  } else {
    credit_ -= static_cast<std::int64_t>(bytes);
    Say(message::Chunk{id, *std::move(sealed)});
  }
  return true;
}

std::size_t Session::ChunkCapacity() const { return is_open() ? kChunkIdsMax - asked_.size() : 0; }

void Session::RequestChunks(std::span<const base::Hash> ids) {
  COPSE_CHECK(ids.size() <= ChunkCapacity());
  if (ids.empty()) return;
  asked_.insert(asked_.end(), ids.begin(), ids.end());
  Say(message::WantChunks{{ids.begin(), ids.end()}});
}

void Session::Say(const Message& message) {
  std::string bytes = EncodeMessage(message);
  unsent_bytes_ += bytes.size();
  last_said_ = now_;
  send_(std::move(bytes));
}

void Session::End(const absl::Status& reason) {
  if (!has_ended()) EndUnless(reason);
}

void Session::EndUnless(const absl::Status& result) {
  if (result.ok()) return;
  if (!absl::IsAborted(result)) Say(message::Refused{Told(result)});
  const absl::StatusCode code = absl::IsAborted(result) ? absl::StatusCode::kPermissionDenied : result.code();
  status_ = absl::Status(code, PeerName() + ": " + std::string(result.message()));
  state_ = State::kEnded;
}

bool Session::IsInSync() const {
  if (!is_open() || own_chunks_missing_ != 0 || peer_chunks_missing_ != 0) return false;
  const auto same = [&](crdt::ActorId actor) {
    const FeedHead* ours = Find(own_heads_, actor);
    const auto theirs = peer_feeds_.find(actor);
    return ours != nullptr && theirs != peer_feeds_.end() && theirs->second.head == *ours;
  };
  return std::all_of(own_heads_.begin(), own_heads_.end(),
                     [&](const FeedHead& head) { return !host_.IsMember(head.actor) || same(head.actor); }) &&
         std::all_of(peer_feeds_.begin(), peer_feeds_.end(),
                     [&](const auto& feed) { return !host_.IsMember(feed.first) || same(feed.first); });
}

std::uint64_t Session::OpsToSend() const {
  std::uint64_t ops = 0;
  for (const FeedHead& head : own_heads_) {
    const auto theirs = peer_feeds_.find(head.actor);
    const std::uint64_t known = theirs == peer_feeds_.end() ? 0 : theirs->second.head.ops;
    if (is_open() && head.ops > known && host_.IsMember(head.actor)) ops += head.ops - known;
  }
  return ops;
}

std::uint64_t Session::OpsToReceive() const {
  std::uint64_t ops = 0;
  for (const auto& [actor, feed] : peer_feeds_) {
    const FeedHead* ours = Find(own_heads_, actor);
    const std::uint64_t here = ours == nullptr ? 0 : ours->ops;
    if (feed.head.ops > here && host_.IsMember(actor)) ops += feed.head.ops - here;
  }
  return ops;
}

}  // namespace copse::replica
