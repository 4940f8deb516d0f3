// Exchanges on a network in memory, with time and work that move when told.

#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/memory_network.h>
#include <copse/replica/exchange.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "messages.h"
#include "session_world.h"
#include "tls_connection.h"

namespace copse::replica {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Another network that counts the attempts to connect.
class CountingNetwork final : public base::Network {
 public:
  explicit CountingNetwork(base::Network& network) : network_(network) {}
  absl::StatusOr<std::unique_ptr<base::Listener>> Listen(
      const std::string& endpoint, std::function<void(std::unique_ptr<base::Connection>)> on_connection) override {
    return network_.Listen(endpoint, std::move(on_connection));
  }
  absl::StatusOr<std::unique_ptr<base::Connection>> Connect(const std::string& endpoint) override {
    return network_.Connect(endpoint);
  }
  void Connect(const std::string& endpoint, OnConnected on_done) override {
    ++attempts;
    network_.Connect(endpoint, std::move(on_done));
  }
  int attempts = 0;

 private:
  base::Network& network_;
};

class ExchangeTest : public testing::Test {
 protected:
  /// A replica; a member for all others.
  struct Replica {
    explicit Replica(crdt::ActorId actor) : host(actor), identity(IdentityOf(actor)) {}
    PeerStatus status(std::size_t index = 0) const { return exchange->GetStatus().at(index); }
    FakeHost host;
    Identity identity;
    std::unique_ptr<Exchange> exchange;
    int changes = 0;
  };

  std::unique_ptr<Replica> New(crdt::ActorId actor) {
    auto replica = std::make_unique<Replica>(actor);
    members.insert(replica->identity.signing_public);
    Start(*replica);
    return replica;
  }
  void Start(Replica& replica) {
    replica.exchange = std::make_unique<Exchange>(
        Exchange::Environment{network, executor, clock, random}, replica.identity, replica.host,
        Exchange::Callbacks{[this](const std::string& key) { return members.count(key) != 0; },
                            [&replica] { ++replica.changes; }});
  }
  /// A connection of a member without an exchange, which has said Hello and says nothing more by itself.
  struct Greeted {
    Greeted(const Identity& member, std::unique_ptr<base::Connection> inner, base::Executor& executor)
        : connection(TlsCredentials::Of(member.signing_secret), std::move(inner), executor, AnswersAnybody()) {}
    static TlsConnection::Options AnswersAnybody() {
      TlsConnection::Options options;
      options.judge = [](const std::string&) { return absl::OkStatus(); };
      return options;
    }
    TlsConnection connection;
    bool is_closed = false;
  };
  std::unique_ptr<Greeted> NewGreeted(const Identity& member, const std::string& endpoint) {
    members.insert(member.signing_public);
    auto greeted = std::make_unique<Greeted>(member, *network.Connect(endpoint), executor);
    greeted->connection.Start(
        {[](std::string_view) {}, [held = greeted.get()](const absl::Status&) { held->is_closed = true; }});
    executor.RunDue();
    greeted->connection.Send(EncodeMessage(message::Hello{kProtocolVersion, member.volume, member.label, 0, {}}));
    executor.RunDue();
    return greeted;
  }
  void Pass(milliseconds time) {
    for (milliseconds passed{0}; passed < time; passed += milliseconds(100)) {
      clock.Advance(milliseconds(100));
      executor.RunDue();
    }
  }
  void ExpectInSync(Replica& a, Replica& b) {
    EXPECT_EQ(a.host.feeds, b.host.feeds);
    for (Replica* replica : {&a, &b}) {
      EXPECT_TRUE(replica->status().connected) << replica->status().last_error;
      EXPECT_TRUE(replica->status().in_sync);
      EXPECT_EQ(replica->status().last_error, "");
    }
  }
  static bool Has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

  base::ManualClock clock;
  base::ManualExecutor executor{[this] { return clock.Monotonic(); }};
  base::MemoryNetwork memory{executor};
  CountingNetwork network{memory};
  base::SeededRandom random{5};
  std::set<std::string> members;
  std::unique_ptr<Replica> laptop = New(1);
  std::unique_ptr<Replica> desk = New(2);
};

TEST_F(ExchangeTest, WhoDialsAndWhoAcceptsGetInSyncAndShowEachOther) {
  for (int i = 0; i < 5; ++i) laptop->host.Append("of the laptop");
  desk->host.Append("of the desk");
  EXPECT_EQ(desk->exchange->Listen("desk:1").value(), "tcp:desk:1");
  laptop->exchange->AddPeer("desk:1");
  laptop->exchange->AddPeer("desk:1");
  executor.RunDue();
  ExpectInSync(*laptop, *desk);
  EXPECT_EQ(laptop->exchange->GetStatus().size(), 1u);
  EXPECT_EQ(laptop->status().endpoint, "desk:1");
  EXPECT_EQ(laptop->status().label, "replica2");
  EXPECT_EQ(laptop->status().key, desk->identity.signing_public);
  EXPECT_EQ(laptop->status().last_contact, clock.Now());
  EXPECT_GT(laptop->status().bytes_in, 100u);
  EXPECT_GT(laptop->status().bytes_out, laptop->status().bytes_in);
  EXPECT_EQ(desk->status().endpoint, "");
  EXPECT_EQ(desk->status().label, "replica1");
  EXPECT_EQ(desk->status().bytes_in, laptop->status().bytes_out);
}

TEST_F(ExchangeTest, ANewFrameArrivesWithoutTimePassing) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  laptop->exchange->AddPeer("desk:1");
  executor.RunDue();
  for (int i = 0; i < 3; ++i) {
    desk->host.Append("live");
    desk->exchange->OnHeadsChanged();
    executor.RunDue();
    ExpectInSync(*laptop, *desk);
  }
  EXPECT_EQ(laptop->host.feed(2).size(), 3u);
}

TEST_F(ExchangeTest, FramesPassThroughAReplicaInTheMiddleAtOnce) {
  const auto phone = New(3);
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  laptop->exchange->AddPeer("desk:1");
  phone->exchange->AddPeer("desk:1");
  executor.RunDue();
  laptop->host.Append("far");
  laptop->exchange->OnHeadsChanged();
  executor.RunDue();
  EXPECT_EQ(phone->host.feeds, laptop->host.feeds);
  EXPECT_EQ(desk->exchange->GetStatus().size(), 2u);
}

TEST_F(ExchangeTest, TwoThatDialEachOtherKeepOneConnection) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  ASSERT_TRUE(laptop->exchange->Listen("laptop:1").ok());
  laptop->host.Append("first");
  laptop->exchange->AddPeer("desk:1");
  desk->exchange->AddPeer("laptop:1");
  Pass(seconds(3));
  ExpectInSync(*laptop, *desk);
  EXPECT_EQ(laptop->exchange->GetStatus().size(), 1u);
  EXPECT_EQ(desk->exchange->GetStatus().size(), 1u);
  const int attempts = network.attempts;
  const int changes = laptop->changes + desk->changes;
  Pass(seconds(120));
  EXPECT_LE(network.attempts, attempts + 4);            // Whether somebody else is there is looked up now and then.
  EXPECT_EQ(laptop->changes + desk->changes, changes);  // It is one that lasts.
  const std::uint64_t bytes = laptop->status().bytes_out;
  laptop->host.Append(std::string(100'000, 'p'));
  laptop->exchange->OnHeadsChanged();
  executor.RunDue();
  ExpectInSync(*laptop, *desk);
  EXPECT_LT(laptop->status().bytes_out, bytes + 110'000);  // Sent once, not on two.
}

TEST_F(ExchangeTest, OneReplicaUnderTwoAddressesIsMetOnce) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  ASSERT_TRUE(desk->exchange->Listen("desk:2").ok());
  laptop->exchange->AddPeer("desk:1");
  laptop->exchange->AddPeer("desk:2");
  Pass(seconds(70));
  const int attempts = network.attempts;
  const int changes = laptop->changes;
  Pass(seconds(120));
  EXPECT_LE(network.attempts, attempts + 4);
  EXPECT_EQ(laptop->changes, changes);
  EXPECT_TRUE(laptop->status(0).connected);
  EXPECT_TRUE(laptop->status(1).connected);
}

TEST_F(ExchangeTest, ACopyOfAStoreIsFoundThoughNoConnectionBreaks) {
  for (const bool laptop_dials : {false, true}) {
    SCOPED_TRACE(laptop_dials);
    const auto phone = New(3);
    Replica copy(2);
    Start(copy);
    const std::string suffix = laptop_dials ? "" : "2";
    ASSERT_TRUE(phone->exchange->Listen("phone:1" + suffix).ok());
    for (Replica* each : {desk.get(), &copy}) {
      const std::string address = (each == &copy ? "copy:1" : "desk:1") + suffix;
      ASSERT_TRUE(each->exchange->Listen(address).ok());
      if (laptop_dials) {
        phone->exchange->AddPeer(address);
      } else {
        each->exchange->AddPeer("phone:1" + suffix);
      }
      Pass(seconds(3));
    }
    ASSERT_TRUE(phone->status().connected);
    ASSERT_EQ(phone->status().last_error, "");
    for (Replica* each : {desk.get(), &copy}) {
      each->host.Append(each == &copy ? "one history" : "another");
      each->exchange->OnHeadsChanged();
    }
    Pass(seconds(70));
    const auto says_so = [](const PeerStatus& peer) { return Has(peer.last_error, "two histories"); };
    const std::vector<PeerStatus> peers = phone->exchange->GetStatus();
    EXPECT_TRUE(std::any_of(peers.begin(), peers.end(), says_so));
    desk->exchange = nullptr;
    Start(*desk);
    desk->host.feeds.clear();
  }
}

TEST_F(ExchangeTest, AnAddressThatIsNotNeededIsNoTrouble) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  ASSERT_TRUE(laptop->exchange->Listen("laptop:1").ok());
  laptop->exchange->AddPeer("desk:1");
  Pass(seconds(1));
  desk->exchange = nullptr;
  Start(*desk);
  desk->exchange->AddPeer("laptop:1");
  Pass(seconds(1));
  ExpectInSync(*laptop, *desk);
  const int attempts = network.attempts;
  Pass(seconds(300));
  EXPECT_GT(network.attempts, attempts + 1);
  EXPECT_LE(network.attempts, attempts + 10);
  ExpectInSync(*laptop, *desk);
}

TEST_F(ExchangeTest, WhoIsNotThereIsTriedLessAndLessOftenAndMetOnceItIs) {
  laptop->exchange->AddPeer("desk:1");
  executor.RunDue();
  EXPECT_EQ(network.attempts, 1);
  EXPECT_FALSE(laptop->status().connected);
  EXPECT_TRUE(Has(laptop->status().last_error, "nobody listens there"));
  Pass(seconds(2));
  EXPECT_GE(network.attempts, 2);
  Pass(seconds(60));
  EXPECT_LE(network.attempts, 9);  // At the soonest after 0.25 s, 0.75 s, 1.75 s, ... 63.75 s.
  EXPECT_GE(network.attempts, 6);
  Pass(seconds(600));
  const int attempts = network.attempts;
  Pass(seconds(600));
  EXPECT_GE(network.attempts, attempts + 9);  // Every 30 to 60 s.
  EXPECT_LE(network.attempts, attempts + 21);
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  Pass(seconds(61));
  ExpectInSync(*laptop, *desk);
}

TEST_F(ExchangeTest, AfterABreakTheFirstAttemptComesSoon) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  laptop->exchange->AddPeer("desk:1");
  executor.RunDue();
  laptop->host.Append("before");
  laptop->exchange->OnHeadsChanged();
  executor.RunDue();
  desk->exchange = nullptr;
  executor.RunDue();
  EXPECT_FALSE(laptop->status().connected);
  EXPECT_TRUE(Has(laptop->status().last_error, "desk:1: the connection was cut")) << laptop->status().last_error;
  Start(*desk);
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  laptop->host.Append("after");
  Pass(seconds(1));
  ExpectInSync(*laptop, *desk);
}

TEST_F(ExchangeTest, WithoutAConnectionNothingWakesUp) {
  ASSERT_TRUE(laptop->exchange->Listen("laptop:1").ok());
  executor.RunDue();
  EXPECT_EQ(executor.Pending(), 0u);
}

TEST_F(ExchangeTest, ReplicasInSyncWakeUpOnlyToSayThatTheyAreAlive) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  laptop->exchange->AddPeer("desk:1");
  laptop->host.Append("something");
  Pass(seconds(1));
  ExpectInSync(*laptop, *desk);
  int awake = 0;
  for (int passed = 0; passed < 60; ++passed) {
    clock.Advance(seconds(1));
    if (executor.RunDue() != 0) ++awake;
  }
  EXPECT_GE(awake, 3) << "a peer that says nothing for 45 s is given up";
  EXPECT_LE(awake, 12) << "either says that it is alive every 15 s, and compares every 30 s";
  ExpectInSync(*laptop, *desk);
}

TEST_F(ExchangeTest, AnEndpointThatIsNoneIsToldAsAnError) {
  laptop->exchange->AddPeer("nonsense");
  executor.RunDue();
  EXPECT_TRUE(Has(laptop->status().last_error, "not an endpoint"));
}

TEST_F(ExchangeTest, AnAddressInUseIsAnErrorOfListen) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(laptop->exchange->Listen("desk:1").status()));
}

TEST_F(ExchangeTest, AReplicaThatDialsItselfSaysSo) {
  ASSERT_TRUE(laptop->exchange->Listen("laptop:1").ok());
  laptop->exchange->AddPeer("laptop:1");
  executor.RunDue();
  EXPECT_TRUE(Has(laptop->status().last_error, "that is this replica itself")) << laptop->status().last_error;
}

TEST_F(ExchangeTest, WhoIsNoMemberIsToldSoAndToldNothingElse) {
  const auto thief = New(9);
  members.erase(thief->identity.signing_public);
  desk->host.Append("secret");
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  thief->exchange->AddPeer("desk:1");
  executor.RunDue();
  EXPECT_FALSE(thief->status().connected);
  EXPECT_TRUE(Has(thief->status().last_error, "not a member of this volume")) << thief->status().last_error;
  EXPECT_TRUE(thief->host.feed(2).empty());
  EXPECT_EQ(thief->status().label, "");
  EXPECT_TRUE(desk->exchange->GetStatus().empty());
}

TEST_F(ExchangeTest, AStrangerWhoAnswersAtAMembersAddressIsLeft) {
  const auto thief = New(9);
  members.erase(thief->identity.signing_public);
  laptop->host.Append("secret");
  ASSERT_TRUE(thief->exchange->Listen("desk:1").ok());
  laptop->exchange->AddPeer("desk:1");
  executor.RunDue();
  EXPECT_TRUE(Has(laptop->status().last_error, "no member of this volume")) << laptop->status().last_error;
  EXPECT_TRUE(thief->host.feed(1).empty());
}

TEST_F(ExchangeTest, WhoIsAMemberNoLongerIsLeft) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  laptop->exchange->AddPeer("desk:1");
  executor.RunDue();
  EXPECT_TRUE(desk->status().connected);
  members.erase(laptop->identity.signing_public);
  Pass(seconds(2));
  EXPECT_FALSE(desk->status().connected);
  EXPECT_TRUE(Has(laptop->status().last_error, "refused: ")) << laptop->status().last_error;
}

TEST_F(ExchangeTest, NoMoreStrangersThanALimitAreHeardAtATime) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  std::vector<std::unique_ptr<base::Connection>> strangers;
  std::vector<bool> closed(Exchange::kStrangersMax + 5);
  for (std::size_t i = 0; i < closed.size(); ++i) {
    strangers.push_back(std::move(*network.Connect("desk:1")));
    strangers.back()->Start({[](std::string_view) {}, [&closed, i](const absl::Status&) { closed[i] = true; }});
  }
  executor.RunDue();
  EXPECT_EQ(std::count(closed.begin(), closed.end(), true), 5);
  Pass(seconds(20));
  EXPECT_EQ(std::count(closed.begin(), closed.end(), false), 0);  // Nor are they for ever.
  laptop->exchange->AddPeer("desk:1");
  executor.RunDue();
  ExpectInSync(*laptop, *desk);
}

TEST_F(ExchangeTest, AMemberThatFloodsIsLeft) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  const auto flooder = NewGreeted(IdentityOf(3), "desk:1");
  std::string harmless;
  while (harmless.size() < 1 << 20) harmless += EncodeMessage(message::Pong{});
  for (int i = 0; i < 20; ++i) flooder->connection.Send(harmless);  // All of it before the desk looks at any.
  executor.RunDue();
  EXPECT_TRUE(Has(desk->status().last_error, "more than it was asked for")) << desk->status().last_error;
  EXPECT_TRUE(flooder->is_closed);
}

TEST_F(ExchangeTest, OfTwoConnectionsThatAMemberDialledTheLaterStays) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  const auto lost = NewGreeted(IdentityOf(3), "desk:1");
  const auto found = NewGreeted(IdentityOf(3), "desk:1");
  Pass(seconds(1));
  EXPECT_FALSE(lost->is_closed) << "who dialled both may be about to close the later";
  Pass(seconds(5));
  EXPECT_TRUE(lost->is_closed);
  EXPECT_FALSE(found->is_closed);
  EXPECT_TRUE(desk->status().connected);
}

TEST_F(ExchangeTest, AConnectionThatIsClosedAtOnceTakesNoOthersPlace) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  const auto kept = NewGreeted(IdentityOf(3), "desk:1");
  const auto spare = NewGreeted(IdentityOf(3), "desk:1");
  spare->connection.Close();
  Pass(seconds(10));
  EXPECT_FALSE(kept->is_closed);
  EXPECT_TRUE(desk->status().connected);
}

TEST_F(ExchangeTest, OneMemberHasNoMoreConnectionsThanALimit) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  std::vector<std::unique_ptr<Greeted>> connections;
  connections.reserve(20);
  for (int i = 0; i < 20; ++i) connections.push_back(NewGreeted(IdentityOf(3), "desk:1"));
  EXPECT_EQ(std::count_if(connections.begin(), connections.end(), [](const auto& each) { return !each->is_closed; }),
            Exchange::kConnectionsPerMemberMax);
  EXPECT_FALSE(connections.back()->is_closed);
}

TEST_F(ExchangeTest, OneHistoryTooManyIsAnErrorThatIsNotMetTwiceASecond) {
  laptop->host.Append(3, "one history");
  desk->host.Append(3, "another");
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  laptop->exchange->AddPeer("desk:1");
  Pass(seconds(300));
  EXPECT_TRUE(Has(laptop->status().last_error, "two histories")) << laptop->status().last_error;
  EXPECT_LE(network.attempts, 20);
}

TEST_F(ExchangeTest, ChunksAreFetchedFromWhoeverHasThem) {
  const auto phone = New(3);
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  ASSERT_TRUE(phone->exchange->Listen("phone:1").ok());
  laptop->exchange->AddPeer("desk:1");
  laptop->exchange->AddPeer("phone:1");
  executor.RunDue();
  std::vector<base::Hash> ids;
  ids.reserve(1000);
  for (int i = 0; i < 1000; ++i)
    ids.push_back((i % 3 == 0 ? desk : phone)->host.AddChunk("chunk " + std::to_string(i)));
  laptop->host.Miss(ids);
  laptop->exchange->RequestChunks(ids);
  executor.RunDue();
  EXPECT_EQ(laptop->host.chunks.size(), 1000u);
  EXPECT_TRUE(laptop->host.not_found.empty());
  EXPECT_TRUE(laptop->status(0).in_sync);
}

TEST_F(ExchangeTest, AChunkThatNobodyHasIsToldOnceAndFetchedWhenSomebodyHasIt) {
  const base::Hash id = base::Sha256("content");
  laptop->host.Miss({id});
  laptop->exchange->RequestChunks(std::vector{id});
  executor.RunDue();
  EXPECT_EQ(laptop->host.not_found, std::vector{id});  // Nobody is connected.
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  laptop->exchange->AddPeer("desk:1");
  Pass(seconds(5));
  EXPECT_EQ(laptop->host.not_found.size(), 1u);
  desk->host.AddChunk("content");
  desk->host.Append("news");
  desk->exchange->OnHeadsChanged();
  Pass(seconds(1));
  EXPECT_EQ(laptop->host.chunks, desk->host.chunks);
  EXPECT_EQ(laptop->host.not_found.size(), 1u);
}

TEST_F(ExchangeTest, AChunkThatCouldNotBeReadIsFetchedWhenItCan) {
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  laptop->exchange->AddPeer("desk:1");
  executor.RunDue();
  const base::Hash id = desk->host.AddChunk("content");
  desk->host.unreadable = {id};
  laptop->host.Miss({id});
  laptop->exchange->RequestChunks(std::vector{id});
  Pass(seconds(30));
  EXPECT_TRUE(laptop->host.chunks.empty());
  desk->host.unreadable.clear();
  Pass(Session::kUnreadTriedEvery + seconds(1));
  EXPECT_EQ(laptop->host.chunks, desk->host.chunks);
  EXPECT_EQ(network.attempts, 1);
}

TEST_F(ExchangeTest, ChunksAskedOfAPeerThatGoesComeFromAnother) {
  const auto phone = New(3);
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  ASSERT_TRUE(phone->exchange->Listen("phone:1").ok());
  laptop->exchange->AddPeer("desk:1");
  laptop->exchange->AddPeer("phone:1");
  executor.RunDue();
  std::vector<base::Hash> ids;
  ids.reserve(300);
  for (int i = 0; i < 300; ++i) {
    ids.push_back(desk->host.AddChunk(std::string(100'000, 'c') + std::to_string(i)));
  }
  phone->host.chunks = desk->host.chunks;
  laptop->host.Miss(ids);
  laptop->exchange->RequestChunks(ids);
  desk->exchange = nullptr;
  executor.RunDue();
  EXPECT_EQ(laptop->host.chunks, phone->host.chunks);
}

TEST_F(ExchangeTest, ChunksAskedOfAPeerThatSleepsComeFromAnother) {
  ASSERT_TRUE(laptop->exchange->Listen("laptop:1").ok());
  // Connected before the other, it is asked first.
  const auto sleeping = NewGreeted(IdentityOf(3), "laptop:1");
  const base::Hash id = desk->host.AddChunk("content");
  laptop->host.Miss({id});
  laptop->exchange->RequestChunks(std::vector{id});
  executor.RunDue();
  desk->exchange->AddPeer("laptop:1");
  Pass(Session::kSilentAfter - seconds(1));
  EXPECT_TRUE(laptop->host.chunks.empty());
  Pass(seconds(3));
  EXPECT_EQ(laptop->host.chunks, desk->host.chunks);
  EXPECT_FALSE(sleeping->is_closed);
}

TEST_F(ExchangeTest, StoppingClosesInOrderAndTellsWhenItIsDone) {
  desk->host.Append("first words");
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  laptop->exchange->AddPeer("desk:1");
  executor.RunDue();
  bool stopped = false;
  desk->host.Append("last words");
  desk->exchange->OnHeadsChanged();
  desk->exchange->Stop([&] { stopped = true; });
  executor.RunDue();
  EXPECT_TRUE(stopped);
  EXPECT_EQ(laptop->host.feed(2).size(), 2u);
  EXPECT_FALSE(laptop->status().connected);
  EXPECT_EQ(laptop->status().last_error, "");
  desk->exchange = nullptr;
  Pass(seconds(5));
  EXPECT_TRUE(Has(laptop->status().last_error, "nobody listens there"));
}

TEST_F(ExchangeTest, StoppingWithoutConnectionsIsDoneAtOnce) {
  bool stopped = false;
  laptop->exchange->Stop([&] { stopped = true; });
  executor.RunDue();
  EXPECT_TRUE(stopped);
}

TEST_F(ExchangeTest, NothingOfTheHostIsCalledOnceTheExchangeIsGone) {
  laptop->host.Append("one");
  ASSERT_TRUE(desk->exchange->Listen("desk:1").ok());
  for (int step = 0; step < 40; ++step) {
    auto guest = New(5);
    guest->host.Append("of the guest");
    guest->exchange->AddPeer("desk:1");
    // Posted now, so it runs among the work of connecting and exchanging, a little later each time.
    std::function<void(int)> later = [&](int left) {
      if (left > 0) {
        executor.Post([&later, left] { later(left - 1); });
      } else {
        guest = nullptr;
      }
    };
    later(step);
    Pass(seconds(2));
    EXPECT_EQ(guest, nullptr);
  }
  laptop->exchange->AddPeer("desk:1");
  Pass(seconds(1));
  EXPECT_TRUE(laptop->status().connected);
}

}  // namespace
}  // namespace copse::replica
