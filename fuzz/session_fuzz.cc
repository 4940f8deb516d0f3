// A hostile peer in a conversation: each input is a row of steps, most of which deliver a message, right or nearly, and
// the others any bytes, or let time pass, bytes leave, the replica write. Whatever it says, feeds here only grow, by
// frames that follow each other; chunks are stored where they were asked for and have their hash; this end sends what
// it has, nothing beyond the credit that it was given, and nothing once it has ended. A stranger learns nothing but the
// answer to its Join.

#include <copse/base/hash.h>

#include <algorithm>
#include <optional>
#include <set>

#include "choices.h"
#include "fuzz.h"
#include "message_reader.h"
#include "session_world.h"

namespace copse::fuzz {
namespace {

using replica::FakeHost;
using replica::FeedHead;
using replica::Message;
using replica::Session;
namespace message = replica::message;

constexpr crdt::ActorId kOwn = 1;
constexpr crdt::ActorId kActors = 5;  // 1 to 4 have feeds somewhere, of which 4 is no member; 0 and 5 have none.
constexpr std::size_t kStepsMax = 200;
constexpr std::size_t kFrameBytes = 1000;
constexpr std::uint64_t kMuchCredit = std::uint64_t{1} << 50;
const std::string kSecret(replica::kAdmissionSecretBytes, 's');

class HostilePeer {
 public:
  explicit HostilePeer(std::string_view bytes) : choices_(bytes), host_(kOwn) {
    host_.strangers = {4};
    for (const crdt::ActorId actor : {kOwn, crdt::ActorId{2}, crdt::ActorId{4}}) {
      for (char i = 'a'; i < 'c'; ++i) host_.Append(actor, std::string(kFrameBytes, i));
    }
    for (const char* sealed : {"one", "two"}) chunks_.push_back(host_.AddChunk(sealed));
    for (const char* sealed : {"three", "four"}) chunks_.push_back(base::Sha256(sealed));
    host_.Miss({chunks_[2], chunks_[3]});
    // What the peer could have: the feeds here, those of others longer.
    theirs_ = host_.feeds;
    for (const crdt::ActorId actor : {crdt::ActorId{2}, crdt::ActorId{3}}) {
      for (const char* payload : {"more", "grant 4", "most"}) {
        std::vector<std::string>& feed = theirs_[actor];
        const std::string before =
            feed.empty() ? std::string(32, '\0') : std::string(base::AsBytes(base::Sha256(feed.back())));
        feed.push_back(before + payload);
      }
    }
    const unsigned first = choices_.Below(8);
    is_member_ = first != 0;
    if (first % 2 == 0) host_.secret = kSecret;
    replica::World world;
    Session::Options options = world.OptionsFor(host_);
    options.peer_is_member = is_member_;
    session_.emplace(
        host_, options, [this](const std::string& sent) { Sent(sent); }, now_);
    if (first > 3) Deliver(replica::EncodeMessage(RightHello()));
  }

  void Run() {
    for (std::size_t steps = 0; steps < kStepsMax && !choices_.is_done(); ++steps) {
      const auto feeds = host_.feeds;
      const bool had_ended = session_->has_ended();
      const std::size_t sent = sent_bytes_;
      Step();
      Require(!had_ended || (session_->has_ended() && sent_bytes_ == sent));
      RequireSound(feeds);
    }
  }

 private:
  void Step() {
    switch (choices_.Below(10)) {
      case 0:
        Deliver(choices_.Take(choices_.Below(256)));
        break;
      case 1:
        now_ += std::chrono::seconds(choices_.Below(20));
        session_->OnTime(now_);
        break;
      case 2: {
        const std::size_t left = std::min<std::size_t>(unsent_, std::size_t{choices_.Below(256)} << 10);
        unsent_ -= left;
        session_->OnSent(left);
        break;
      }
      case 3:
        // As the replica writes, or a chunk arrives from elsewhere.
        if (choices_.Below(2) == 0) {
          host_.Append("own");
        } else {
          host_.missing.clear();
        }
        session_->OnHeadsChanged();
        break;
      case 4:
        if (session_->ChunkCapacity() > 0) {
          const base::Hash id = Id();
          asked_.insert(id);
          session_->RequestChunks({&id, 1});
        }
        break;
      default:
        Deliver(replica::EncodeMessage(AnyMessage()));
    }
  }

  void Deliver(std::string_view bytes) {
    told_.Append(bytes);
    for (auto next = told_.Next(); next.ok() && next->has_value(); next = told_.Next()) {
      if (const auto* credit = std::get_if<message::Credit>(&(*next)->message)) {
        credit_ = std::min(credit_ + std::min(credit->bytes, kMuchCredit), kMuchCredit);
      }
    }
    // Cut in two, as a network may.
    const std::size_t first = bytes.size() / 2;
    session_->OnBytes(bytes.substr(0, first), now_);
    session_->OnBytes(bytes.substr(first), now_);
  }

  crdt::ActorId Actor() { return static_cast<crdt::ActorId>(choices_.Below(kActors + 1)); }
  base::Hash Id() { return chunks_[choices_.Below(static_cast<unsigned>(chunks_.size()))]; }

  std::optional<FeedHead> HeadOf(crdt::ActorId actor, std::size_t frames) {
    const auto feed = theirs_.find(actor);
    if (feed == theirs_.end() || frames == 0 || frames > feed->second.size()) return std::nullopt;
    return FeedHead{actor, frames, frames * 3, base::Sha256(feed->second[frames - 1])};
  }

  Message RightHello() {
    message::Hello hello;
    hello.volume.fill(0x77);
    hello.label = "peer";
    for (const auto& [actor, feed] : theirs_) hello.heads.push_back(*HeadOf(actor, feed.size()));
    return hello;
  }

  std::vector<FeedHead> AnyHeads() {
    std::vector<FeedHead> heads;
    for (crdt::ActorId actor = 1; actor <= kActors; ++actor) {
      const unsigned kind = choices_.Below(8);
      if (kind < 5) {
        if (const auto head = HeadOf(actor, kind)) heads.push_back(*head);
      } else if (kind == 5) {
        heads.push_back({actor, 1 + choices_.Below(9), choices_.Below(9), Id()});
      }
    }
    return heads;
  }

  Message AnyFrames() {
    message::Frames run{Actor(), choices_.Below(6), {}};
    const auto feed = theirs_.find(run.actor);
    for (unsigned left = 1 + choices_.Below(3); left > 0; --left) {
      const std::uint64_t number = run.first + run.frames.size();
      const bool is_right = feed != theirs_.end() && number < feed->second.size() && choices_.Below(8) != 0;
      run.frames.push_back(is_right ? feed->second[number] : "x" + std::string(choices_.Take(choices_.Below(80))));
    }
    return run;
  }

  Message AnyChunk() {
    const unsigned which = choices_.Below(4);
    const char* const sealed[] = {"one", "two", "three", "four"};
    return message::Chunk{chunks_[which], sealed[choices_.Below(8) == 0 ? 0 : which]};
  }

  Message AnyMessage() {
    switch (choices_.Below(14)) {
      case 0: {
        auto hello = std::get<message::Hello>(RightHello());
        if (choices_.Below(8) == 0) hello.volume[0] ^= 1;
        hello.heads = AnyHeads();
        return hello;
      }
      case 1:
        return message::Heads{choices_.Below(3), AnyHeads()};
      case 2:
        return message::Subscribe{Actor(), choices_.Below(4)};
      case 3:
        return message::Credit{std::uint64_t{1} << choices_.Below(64)};
      case 4:
      case 5:
        return AnyFrames();
      case 6: {
        std::vector<base::Hash> ids(1 + choices_.Below(replica::kChunkIdsMax), Id());
        return message::WantChunks{std::move(ids)};
      }
      case 7:
        return AnyChunk();
      case 8:
        return message::NoChunk{Id()};
      case 9:
        return message::Join{choices_.Below(2) == 0 ? kSecret : std::string(kSecret.size(), 'x'), "label"};
      case 10:
        return message::Welcome{"come in"};
      case 11:
        return message::Refused{std::string(choices_.Take(choices_.Below(20)))};
      case 12:
        return message::Ping{};
      default:
        return message::Pong{};
    }
  }

  void Sent(const std::string& bytes) {
    sent_bytes_ += bytes.size();
    unsent_ += bytes.size();
    answers_.Append(bytes);
    const auto said = answers_.Next();
    Require(said.ok() && said->has_value());
    if (!is_member_) {
      Require(++answers_to_stranger_ == 1 && (std::holds_alternative<message::Welcome>((*said)->message) ||
                                              std::holds_alternative<message::Refused>((*said)->message)));
    }
    const auto* const run = std::get_if<message::Frames>(&(*said)->message);
    const auto* const chunk = std::get_if<message::Chunk>(&(*said)->message);
    if (run != nullptr || chunk != nullptr) {
      Require(used_ < credit_);
      used_ += (*said)->body_bytes;
    }
    if (chunk != nullptr) Require(host_.chunks.at(chunk->id) == chunk->sealed);
    if (run != nullptr) {
      const std::vector<std::string>& feed = host_.feed(run->actor);
      Require(
          run->first + run->frames.size() <= feed.size() &&
          std::equal(run->frames.begin(), run->frames.end(), feed.begin() + static_cast<std::ptrdiff_t>(run->first)));
    }
  }

  void RequireSound(const std::map<crdt::ActorId, std::vector<std::string>>& before) {
    for (const auto& [actor, feed] : host_.feeds) {
      const auto found = before.find(actor);
      const std::size_t known = found == before.end() ? 0 : found->second.size();
      Require(feed.size() >= known &&
              (known == 0 || std::equal(found->second.begin(), found->second.end(), feed.begin())));
      for (std::size_t i = std::max<std::size_t>(known, 1); i < feed.size(); ++i) {
        Require(feed[i].substr(0, 32) == base::AsBytes(base::Sha256(feed[i - 1])));
      }
    }
    for (const auto& [id, sealed] : host_.chunks) Require(base::Sha256(sealed) == id && MayHave(id));
    Require(session_->unanswered_chunks().size() <= replica::kChunkIdsMax);
    if (!session_->has_ended()) Require(session_->status().ok());
  }

  bool MayHave(const base::Hash& id) const { return id == chunks_[0] || id == chunks_[1] || asked_.contains(id); }

  Choices choices_;
  FakeHost host_;
  std::map<crdt::ActorId, std::vector<std::string>> theirs_;
  std::vector<base::Hash> chunks_;
  std::set<base::Hash> asked_;
  bool is_member_ = true;
  std::chrono::nanoseconds now_{0};
  std::optional<Session> session_;
  replica::MessageReader told_;     // What the session was told.
  replica::MessageReader answers_;  // What it said.
  std::uint64_t credit_ = 0;
  std::uint64_t used_ = 0;
  std::size_t sent_bytes_ = 0;
  std::size_t unsent_ = 0;
  unsigned answers_to_stranger_ = 0;
};

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  copse::fuzz::HostilePeer(copse::fuzz::Bytes(data, size)).Run();
  return 0;
}
