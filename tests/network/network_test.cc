// What every Network promises, run against each of them.

#include <copse/base/asio_network.h>
#include <copse/base/executor.h>
#include <copse/base/memory_network.h>
#include <copse/base/network.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "network/receiver.h"
#include "support/temporary_directory.h"

namespace copse::base {
namespace {

/// A network, and an endpoint that is free on it.
struct Setting {
  virtual ~Setting() = default;
  virtual Network& network() = 0;
  virtual std::string endpoint() const = 0;
};

struct AsioUnix final : Setting {
  Network& network() override { return asio; }
  std::string endpoint() const override { return "unix:" + (directory.path() / "socket").string(); }
  test::TemporaryDirectory directory;
  AsioNetwork asio;
};

struct AsioTcp final : Setting {
  Network& network() override { return asio; }
  std::string endpoint() const override { return "tcp:127.0.0.1:0"; }
  AsioNetwork asio;
};

struct Memory final : Setting {
  Network& network() override { return memory; }
  std::string endpoint() const override { return "unix:/somewhere/socket"; }
  ThreadExecutor executor;
  MemoryNetwork memory{executor};
};

struct Form {
  const char* name;
  std::function<std::unique_ptr<Setting>()> make;
};

class NetworkTest : public testing::TestWithParam<Form> {
 protected:
  void Listen() {
    absl::StatusOr<std::unique_ptr<Listener>> listening =
        setting->network().Listen(setting->endpoint(), acceptance.Callback());
    ASSERT_TRUE(listening.ok()) << listening.status();
    listener = std::move(*listening);
  }

  void ConnectBoth() {
    Listen();
    absl::StatusOr<std::unique_ptr<Connection>> connected = setting->network().Connect(listener->endpoint());
    ASSERT_TRUE(connected.ok()) << connected.status();
    caller = std::move(*connected);
    callee = acceptance.Next();
    ASSERT_NE(callee, nullptr);
  }

  std::unique_ptr<Setting> setting = GetParam().make();
  Acceptance acceptance;
  Receiver at_caller;
  Receiver at_callee;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Connection> caller;
  std::unique_ptr<Connection> callee;
};

TEST_P(NetworkTest, BytesArriveInTheOrderInWhichTheyWereSentBothWays) {
  ConnectBoth();
  caller->Start(at_caller.Events());
  callee->Start(at_callee.Events());
  std::string sent;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece = std::to_string(i) + std::string(static_cast<std::size_t>(i % 97), 'x');
    caller->Send(piece);
    callee->Send(piece);
    sent += piece;
  }
  EXPECT_EQ(at_callee.WaitForBytes(sent.size()), sent);
  EXPECT_EQ(at_caller.WaitForBytes(sent.size()), sent);
}

TEST_P(NetworkTest, BytesThatCameBeforeStartAreDeliveredByIt) {
  ConnectBoth();
  caller->Start(at_caller.Events());
  std::atomic<bool> left = false;
  caller->Send("early", [&] { left = true; });
  caller->Close();
  EXPECT_TRUE(at_callee.closes() == 0);
  callee->Start(at_callee.Events());
  EXPECT_EQ(at_callee.WaitForBytes(5), "early");
  EXPECT_EQ(at_callee.WaitForClose(), absl::OkStatus());
  EXPECT_EQ(at_caller.WaitForClose(), absl::OkStatus());
  EXPECT_TRUE(left);
}

TEST_P(NetworkTest, ClosingFirstSendsAllThatWasQueued) {
  ConnectBoth();
  caller->Start(at_caller.Events());
  callee->Start(at_callee.Events());
  const std::string megabytes(8 << 20, 'm');
  caller->Send(megabytes);
  caller->Send("end");
  caller->Close();
  EXPECT_EQ(at_callee.WaitForBytes(megabytes.size() + 3), megabytes + "end");
  EXPECT_EQ(at_callee.WaitForClose(), absl::OkStatus());
}

TEST_P(NetworkTest, ClosingIsNotSpoiledByBytesThatNobodyReadAnyMore) {
  ConnectBoth();
  caller->Start(at_caller.Events());
  caller->Send("a question that the callee never reads");
  const std::string answer(1 << 20, 'a');
  callee->Send(answer);
  callee->Close();
  EXPECT_EQ(at_caller.WaitForBytes(answer.size()), answer);
  EXPECT_EQ(at_caller.WaitForClose(), absl::OkStatus());
}

TEST_P(NetworkTest, BothEndsLearnOnceThatTheConnectionIsClosed) {
  ConnectBoth();
  caller->Start(at_caller.Events());
  callee->Start(at_callee.Events());
  caller->Close();
  caller->Close();
  callee->Close();
  EXPECT_TRUE(at_caller.WaitForClose().has_value());
  EXPECT_TRUE(at_callee.WaitForClose().has_value());
  EXPECT_EQ(at_caller.closes(), 1);
  EXPECT_EQ(at_callee.closes(), 1);
}

TEST_P(NetworkTest, TheOtherEndLearnsThatAConnectionWasDestroyed) {
  ConnectBoth();
  callee->Start(at_callee.Events());
  caller.reset();
  EXPECT_TRUE(at_callee.WaitForClose().has_value());
}

TEST_P(NetworkTest, EachSendIsReportedInOrderOnceItLeft) {
  ConnectBoth();
  caller->Start(at_caller.Events());
  callee->Start(at_callee.Events());
  std::mutex mutex;
  std::vector<int> order;
  for (int i = 0; i < 10; ++i) {
    caller->Send("piece", [&, i] {
      const std::lock_guard lock(mutex);
      order.push_back(i);
    });
  }
  caller->Close();
  EXPECT_TRUE(at_caller.WaitForClose().has_value());
  const std::lock_guard lock(mutex);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_P(NetworkTest, NoCallbackComesAfterTheDestructor) {
  for (int round = 0; round < 20; ++round) {
    ConnectBoth();
    std::atomic<bool> alive = true;
    std::atomic<int> too_late = 0;
    Receiver started;
    Connection::Events events = started.Events();
    callee->Start({[&, on_bytes = events.on_bytes](std::string_view bytes) {
                     if (!alive) ++too_late;
                     on_bytes(bytes);
                   },
                   [&](const absl::Status&) {
                     if (!alive) ++too_late;
                   }});
    for (int i = 0; i < 50; ++i) caller->Send("traffic");
    started.WaitForBytes(1);
    callee.reset();
    alive = false;
    caller.reset();
    listener.reset();
    EXPECT_EQ(too_late, 0);
  }
}

TEST_P(NetworkTest, AConnectionMayBeDestroyedInItsOwnCallback) {
  ConnectBoth();
  caller->Start(at_caller.Events());
  std::mutex mutex;
  std::condition_variable changed;
  bool destroyed = false;
  callee->Start({[&](std::string_view) {
                   callee.reset();
                   const std::lock_guard lock(mutex);
                   destroyed = true;
                   changed.notify_all();
                 },
                 nullptr});
  caller->Send("go");
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, kPatience, [&] { return destroyed; }));
  lock.unlock();
  EXPECT_TRUE(at_caller.WaitForClose().has_value());
}

TEST_P(NetworkTest, ConnectingFromACallbackWorks) {
  Listen();
  absl::StatusOr<std::unique_ptr<Connection>> first = setting->network().Connect(listener->endpoint());
  ASSERT_TRUE(first.ok());
  callee = acceptance.Next();
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<bool> connected;
  callee->Start({[&](std::string_view) {
                   const bool ok = setting->network().Connect(listener->endpoint()).ok();
                   const std::lock_guard lock(mutex);
                   connected = ok;
                   changed.notify_all();
                 },
                 nullptr});
  (*first)->Send("go");
  std::unique_lock lock(mutex);
  changed.wait_for(lock, kPatience, [&] { return connected.has_value(); });
  EXPECT_EQ(connected, true);
}

TEST_P(NetworkTest, ConnectingWithoutBlockingGivesTheSameConnection) {
  Listen();
  absl::StatusOr<std::unique_ptr<Connection>> connected = ConnectAndWait(setting->network(), listener->endpoint());
  ASSERT_TRUE(connected.ok()) << connected.status();
  caller = *std::move(connected);
  callee = acceptance.Next();
  ASSERT_NE(callee, nullptr);
  caller->Start(at_caller.Events());
  callee->Start(at_callee.Events());
  caller->Send("question");
  callee->Send("answer");
  EXPECT_EQ(at_callee.WaitForBytes(8), "question");
  EXPECT_EQ(at_caller.WaitForBytes(6), "answer");
}

TEST_P(NetworkTest, ConnectingWithoutBlockingTellsTheSameErrors) {
  Listen();
  const std::string endpoint = listener->endpoint();
  listener.reset();
  EXPECT_TRUE(absl::IsUnavailable(ConnectAndWait(setting->network(), endpoint).status()));
  EXPECT_TRUE(absl::IsUnavailable(ConnectAndWait(setting->network(), "unix:/nowhere/at/all").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ConnectAndWait(setting->network(), "udp:host:1").status()));
}

TEST_P(NetworkTest, ConnectionsAreIndependentOfEachOther) {
  Listen();
  constexpr int kConnections = 5;
  std::vector<std::unique_ptr<Connection>> callers;
  std::vector<std::unique_ptr<Connection>> callees;
  std::vector<Receiver> receivers(kConnections);
  for (int i = 0; i < kConnections; ++i) {
    absl::StatusOr<std::unique_ptr<Connection>> connected = setting->network().Connect(listener->endpoint());
    ASSERT_TRUE(connected.ok()) << connected.status();
    callers.push_back(std::move(*connected));
    callees.push_back(acceptance.Next());
    ASSERT_NE(callees.back(), nullptr);
    callees.back()->Start(receivers[static_cast<std::size_t>(i)].Events());
  }
  for (int i = kConnections - 1; i >= 0; --i) callers[static_cast<std::size_t>(i)]->Send(std::to_string(i));
  for (int i = 0; i < kConnections; ++i) {
    EXPECT_EQ(receivers[static_cast<std::size_t>(i)].WaitForBytes(1), std::to_string(i));
  }
}

TEST_P(NetworkTest, NobodyAnswersWhereNobodyListens) {
  Listen();
  const std::string endpoint = listener->endpoint();
  listener.reset();
  EXPECT_TRUE(absl::IsUnavailable(setting->network().Connect(endpoint).status()));
}

TEST_P(NetworkTest, AnEndpointInUseIsNotGivenTwice) {
  Listen();
  EXPECT_TRUE(absl::IsAlreadyExists(setting->network().Listen(listener->endpoint(), acceptance.Callback()).status()));
}

TEST_P(NetworkTest, AnEndpointIsFreeAgainOnceItsListenerIsGone) {
  Listen();
  listener.reset();
  Listen();
  EXPECT_TRUE(setting->network().Connect(listener->endpoint()).ok());
}

TEST_P(NetworkTest, WhatIsNoEndpointIsRefused) {
  for (const char* text : {"", "socket", "unix:relative", "tcp:host", "udp:host:1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(setting->network().Connect(text).status())) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(setting->network().Listen(text, acceptance.Callback()).status())) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Every, NetworkTest,
                         testing::Values(Form{"AsioUnix", [] { return std::make_unique<AsioUnix>(); }},
                                         Form{"AsioTcp", [] { return std::make_unique<AsioTcp>(); }},
                                         Form{"Memory", [] { return std::make_unique<Memory>(); }}),
                         [](const testing::TestParamInfo<Form>& form) { return form.param.name; });

}  // namespace
}  // namespace copse::base
