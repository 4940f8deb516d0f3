// Exchanges, and the call that asks to be admitted, on real sockets and threads.

#include <copse/base/asio_network.h>
#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/replica/exchange.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "messages.h"
#include "session_world.h"

namespace copse::replica {
namespace {

using std::chrono::seconds;

/// One end waits for the other on real threads and sockets.
class ExchangeOverSocketsTest : public testing::Test {
 protected:
  struct Replica {
    explicit Replica(crdt::ActorId actor, std::set<std::string> members) : host(actor), identity(IdentityOf(actor)) {
      exchange = std::make_unique<Exchange>(
          Exchange::Environment{network, executor, clock, random}, identity, host,
          Exchange::Callbacks{[members](const std::string& key) { return members.count(key) != 0; },
                              [this] {
                                const std::lock_guard lock(mutex);
                                changed.notify_all();
                              }});
    }
    bool WaitFor(const std::function<bool(const std::vector<PeerStatus>&)>& condition) {
      std::unique_lock lock(mutex);
      return changed.wait_for(lock, seconds(60), [&] { return condition(exchange->GetStatus()); });
    }
    base::SystemClock clock;
    base::SystemRandom random;
    base::AsioNetwork network;
    base::ThreadExecutor executor;
    FakeHost host;
    Identity identity;
    std::mutex mutex;
    std::condition_variable changed;
    std::unique_ptr<Exchange> exchange;
  };

  static std::set<std::string> Members() {
    std::set<std::string> members;
    for (const auto actor : std::initializer_list<crdt::ActorId>{1, 2, 3})
      members.insert(IdentityOf(actor).signing_public);
    return members;
  }
  static bool AllInSync(const std::vector<PeerStatus>& peers) {
    return std::count_if(peers.begin(), peers.end(), [](const PeerStatus& peer) { return peer.in_sync; }) == 2;
  }
};

TEST_F(ExchangeOverSocketsTest, ThreeReplicasThatAllDialEachOtherGetInSync) {
  std::vector<std::unique_ptr<Replica>> replicas;
  for (const auto actor : std::initializer_list<crdt::ActorId>{1, 2, 3})
    replicas.push_back(std::make_unique<Replica>(actor, Members()));
  // Filled before anybody connects: the hosts belong to their executors from then on.
  std::vector<base::Hash> ids;
  for (const auto& replica : replicas) {
    for (int i = 0; i < 500; ++i) replica->host.Append(std::string(2'000, 'f') + std::to_string(i));
  }
  for (int i = 0; i < 400; ++i) {
    ids.push_back(
        replicas[static_cast<std::size_t>(i % 2)]->host.AddChunk(std::string(50'000, 'c') + std::to_string(i)));
  }
  replicas[2]->host.Miss(ids);
  std::vector<std::string> endpoints;
  for (const auto& replica : replicas) endpoints.push_back(replica->exchange->Listen("127.0.0.1:0").value());
  replicas[2]->exchange->RequestChunks(ids);
  for (std::size_t from = 0; from < 3; ++from) {
    for (std::size_t to = 0; to < 3; ++to) {
      if (from != to) replicas[from]->exchange->AddPeer(endpoints[to]);
    }
  }
  for (const auto& replica : replicas) {
    EXPECT_TRUE(replica->WaitFor(AllInSync)) << replica->exchange->GetStatus().front().last_error;
  }
  for (const auto& replica : replicas) replica->exchange = nullptr;
  EXPECT_EQ(replicas[0]->host.feeds, replicas[1]->host.feeds);
  EXPECT_EQ(replicas[0]->host.feeds, replicas[2]->host.feeds);
  EXPECT_EQ(replicas[2]->host.chunks.size(), ids.size());
}

class AdmissionTest : public ExchangeOverSocketsTest {
 protected:
  AdmissionTest() {
    inviter.host.secret = secret;
    endpoint = inviter.exchange->Listen("127.0.0.1:0").value();
    const Identity stranger = IdentityOf(7);
    request = {endpoint, stranger.signing_secret, inviter.identity.signing_public, secret, "phone"};
  }
  absl::StatusOr<std::string> Ask() { return RequestAdmission(network, executor, request); }

  const std::string secret = std::string(kAdmissionSecretBytes, 's');
  Replica inviter{1, Members()};
  base::AsioNetwork network;
  base::ThreadExecutor executor;
  std::string endpoint;
  AdmissionRequest request;
};

TEST_F(AdmissionTest, AnInvitationIsGoodForOnce) {
  const auto welcome = Ask();
  ASSERT_TRUE(welcome.ok()) << welcome.status();
  EXPECT_EQ(*welcome, "welcome phone with " + IdentityOf(7).signing_public);
  const auto again = Ask();
  EXPECT_TRUE(absl::IsPermissionDenied(again.status())) << again.status();
  EXPECT_EQ(std::string(again.status().message()), endpoint + ": refused: the invitation is not valid");
}

TEST_F(AdmissionTest, TheSecretIsToldToNobodyButTheInviter) {
  request.inviter_key = IdentityOf(2).signing_public;
  const auto refused = Ask();
  EXPECT_TRUE(absl::IsPermissionDenied(refused.status())) << refused.status();
  EXPECT_NE(std::string(refused.status().message()).find("not who made the invitation"), std::string::npos);
  request.inviter_key = inviter.identity.signing_public;
  EXPECT_TRUE(Ask().ok());  // It was not used.
}

TEST_F(AdmissionTest, AnInviterWhoIsNotThereIsAnError) {
  inviter.exchange = nullptr;
  EXPECT_TRUE(absl::IsUnavailable(Ask().status())) << Ask().status();
}

TEST_F(AdmissionTest, AMalformedRequestIsRefusedBeforeItIsSent) {
  request.label = "No Label";
  EXPECT_TRUE(absl::IsInvalidArgument(Ask().status()));
}

TEST_F(AdmissionTest, SomebodyWhoIsNoCopseIsAnError) {
  std::unique_ptr<base::Connection> accepted;
  auto other = network.Listen("127.0.0.1:0", [&](std::unique_ptr<base::Connection> connection) {
    accepted = std::move(connection);
    accepted->Send("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  ASSERT_TRUE(other.ok());
  request.endpoint = (*other)->endpoint();
  EXPECT_TRUE(absl::IsDataLoss(Ask().status()));
  other->reset();
}

}  // namespace
}  // namespace copse::replica
