#include <copse/replica/exchange.h>

#include <utility>

#include "exchange_state.h"

namespace copse::replica {

Exchange::Exchange(Environment environment, const Identity& identity, SessionHost& host, Callbacks callbacks)
    : state_(std::make_shared<State>(environment, identity, host, std::move(callbacks))) {}

Exchange::~Exchange() { state_->Cut(); }

absl::StatusOr<std::string> Exchange::Listen(const std::string& endpoint) { return state_->Listen(endpoint); }

void Exchange::AddPeer(const std::string& endpoint) {
  state_->Post([endpoint](State& state) { state.AddPeer(endpoint); });
}

std::vector<PeerStatus> Exchange::GetStatus() const { return state_->status(); }

void Exchange::RequestChunks(std::span<const base::Hash> ids) {
  state_->Post([held = std::vector(ids.begin(), ids.end())](State& state) { state.RequestChunks(held); });
}

void Exchange::OnHeadsChanged() { state_->AnnounceHeads(); }

void Exchange::Stop(std::function<void()> on_stopped) {
  state_->Post([on_stopped = std::move(on_stopped)](State& state) { state.Stop(on_stopped); });
}

}  // namespace copse::replica
