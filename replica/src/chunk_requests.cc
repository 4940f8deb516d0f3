#include "chunk_requests.h"

#include <algorithm>
#include <utility>

namespace copse::replica {
namespace {

/// How far Take looks past chunks that the peer lacks: they must not make every call as long as the queue.
constexpr std::size_t kLookAhead = 4096;

}  // namespace

void ChunkRequests::Wait(const base::Hash& id, Wanted& wanted) {
  wanted.asked_of = 0;
  if (!std::exchange(wanted.is_waiting, true)) waiting_.push_back(id);
}

void ChunkRequests::Add(std::span<const base::Hash> ids) {
  for (const base::Hash& id : ids) {
    Wanted& wanted = wanted_[id];
    wanted.is_told = false;
    if (wanted.asked_of != 0) continue;
    wanted.lacking.clear();
    Wait(id, wanted);
    suspects_.push_back(id);
  }
}

void ChunkRequests::OnPeerConnected(PeerId peer) {
  peers_.insert(peer);
  OnPeerNews(peer);
}

void ChunkRequests::OnPeerGone(PeerId peer) {
  peers_.erase(peer);
  for (auto& [id, wanted] : wanted_) {
    wanted.lacking.erase(peer);
    if (wanted.asked_of == peer) Wait(id, wanted);
    if (wanted.is_waiting) suspects_.push_back(id);
  }
}

void ChunkRequests::OnPeerSilent(PeerId peer) {
  for (auto& [id, wanted] : wanted_) {
    if (wanted.asked_of != peer) continue;
    wanted.lacking.insert(peer);
    Wait(id, wanted);
    suspects_.push_back(id);
  }
}

void ChunkRequests::OnPeerNews(PeerId peer) {
  for (auto& [id, wanted] : wanted_) {
    wanted.lacking.erase(peer);
    if (wanted.asked_of == 0) Wait(id, wanted);
  }
}

void ChunkRequests::OnFound(const base::Hash& id) { wanted_.erase(id); }

void ChunkRequests::OnNotFound(PeerId peer, const base::Hash& id) {
  const auto found = wanted_.find(id);
  if (found == wanted_.end()) return;
  found->second.lacking.insert(peer);
  suspects_.push_back(id);
  if (found->second.asked_of == peer) Wait(id, found->second);
}

std::vector<base::Hash> ChunkRequests::Take(PeerId peer, std::size_t count) {
  std::vector<base::Hash> taken;
  std::vector<base::Hash> passed;
  while (!waiting_.empty() && taken.size() < count && passed.size() < kLookAhead) {
    const base::Hash id = waiting_.front();
    waiting_.pop_front();
    const auto found = wanted_.find(id);
    if (found == wanted_.end() || !found->second.is_waiting) continue;
    if (found->second.lacking.count(peer) != 0) {
      passed.push_back(id);
      continue;
    }
    found->second.is_waiting = false;
    found->second.asked_of = peer;
    taken.push_back(id);
  }
  waiting_.insert(waiting_.begin(), passed.begin(), passed.end());
  return taken;
}

std::vector<base::Hash> ChunkRequests::TakeHopeless() {
  std::vector<base::Hash> hopeless;
  for (const base::Hash& id : std::exchange(suspects_, {})) {
    const auto found = wanted_.find(id);
    if (found == wanted_.end() || !found->second.is_waiting) continue;
    Wanted& wanted = found->second;
    if (!std::includes(wanted.lacking.begin(), wanted.lacking.end(), peers_.begin(), peers_.end())) continue;
    wanted.is_waiting = false;
    if (!std::exchange(wanted.is_told, true)) hopeless.push_back(id);
  }
  return hopeless;
}

}  // namespace copse::replica
