#pragma once

#include <copse/base/hash.h>
#include <copse/base/random.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "session.h"

namespace copse::replica {

/// A replica reduced to what a session sees: feeds of frames that name their predecessor, and chunks.
class FakeHost final : public SessionHost {
 public:
  explicit FakeHost(crdt::ActorId actor) : actor_(actor) {}

  crdt::ActorId actor() const { return actor_; }
  std::string label() const { return "replica" + std::to_string(actor_); }

  /// Adds a frame to the feed of `actor`, as its author would.
  void Append(crdt::ActorId actor, const std::string& payload);
  void Append(const std::string& payload) { Append(actor_, payload); }
  base::Hash AddChunk(const std::string& sealed);
  /// Notes chunks as named by ops and not here.
  void Miss(const std::vector<base::Hash>& ids) { missing.insert(ids.begin(), ids.end()); }
  const std::vector<std::string>& feed(crdt::ActorId actor) { return feeds[actor]; }

  std::vector<FeedHead> Heads() override;
  bool IsMember(crdt::ActorId actor) override { return strangers.count(actor) == 0; }
  absl::StatusOr<std::vector<std::string>> ReadFrames(crdt::ActorId actor, std::uint64_t first,
                                                      std::size_t bytes_max) override;
  absl::StatusOr<base::Hash> FrameHash(crdt::ActorId actor, std::uint64_t frame) override;
  absl::Status AddFrames(crdt::ActorId actor, std::uint64_t first, std::span<const std::string> frames) override;
  absl::StatusOr<std::string> ReadChunk(const base::Hash& id) override;
  void OnChunk(const base::Hash& id, absl::StatusOr<std::string> sealed) override;
  std::uint64_t ChunksMissing() override { return missing.size(); }
  absl::StatusOr<std::string> Admit(const std::string& peer_key, std::string_view secret,
                                    const std::string& label) override;

  std::map<crdt::ActorId, std::vector<std::string>> feeds;
  std::uint64_t hidden = 0;           ///< How many frames at the end of its own feed are not durable.
  std::set<crdt::ActorId> strangers;  ///< A frame with the payload "grant N" takes N out.
  std::map<base::Hash, std::string> chunks;
  std::set<base::Hash> missing;
  std::set<base::Hash> unreadable;    ///< Of `chunks`, for now.
  std::vector<base::Hash> not_found;  ///< Chunks that a peer did not have.
  std::string secret;                 ///< Of the open invitation; empty if none.
  absl::Status storing;               ///< What AddFrames fails with.
  std::uint64_t frames_added = 0;

 private:
  crdt::ActorId actor_;
};

/// The keys of the replica of `actor`, the same each time.
Identity IdentityOf(crdt::ActorId actor);

/// Replicas and the conversations between them, in one thread, with time that moves when told.
class World {
 public:
  struct End {
    FakeHost* host = nullptr;
    std::unique_ptr<Session> session;
    std::string sent;  ///< Not delivered yet.
    std::size_t most_unsent = 0;
  };
  struct Link {
    End a;
    End b;
  };

  explicit World(std::uint64_t seed = 1) : random_(seed) {}

  FakeHost& Add(crdt::ActorId actor);
  /// Opens sessions between two members.
  Link& Meet(FakeHost& a, FakeHost& b);
  /// Ends a conversation as a cut cable would.
  void Drop(Link& link);

  /// Delivers up to `bytes_max` bytes of what an end sent, and reports them as sent; whether there were any.
  bool Deliver(End& from, End& to, std::size_t bytes_max);
  /// Delivers pieces of 1..piece_max bytes (random lengths) until nothing is under way.
  void Run(std::size_t piece_max = 1 << 20);
  /// Delivers one message from either end of `link`; false if none is under way.
  bool DeliverMessage(Link& link);
  void Announce(FakeHost& host);
  /// Moves time in steps of a second, delivering all between.
  void Pass(std::chrono::seconds time);

  Session::Options OptionsFor(const FakeHost& host) const;
  std::chrono::nanoseconds now{0};
  std::vector<std::unique_ptr<Link>> links;

 private:
  std::size_t Random(std::size_t limit);

  base::SeededRandom random_;
  std::map<crdt::ActorId, std::unique_ptr<FakeHost>> hosts_;
};

}  // namespace copse::replica
