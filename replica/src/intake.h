#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <copse/base/clock.h>
#include <copse/base/content_store.h>
#include <copse/crdt/op.h>
#include <copse/replica/store.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "frame.h"
#include "own_feed.h"

namespace copse::replica {

/// Frames of others that are stored and not applied yet, and contents that ops name and that are not here yet.
///
/// A frame is applied, as a whole, after those before it in its feed, those that it depends on and as many ops as its
/// clock stands for, and once the contents that it names are here; but for contents it waits only so long, and not for
/// too many. Contents go on being wanted after that. Not thread-safe.
class Intake {
 public:
  /// What the intake asks of its store.
  struct Host {
    /// The applied ops of a feed have been extended to `known`, by `ops`: applies them. kInvalidArgument: refused.
    std::function<absl::Status(const Dependency& known, std::uint64_t first, std::span<const crdt::Op> ops)> apply;
    /// A frame was applied, or has no ops and would have been by now.
    std::function<void(const FrameHeader& header)> applied;
    std::function<bool(const base::Hash& id)> has_chunk;
    std::function<absl::StatusOr<std::string>(const base::ChunkRef& chunk)> read_chunk;
  };

  Intake(base::Clock& clock, const ContentNamer& namer, Host host)
      : clock_(clock), namer_(namer), host_(std::move(host)) {}

  /// `known` has been applied at start.
  void Begin(Dependencies known) { known_ = std::move(known); }

  /// The ops of an applied frame, at start: what they name and is not here is wanted.
  void AddApplied(std::span<const crdt::Op> ops);
  /// What a snapshot says was not here when it was made.
  void AddWanted(const base::NamedContent& content) { Want(content, nullptr); }
  /// A frame that is stored, the next one of its feed, and its ops, if it has any.
  void Add(const FrameHeader& header, const base::Hash& hash, std::size_t bytes, std::vector<crdt::Op> ops);
  /// Own ops are applied as they are made.
  void KnowOwn(const Dependency& own) { known_[own.actor] = own; }
  /// Nothing of `actor` is applied any more, because of `why`.
  void Refuse(crdt::ActorId actor, std::string why) { refused_[actor] = std::move(why); }

  /// What is said of a chunk that is wanted, which may be wrong; nullptr if it is not.
  const base::NamedContent* Wanted(const base::Hash& id) const;
  /// A wanted chunk is in the store now.
  void OnStored(const base::Hash& id);

  /// Applies what may be applied. Returns when it must be called again though nothing new came, if ever.
  std::optional<std::chrono::nanoseconds> Run();

  /// Chunks that became wanted since the last call.
  std::vector<base::Hash> TakeNewlyWanted();
  std::vector<base::Hash> AllWanted() const;
  /// The same, with all that is said of it: a chunk that is named in several ways comes with each. And the pages that
  /// are here and could not be read, behind which more may be wanted.
  std::vector<base::NamedContent> AllWantedContents() const;
  /// What is wanted, and those pages.
  std::uint64_t chunks_missing() const { return wanted_.size() + unread_.size(); }
  std::uint64_t bytes_missing() const { return bytes_missing_; }
  const std::map<crdt::ActorId, std::string>& refused() const { return refused_; }

 private:
  /// By all that they say: of several that name one chunk, only the right one opens it, and nobody knows which that is.
  struct LessContent {
    bool operator()(const base::NamedContent& a, const base::NamedContent& b) const;
  };
  using Contents = std::set<base::NamedContent, LessContent>;
  struct WaitingFrame {
    FrameHeader header;
    base::Hash hash{};
    std::size_t bytes = 0;
    std::vector<crdt::Op> ops;
    std::size_t chunks_missing = 0;  // As often as it is among `frames` of what is wanted or unread.
    Contents pages;                  // Those that were read for it.
    std::chrono::nanoseconds content_until{};
  };
  using Frame = std::shared_ptr<WaitingFrame>;
  using Frames = std::set<std::weak_ptr<WaitingFrame>, std::owner_less<>>;
  struct WantedChunk {
    std::uint32_t plain_length = 0;                            // As counted in bytes_missing_.
    std::map<base::NamedContent, Frames, LessContent> frames;  // Of each way in which it is named, who waits for it.
  };

  void WantContentOf(std::span<const crdt::Op> ops, const Frame& frame);
  void Want(const base::NamedContent& content, const Frame& frame);
  void WantContentOfPage(const base::NamedContent& page, const Frame& frame);
  /// Tries `page`, which cannot be read now, again after a while.
  void ReadLater(const base::NamedContent& page, const Frame& frame);
  void ReadUnread(std::chrono::nanoseconds now);
  /// Has what `content` stands for now wanted by those who waited for it.
  void WantAgain(const base::NamedContent& content, const Frames& frames);
  bool MayApply(const WaitingFrame& frame, std::chrono::nanoseconds now) const;
  /// Applies the frames at the head of one feed that may be; returns whether any was.
  bool ApplyHeads(crdt::ActorId actor, std::deque<Frame>& frames, std::chrono::nanoseconds now);

  base::Clock& clock_;
  const ContentNamer& namer_;
  const Host host_;
  Dependencies known_;  // Applied.
  std::map<crdt::ActorId, std::deque<Frame>> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  std::map<crdt::ActorId, std::string> refused_;
  absl::flat_hash_map<base::Hash, WantedChunk> wanted_;
  Contents pages_;  // Those that were read for no frame that waits: what they name was wanted then.
  std::map<base::NamedContent, Frames, LessContent> unread_;  // Of each page that could not be read, who waits for it.
  std::chrono::nanoseconds unread_until_{};                   // Until then it is not tried again.
  std::vector<base::Hash> newly_wanted_;
  std::uint64_t bytes_missing_ = 0;
};

}  // namespace copse::replica
