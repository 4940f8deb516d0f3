#pragma once

#include <copse/base/network.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "chunk_requests.h"
#include "session.h"
#include "session_host.h"

namespace copse::replica {

/// The host as one session sees it: notes what the others must hear of, and keeps the lack of a chunk at one peer from
/// being taken for its lack everywhere.
class LinkHost final : public SessionHost {
 public:
  LinkHost(SessionHost& host, ChunkRequests& chunks, ChunkRequests::PeerId peer)
      : host_(host), chunks_(chunks), peer_(peer) {}

  /// Whether frames, or the last missing chunk, were stored since it was asked last.
  bool TakeNews() { return std::exchange(has_news_, false); }

  std::vector<FeedHead> Heads() override { return host_.Heads(); }
  bool IsMember(crdt::ActorId actor) override { return host_.IsMember(actor); }
  absl::StatusOr<std::vector<std::string>> ReadFrames(crdt::ActorId actor, std::uint64_t first,
                                                      std::size_t bytes_max) override {
    return host_.ReadFrames(actor, first, bytes_max);
  }
  absl::StatusOr<base::Hash> FrameHash(crdt::ActorId actor, std::uint64_t frame) override {
    return host_.FrameHash(actor, frame);
  }
  absl::Status AddFrames(crdt::ActorId actor, std::uint64_t first, std::span<const std::string> frames) override {
    has_news_ = true;
    return host_.AddFrames(actor, first, frames);
  }
  absl::StatusOr<std::string> ReadChunk(const base::Hash& id) override { return host_.ReadChunk(id); }
  void OnChunk(const base::Hash& id, absl::StatusOr<std::string> sealed) override {
    if (!sealed.ok()) return chunks_.OnNotFound(peer_, id);
    chunks_.OnFound(id);
    host_.OnChunk(id, std::move(sealed));
    if (host_.ChunksMissing() == 0) has_news_ = true;
  }
  std::uint64_t ChunksMissing() override { return host_.ChunksMissing(); }
  absl::StatusOr<std::string> Admit(const std::string& peer_key, std::string_view secret,
                                    const std::string& label) override {
    return host_.Admit(peer_key, secret, label);
  }

 private:
  SessionHost& host_;
  ChunkRequests& chunks_;
  const ChunkRequests::PeerId peer_;
  bool has_news_ = false;
};

/// One connection and, once its other end is known, the session on it. Used by one piece of work at a time.
struct Link {
  using Id = ChunkRequests::PeerId;

  Id id = 0;
  std::string endpoint;  ///< That was dialled; empty where it was accepted.
  std::string key;       ///< Of the other end; empty until the handshake is done.
  std::unique_ptr<LinkHost> host;
  std::unique_ptr<Session> session;              ///< Null until the handshake is done.
  std::unique_ptr<base::Connection> connection;  ///< Destroyed before the session, which its events lead to.
  bool is_member = false;
  bool was_open = false;                                       ///< The peer greeted.
  std::optional<std::chrono::nanoseconds> closing_since = {};  ///< Nothing more is said or heard.
  std::chrono::nanoseconds last_news{0};
  bool news_are_due = false;

  bool is_dialled() const { return !endpoint.empty(); }
  bool is_live() const { return session != nullptr && !closing_since.has_value(); }
  bool Serves(const std::string& member_key) const { return is_live() && is_member && key == member_key; }
};

}  // namespace copse::replica
