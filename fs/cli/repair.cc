#include "cli/repair.h"

#include <copse/base/status_macros.h>
#include <copse/replica/repair.h>

#include <future>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include "cli/machine.h"
#include "cli/progress.h"
#include "cli/store_path.h"

namespace copse::cli {
namespace {

constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::seconds kStopMax{3};

std::string Places(std::size_t count) {
  return count == 1 ? "1 place of the log is" : std::to_string(count) + " places of the log are";
}

/// What stands in the way of those that were to be asked.
std::string TroublesOf(const replica::Exchange& exchange) {
  std::string text;
  for (const replica::PeerStatus& peer : exchange.GetStatus()) {
    if (!peer.last_error.empty()) text += "; " + peer.last_error;
  }
  return text;
}

/// Asks until nothing is lost or patience is; returns why the last were not reached.
absl::StatusOr<std::string> FetchLost(Machine& machine, replica::Repair& repair, const std::vector<std::string>& peers,
                                      std::chrono::seconds patience) {
  const replica::Store::Addresses& remembered = repair.addresses();
  if (peers.empty() && remembered.peers.empty() && remembered.listen.empty()) {
    return absl::FailedPreconditionError(
        Places(repair.findings().lost.size()) +
        " lost, and no replica is known that could have it; give one: --peer HOST:PORT");
  }
  replica::Exchange::Callbacks callbacks;
  callbacks.is_welcome = [&repair](const std::string& key) { return repair.IsWelcome(key); };
  replica::Exchange exchange(machine.exchange_environment(), repair.identity(), repair.exchange_side(),
                             std::move(callbacks));
  std::string troubles;
  for (const std::string& endpoint : remembered.listen) {
    // An address of another day may be somebody else's now.
    const absl::Status listens = exchange.Listen(endpoint).status();
    if (!listens.ok()) troubles += "; cannot listen at " + endpoint + ": " + std::string(listens.message());
  }
  for (const auto* endpoints : {&peers, &remembered.peers}) {
    for (const std::string& endpoint : *endpoints) exchange.AddPeer(endpoint);
  }
  Progress progress("mending the log");
  std::uint64_t fetched = 0;
  auto give_up = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const replica::Repair::Findings findings = repair.findings();
    if (findings.lost.empty() || std::chrono::steady_clock::now() >= give_up) break;
    if (findings.frames_fetched > fetched) {
      fetched = findings.frames_fetched;
      give_up = std::chrono::steady_clock::now() + patience;
    }
    progress.Update(Places(findings.lost.size()) + " to be fetched");
    std::this_thread::sleep_for(kPause);
  }
  troubles += TroublesOf(exchange);
  const auto stopped = std::make_shared<std::promise<void>>();
  exchange.Stop([stopped] { stopped->set_value(); });
  stopped->get_future().wait_for(kStopMax);
  return troubles;
}

}  // namespace

absl::StatusOr<Json> RepairStore(const std::string& store, const std::vector<std::string>& peers,
                                 std::chrono::seconds patience) {
  COPSE_ASSIGN_OR_RETURN(const std::string path, StorePath(store));
  Machine machine;
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<replica::Repair> repair, replica::Repair::Open(machine.storage, path));
  replica::Repair::Findings findings = repair->findings();
  if (!findings.hopeless.empty()) {
    return absl::DataLossError(findings.hopeless.front() +
                               "; no other replica can mend this: keep the store, and join with a new one");
  }
  if (!findings.lost.empty()) {
    COPSE_ASSIGN_OR_RETURN(const std::string troubles, FetchLost(machine, *repair, peers, patience));
    findings = repair->findings();
    if (!findings.lost.empty()) {
      return absl::UnavailableError(Places(findings.lost.size()) + " still lost, " + findings.lost.front() +
                                    "; nothing was changed; run it again when a replica that has it is reached" +
                                    troubles);
    }
  }
  COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> mended, repair->Mend());
  repair.reset();
  // Whether the store opens now is what counts.
  const auto no_one = [](crdt::ActorId, std::uint64_t, std::span<const crdt::Op>) { return absl::OkStatus(); };
  COPSE_RETURN_IF_ERROR(replica::Store::Open(machine.store_environment(), path, {}, no_one).status());
  return Json{{"store", path}, {"mended", mended}};
}

}  // namespace copse::cli
