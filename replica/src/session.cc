#include "session.h"

// Nothing here answers a message in a way that could go round: heads are stated when they changed, a feed is asked for
// once, and credit is given back for bytes that were stored. What a peer can make this end keep is bounded: one
// message that is not whole, kChunkIdsMax requests and as many that could not be served, kUnreadBytesMax that wait to
// be sent.

#include <copse/base/check.h>
#include <copse/base/status_macros.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "chunk_seal.h"

namespace copse::replica {
namespace {

/// Enough for a Join; a stranger has no reason for more.
constexpr std::size_t kStrangerBodyBytesMax = 1024;
/// Credit is given back in pieces of at least this, so that not each small frame costs a message.
constexpr std::uint64_t kCreditStepBytes = 512 << 10;
constexpr std::uint64_t kCreditMax = std::uint64_t{1} << 40;

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

/// An error of this end's own, which is nobody's business but its user's.
absl::Status OwnTrouble(const absl::Status& status) { return absl::InternalError(std::string(status.message())); }

/// Whether a chunk may be here though it was not read: what stood in the way may pass.
bool MayBeReadLater(const absl::Status& read) {
  return !read.ok() && !absl::IsNotFound(read) && !absl::IsDataLoss(read);
}

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
      last_stated_(now),
      unread_tried_(now) {
  if (state_ == State::kStranger) return;
  own_heads_ = host_.Heads();
  own_chunks_missing_ = host_.ChunksMissing();
  Say(message::Hello{kProtocolVersion, options_.volume, options_.label, own_chunks_missing_, own_heads_});
  Say(message::Credit{kWindowBytes});
}

void Session::OnBytes(std::string_view bytes, Nanoseconds now) {
  if (has_ended()) return;
  now_ = last_heard_ = now;
  silence_began_.reset();
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
  if (!asked_.empty() && !silence_began_.has_value()) silence_began_ = now;
  if (now - last_said_ >= kPingAfter) Say(message::Ping{});
  const bool states_chunks = now - last_stated_ >= kChunksStatedEvery && host_.ChunksMissing() != own_chunks_missing_;
  if (now - last_compared_ >= kCompareEvery || states_chunks) EndUnless(Refresh());
  if (!has_ended() && now - unread_tried_ >= kUnreadTriedEvery) TryUnread();
  Produce();
}

std::optional<Session::Nanoseconds> Session::RestsUntil() const {
  if (!asked_.empty() || !wanted_.empty() || !unread_.empty() || unsent_bytes_ != 0 || !IsInSync()) return std::nullopt;
  return std::min({last_said_ + kPingAfter, last_heard_ + kDeadAfter, last_compared_ + kCompareEvery});
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
  // Whoever was let in and did not hear of it comes again, and is a member by now.
  if (state_ == State::kGreeting && std::holds_alternative<message::Join>(message)) return Admit(message);
  if (state_ == State::kGreeting) return Greet(message);
  return std::visit(
      Overloaded{
          [&](const message::Heads& heads) { return TakeHeads(heads.heads, heads.chunks_missing); },
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
          [&](const auto&) { return absl::DataLossError("sent " + NameOf(message) + " where none is expected"); }},
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
  if (hello == nullptr) return absl::DataLossError("sent " + NameOf(message) + " before Hello");
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

absl::Status Session::TakeCredit(const message::Credit& credit) {
  if (credit.bytes > kCreditMax || credit_ > static_cast<std::int64_t>(kCreditMax)) {
    return absl::DataLossError("gives more credit than there are bytes");
  }
  credit_ += static_cast<std::int64_t>(credit.bytes);
  return absl::OkStatus();
}

absl::Status Session::TakeRequests(const message::WantChunks& want) {
  if (wanted_.size() + want.ids.size() > kChunkIdsMax) return absl::DataLossError("asks for too many chunks at a time");
  wanted_.insert(wanted_.end(), want.ids.begin(), want.ids.end());
  return absl::OkStatus();
}

absl::Status Session::TakeAnswerFor(const base::Hash& id) {
  if (asked_.empty() || asked_.front() != id) return absl::DataLossError("sent a chunk that was not asked for");
  asked_.pop_front();
  return absl::OkStatus();
}

absl::Status Session::TakeChunk(message::Chunk& chunk) {
  // Checked first: a damaged one counts as unanswered, so that it is asked for elsewhere.
  if (base::Sha256(chunk.sealed) != chunk.id) return absl::DataLossError("sent a damaged chunk");
  // Whatever an op names: no replica stores such a chunk, so none can have it to send.
  if (chunk.sealed.size() > kSealedChunkBytesMax) return absl::DataLossError("sent a chunk that is too long");
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

bool Session::ProduceChunk() {
  if (wanted_.empty()) return false;
  const base::Hash id = wanted_.front();
  wanted_.pop_front();
  absl::StatusOr<std::string> sealed = host_.ReadChunk(id);
  const std::size_t bytes = id.size() + (sealed.ok() ? sealed->size() : 0);
  if (MayBeReadLater(sealed.status()) && unread_.size() < kChunkIdsMax) {
    if (unread_.empty()) unread_tried_ = now_;
    unread_.insert(id);
  }
  if (!sealed.ok() || sealed->empty() || bytes > kMessageBodyBytesMax) {
    Say(message::NoChunk{id});
  } else {
    credit_ -= static_cast<std::int64_t>(bytes);
    Say(message::Chunk{id, *std::move(sealed)});
  }
  return true;
}

void Session::TryUnread() {
  unread_tried_ = now_;
  for (auto id = unread_.begin(); id != unread_.end();) {
    const absl::Status read = host_.ReadChunk(*id).status();
    if (read.ok()) {
      // Whoever hears a statement asks again for all that was lacking, also for those that still cannot be read.
      unread_.clear();
      Say(message::Heads{own_chunks_missing_, {}});
      return;
    }
    id = MayBeReadLater(read) ? std::next(id) : unread_.erase(id);
  }
}

std::size_t Session::ChunkCapacity() const { return is_open() && !IsSilent() ? kChunkIdsMax - asked_.size() : 0; }

void Session::RequestChunks(std::span<const base::Hash> ids) {
  COPSE_CHECK(ids.size() <= ChunkCapacity());
  message::WantChunks want;
  // What a peer that was silent owes still comes.
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(want.ids),
               [&](const base::Hash& id) { return std::find(asked_.begin(), asked_.end(), id) == asked_.end(); });
  if (want.ids.empty()) return;
  asked_.insert(asked_.end(), want.ids.begin(), want.ids.end());
  Say(want);
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

}  // namespace copse::replica
