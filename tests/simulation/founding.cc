#include "simulation/founding.h"

#include <copse/base/check.h>
#include <copse/replica/join.h>

#include <string>

#include "session_host.h"
#include "simulation/machine.h"

namespace copse::simulation {
namespace {

constexpr int kMembers = 8;

class Founder final : public MachineObserver {
 public:
  explicit Founder(const Crypto& crypto) : crypto_(crypto) {}

  Founding Found() {
    for (int i = 0; i < kMembers; ++i) {
      machines_.push_back(std::make_unique<Machine>(i, std::make_unique<base::MemoryStorage>(), queue_, network_,
                                                    crypto_, *this, 1000 + static_cast<std::uint64_t>(i)));
    }
    Machine& first = *machines_[0];
    base::ManualExecutor executor([this] { return queue_.now(); });
    const absl::Status created =
        replica::Store::Create({first.disk(), first.clock(), first.random(), executor}, Machine::kStore, "m0");
    COPSE_CHECK(created.ok());
    COPSE_CHECK(first.Start({}).ok());
    Pass(std::chrono::seconds(2));
    for (int i = 1; i < kMembers; ++i) Join(first, *machines_[static_cast<std::size_t>(i)]);
    for (int i = 1; i < kMembers; ++i) {
      COPSE_CHECK(machines_[static_cast<std::size_t>(i)]->Start({first.endpoint()}).ok());
    }
    Pass(std::chrono::seconds(10));
    Founding founding;
    for (const auto& machine : machines_) {
      COPSE_CHECK(machine->store().frame_counts() == first.store().frame_counts());
      COPSE_CHECK(machine->store().members().size() == kMembers);
    }
    for (const auto& machine : machines_) {
      COPSE_CHECK(machine->Stop().ok());
      founding.disks.push_back(machine->disk().Copy());
    }
    founding.ops = std::move(ops_);
    return founding;
  }

 private:
  void OnSubmitted(int machine, std::span<const crdt::Op> batch) override {
    ops_.OnSubmitted(machines_[static_cast<std::size_t>(machine)]->tree().actor(), batch, queue_.now());
  }
  void OnReplayed(int, crdt::ActorId, std::uint64_t, std::span<const crdt::Op>) override {}
  void OnOpened(int) override {}
  void OnReceived(int, crdt::ActorId, std::uint64_t, std::span<const crdt::Op>) override {}
  void OnSnapshot(int, const absl::Status&) override {}

  void Join(Machine& inviter, Machine& newcomer) {
    const auto invitation = inviter.store().Invite(replica::Role::kWriter, std::chrono::hours(1), {inviter.endpoint()});
    COPSE_CHECK(invitation.ok());
    const std::string label = "m" + std::to_string(newcomer.number());
    auto joining = replica::Joining::Begin(newcomer.disk(), newcomer.random(), Machine::kStore, *invitation, label);
    COPSE_CHECK(joining.ok());
    const auto welcome = inviter.store().exchange_side().Admit(joining->signing_public(), invitation->secret, label);
    COPSE_CHECK(welcome.ok() && joining->Admit(newcomer.disk(), *welcome).ok());
    COPSE_CHECK(newcomer.Start({inviter.endpoint()}, /*joining=*/true).ok());
    for (int second = 0; second < 60 && !joining->HasAll(newcomer.store()); ++second) Pass(std::chrono::seconds(1));
    COPSE_CHECK(joining->HasAll(newcomer.store()));
    COPSE_CHECK(newcomer.Stop().ok() && joining->Finish(newcomer.disk()).ok());
  }
  void Pass(std::chrono::nanoseconds time) {
    const Time end = queue_.now() + time;
    while (queue_.RunNext(end)) {
    }
  }

  const Crypto& crypto_;
  EventQueue queue_;
  SimulatedNetwork::Faults faults_;
  SimulatedNetwork network_{queue_, 1, faults_};
  OpLedger ops_;
  std::vector<std::unique_ptr<Machine>> machines_;
};

}  // namespace

const Founding& GetFounding(const Crypto& crypto) {
  if (&crypto == &LightCrypto()) {
    static const Founding light = Founder(LightCrypto()).Found();
    return light;
  }
  static const Founding real = Founder(RealCrypto()).Found();
  return real;
}

}  // namespace copse::simulation
