#include "session_world.h"

#include <algorithm>
#include <cstring>

#include "signing.h"

namespace copse::replica {
namespace {

constexpr std::uint64_t kOpsPerFrame = 3;
const std::string kGrant = "grant ";

std::string HashOfLast(const std::vector<std::string>& feed) {
  return feed.empty() ? std::string(32, '\0') : std::string(base::AsBytes(base::Sha256(feed.back())));
}

}  // namespace

void FakeHost::Append(crdt::ActorId actor, const std::string& payload) {
  std::vector<std::string>& feed = feeds[actor];
  feed.push_back(HashOfLast(feed) + payload);
}

base::Hash FakeHost::AddChunk(const std::string& sealed) {
  const base::Hash id = base::Sha256(sealed);
  chunks[id] = sealed;
  return id;
}

std::vector<FeedHead> FakeHost::Heads() {
  std::vector<FeedHead> heads;
  for (const auto& [actor, feed] : feeds) {
    const std::uint64_t frames = feed.size() - (actor == actor_ ? hidden : 0);
    if (frames > 0) heads.push_back({actor, frames, frames * kOpsPerFrame, base::Sha256(feed[frames - 1])});
  }
  return heads;
}

absl::StatusOr<std::vector<std::string>> FakeHost::ReadFrames(crdt::ActorId actor, std::uint64_t first,
                                                              std::size_t bytes_max) {
  std::vector<std::string> frames;
  std::size_t bytes = 0;
  const std::vector<std::string>& feed = feeds[actor];
  for (std::size_t frame = first; frame < feed.size(); ++frame) {
    bytes += feed[frame].size();
    if (!frames.empty() && bytes > bytes_max) break;
    frames.push_back(feed[frame]);
  }
  return frames;
}

absl::StatusOr<base::Hash> FakeHost::FrameHash(crdt::ActorId actor, std::uint64_t frame) {
  return base::Sha256(feeds[actor].at(frame));
}

absl::Status FakeHost::AddFrames(crdt::ActorId actor, std::uint64_t first, std::span<const std::string> frames) {
  if (!storing.ok()) return storing;
  std::vector<std::string> feed = feeds[actor];
  if (first != feed.size() || frames.empty()) return absl::InternalError("a session left a gap");
  for (const std::string& frame : frames) {
    if (frame.substr(0, 32) != HashOfLast(feed)) return absl::DataLossError("a frame does not follow the one before");
    feed.push_back(frame);
    const std::string payload = frame.substr(32);
    std::erase_if(strangers, [&](crdt::ActorId stranger) { return payload == kGrant + std::to_string(stranger); });
  }
  feeds[actor] = std::move(feed);
  frames_added += frames.size();
  return absl::OkStatus();
}

absl::StatusOr<std::string> FakeHost::ReadChunk(const base::Hash& id) {
  const auto found = chunks.find(id);
  if (found == chunks.end()) return absl::NotFoundError("no such chunk");
  if (unreadable.contains(id)) return absl::UnavailableError("no descriptor is left");
  return found->second;
}

void FakeHost::OnChunk(const base::Hash& id, absl::StatusOr<std::string> sealed) {
  if (!sealed.ok()) {
    not_found.push_back(id);
    return;
  }
  chunks[id] = *std::move(sealed);
  missing.erase(id);
}

absl::StatusOr<std::string> FakeHost::Admit(const std::string& peer_key, std::string_view offered,
                                            const std::string& label) {
  if (secret.empty() || offered != secret) return absl::PermissionDeniedError("the invitation is not valid");
  secret.clear();
  return "welcome " + label + " with " + peer_key;
}

Identity IdentityOf(crdt::ActorId actor) {
  Identity identity;
  identity.volume.fill(0x77);
  identity.actor = actor;
  identity.label = "replica" + std::to_string(actor);
  const SigningKeys keys = SigningKeysOf(std::string(kSigningSeedBytes, static_cast<char>(actor)));
  identity.signing_public = keys.public_key;
  identity.signing_secret = keys.secret_key;
  return identity;
}

FakeHost& World::Add(crdt::ActorId actor) {
  return *hosts_.emplace(actor, std::make_unique<FakeHost>(actor)).first->second;
}

Session::Options World::OptionsFor(const FakeHost& host) const {
  Session::Options options;
  options.volume.fill(0x77);
  options.actor = host.actor();
  options.label = host.label();
  options.peer = "tcp:elsewhere:1";
  options.peer_key = "key";
  return options;
}

World::Link& World::Meet(FakeHost& a, FakeHost& b) {
  Link& link = *links.emplace_back(std::make_unique<Link>());
  for (auto [end, host] : {std::pair(&link.a, &a), std::pair(&link.b, &b)}) {
    end->host = host;
    const auto send = [end = end](const std::string& bytes) {
      end->sent += bytes;
      end->most_unsent = std::max(end->most_unsent, end->sent.size());
    };
    end->session = std::make_unique<Session>(*host, OptionsFor(*host), send, now);
  }
  return link;
}

void World::Drop(Link& link) {
  links.erase(std::find_if(links.begin(), links.end(), [&](const auto& other) { return other.get() == &link; }));
}

bool World::Deliver(End& from, End& to, std::size_t bytes_max) {
  const std::string piece = from.sent.substr(0, bytes_max);
  if (piece.empty()) return false;
  from.sent.erase(0, piece.size());
  from.session->OnSent(piece.size());
  const std::vector<FeedHead> before = to.host->Heads();
  to.session->OnBytes(piece, now);
  if (to.host->Heads() != before) Announce(*to.host);
  return true;
}

bool World::DeliverMessage(Link& link) {
  for (auto [from, to] : {std::pair(&link.a, &link.b), std::pair(&link.b, &link.a)}) {
    if (from->sent.size() < kMessageHeaderBytes) continue;
    std::size_t length = 0;
    for (int i = 3; i >= 0; --i)
      length = length << 8 | static_cast<std::uint8_t>(from->sent[static_cast<std::size_t>(i)]);
    return Deliver(*from, *to, kMessageHeaderBytes + length);
  }
  return false;
}

void World::Run(std::size_t piece_max) {
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& link : links) {
      moved |= Deliver(link->a, link->b, 1 + Random(piece_max));
      moved |= Deliver(link->b, link->a, 1 + Random(piece_max));
    }
  }
}

void World::Announce(FakeHost& host) {
  for (const auto& link : links) {
    if (link->a.host == &host) link->a.session->OnHeadsChanged();
    if (link->b.host == &host) link->b.session->OnHeadsChanged();
  }
}

void World::Pass(std::chrono::seconds time) {
  for (std::chrono::seconds passed{0}; passed < time; ++passed) {
    now += std::chrono::seconds(1);
    for (const auto& link : links) {
      link->a.session->OnTime(now);
      link->b.session->OnTime(now);
    }
    Run();
  }
}

std::size_t World::Random(std::size_t limit) {
  std::uint64_t value = 0;
  const std::string bytes = random_.Bytes(sizeof value);
  std::memcpy(&value, bytes.data(), sizeof value);
  return value % limit;
}

}  // namespace copse::replica
