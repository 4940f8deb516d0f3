#include <copse/base/status_macros.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "session.h"

// What a session says and hears of feeds: the heads of both ends, the frames that come, and the frames that go.

namespace copse::replica {
namespace {

const FeedHead* Find(const std::vector<FeedHead>& heads, crdt::ActorId actor) {
  const auto found = std::lower_bound(heads.begin(), heads.end(), actor,
                                      [](const FeedHead& head, crdt::ActorId other) { return head.actor < other; });
  return found != heads.end() && found->actor == actor ? &*found : nullptr;
}

std::string FeedName(crdt::ActorId actor) { return "actor " + std::to_string(actor); }

}  // namespace

absl::Status Session::TakeHeads(const std::vector<FeedHead>& heads, std::uint64_t chunks_missing) {
  ++statements_heard_;
  peer_chunks_missing_ = chunks_missing;
  if (chunks_missing == 0) unread_.clear();  // Others had them.
  for (const FeedHead& head : heads) {
    PeerFeed& feed = peer_feeds_[head.actor];
    if (head.frames < feed.head.frames) return absl::DataLossError("takes back frames of " + FeedName(head.actor));
    feed.head = head;
    feed.is_compared = false;
  }
  return CompareHeads();
}

absl::Status Session::TakeSubscription(const message::Subscribe& subscribe) {
  if (subscribe.first > FramesHere(subscribe.actor)) {
    return absl::DataLossError("asks for frames of " + FeedName(subscribe.actor) + " that are not here");
  }
  if (!pushed_.emplace(subscribe.actor, subscribe.first).second) {
    return absl::DataLossError("asks twice for " + FeedName(subscribe.actor));
  }
  return absl::OkStatus();
}

absl::Status Session::TakeFrames(const message::Frames& run) {
  const auto found = peer_feeds_.find(run.actor);
  if (found == peer_feeds_.end() || !found->second.is_subscribed) {
    return absl::DataLossError("sent frames of " + FeedName(run.actor) + " that were not asked for");
  }
  COPSE_RETURN_IF_ERROR(Refresh());  // Another session may have stored some of them meanwhile.
  PeerFeed& feed = found->second;
  const std::uint64_t here = FramesHere(run.actor);
  if (run.first < feed.expected || run.first > here) {
    return absl::DataLossError("sent frames of " + FeedName(run.actor) + " from " + std::to_string(run.first) +
                               " on, where " + std::to_string(feed.expected) + " comes next");
  }
  feed.expected = run.first + run.frames.size();
  if (feed.expected <= here) return absl::OkStatus();
  COPSE_RETURN_IF_ERROR(host_.AddFrames(run.actor, here, std::span(run.frames).subspan(here - run.first)));
  return Refresh();
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
    if (!read.ok()) return absl::InternalError(std::string(read.status().message()));
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

bool Session::IsInSync() const {
  if (!is_open() || own_chunks_missing_ != 0 || peer_chunks_missing_ != 0) return false;
  const auto has_theirs = [&](const FeedHead& ours) {
    const auto theirs = peer_feeds_.find(ours.actor);
    return theirs != peer_feeds_.end() && theirs->second.head == ours;
  };
  // Asked after each piece of work. Both are in the order of their actors, and nearly always equal: whether an actor is
  // a member is asked of few.
  const auto [differs, theirs_differ] =
      std::mismatch(own_heads_.begin(), own_heads_.end(), peer_feeds_.begin(), peer_feeds_.end(),
                    [](const FeedHead& ours, const auto& theirs) { return theirs.second.head == ours; });
  if (differs == own_heads_.end() && theirs_differ == peer_feeds_.end()) return true;
  return std::all_of(differs, own_heads_.end(),
                     [&](const FeedHead& head) { return has_theirs(head) || !host_.IsMember(head.actor); }) &&
         std::all_of(peer_feeds_.begin(), peer_feeds_.end(), [&](const auto& feed) {
           return Find(own_heads_, feed.first) != nullptr || !host_.IsMember(feed.first);
         });
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
