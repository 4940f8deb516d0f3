#pragma once

#include <copse/base/hash.h>

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <vector>

namespace copse::replica {

/// Which chunk is asked of which peer: each of one that answers at a time, until somebody has it. Without I/O; not
/// thread-safe.
class ChunkRequests {
 public:
  using PeerId = std::uint64_t;  ///< From 1 on; never used again.

  /// Wants these chunks; whoever lacked one is asked again.
  void Add(std::span<const base::Hash> ids);

  void OnPeerConnected(PeerId peer);
  /// What it has not answered is asked of others.
  void OnPeerGone(PeerId peer);
  /// The same, though it may still answer.
  void OnPeerSilent(PeerId peer);
  /// It may have now what it lacked.
  void OnPeerNews(PeerId peer);
  void OnFound(const base::Hash& id);
  void OnNotFound(PeerId peer, const base::Hash& id);

  /// Up to `count` chunks to ask `peer` for now.
  std::vector<base::Hash> Take(PeerId peer, std::size_t count);

  /// The chunks that no connected peer has, each once until Add wants it again. They stay wanted.
  std::vector<base::Hash> TakeHopeless();

 private:
  struct Wanted {
    PeerId asked_of = 0;       ///< 0: it waits, or is hopeless.
    std::set<PeerId> lacking;  ///< Who does not have it.
    bool is_waiting = false;   ///< To be asked for; then it is in waiting_.
    bool is_told = false;      ///< As hopeless.
  };

  void Wait(const base::Hash& id, Wanted& wanted);

  std::map<base::Hash, Wanted> wanted_;
  std::deque<base::Hash> waiting_;    ///< May also name chunks that wait no longer.
  std::vector<base::Hash> suspects_;  ///< What may have become hopeless.
  std::set<PeerId> peers_;
};

}  // namespace copse::replica
