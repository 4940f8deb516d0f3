#include <copse/base/executor.h>
#include <copse/base/memory_network.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cli/control_client.h"
#include "cli/control_protocol.h"
#include "cli/control_server.h"
#include "network/receiver.h"

namespace copse::cli {
namespace {

const char kEndpoint[] = "unix:/store/control";

class ControlTest : public testing::Test {
 protected:
  void Serve(ControlServer::Handler handler) {
    absl::StatusOr<std::unique_ptr<ControlServer>> started =
        ControlServer::Start(network, kEndpoint, std::move(handler));
    ASSERT_TRUE(started.ok()) << started.status();
    server = std::move(*started);
  }
  std::unique_ptr<ControlClient> Connect() {
    absl::StatusOr<std::unique_ptr<ControlClient>> client = ControlClient::Connect(network, kEndpoint);
    EXPECT_TRUE(client.ok()) << client.status();
    return std::move(*client);
  }
  static absl::StatusOr<Json> Echo(const std::string& command, const Json& arguments) {
    return Json{{"command", command}, {"arguments", arguments}};
  }

  base::ThreadExecutor executor;
  base::MemoryNetwork network{executor};
  std::unique_ptr<ControlServer> server;
};

TEST_F(ControlTest, EachRequestIsAnsweredInOrder) {
  Serve(Echo);
  const std::unique_ptr<ControlClient> client = Connect();
  for (int i = 0; i < 3; ++i) {
    const absl::StatusOr<Json> reply = client->Call("status", {{"i", i}});
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(*reply, (Json{{"command", "status"}, {"arguments", {{"i", i}}}}));
  }
}

TEST_F(ControlTest, TheErrorOfACommandReachesTheClient) {
  Serve(
      [](const std::string&, const Json&) -> absl::StatusOr<Json> { return absl::NotFoundError("not in the trash"); });
  EXPECT_EQ(Connect()->Call("trash-restore", Json::object()).status(), absl::NotFoundError("not in the trash"));
}

TEST_F(ControlTest, AResultOfManyMegabytesArrivesWhole) {
  const std::string big(32 << 20, '"');
  Serve([&](const std::string&, const Json&) -> absl::StatusOr<Json> { return Json(big); });
  const absl::StatusOr<Json> reply = Connect()->Call("dump", Json::object());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(*reply == big);
}

TEST_F(ControlTest, ALongCommandHoldsUpNoOtherClient) {
  std::promise<void> release;
  Serve([&](const std::string& command, const Json& arguments) -> absl::StatusOr<Json> {
    if (command == "verify") release.get_future().wait();
    return Echo(command, arguments);
  });
  const std::unique_ptr<ControlClient> slow = Connect();
  std::future<absl::StatusOr<Json>> verified =
      std::async(std::launch::async, [&] { return slow->Call("verify", Json::object()); });
  EXPECT_TRUE(Connect()->Call("status", Json::object()).ok());
  release.set_value();
  EXPECT_TRUE(verified.get().ok());
}

TEST_F(ControlTest, AReplyUnderWayLeavesBeforeTheServerEnds) {
  std::promise<void> began;
  Serve([&](const std::string&, const Json&) -> absl::StatusOr<Json> {
    began.set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return Json("done");
  });
  const std::unique_ptr<ControlClient> client = Connect();
  std::future<absl::StatusOr<Json>> reply =
      std::async(std::launch::async, [&] { return client->Call("unmount", Json::object()); });
  began.get_future().wait();
  server.reset();
  const absl::StatusOr<Json> got = reply.get();
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, "done");
  EXPECT_TRUE(client->WaitForClose(base::kPatience));
}

TEST_F(ControlTest, AClientOfAServerThatEndedGetsAnError) {
  Serve(Echo);
  const std::unique_ptr<ControlClient> client = Connect();
  ASSERT_TRUE(client->Call("status", Json::object()).ok());
  server.reset();
  EXPECT_TRUE(absl::IsUnavailable(client->Call("status", Json::object()).status()));
  EXPECT_TRUE(absl::IsUnavailable(ControlClient::Connect(network, kEndpoint).status()));
}

TEST_F(ControlTest, ClientsThatLeaveMakeRoomForOthers) {
  Serve(Echo);
  for (std::size_t i = 0; i < 3 * ControlServer::kClientsMax; ++i) {
    absl::StatusOr<Json> reply = Connect()->Call("status", Json::object());
    // The one that left a moment ago may not have been cleared away yet.
    for (int attempt = 0; !reply.ok() && attempt < 1000; ++attempt) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      reply = Connect()->Call("status", Json::object());
    }
    ASSERT_TRUE(reply.ok()) << reply.status();
  }
}

TEST_F(ControlTest, ARequestBeyondTheBoundIsRefusedAndHungUpOn) {
  Serve(Echo);
  base::Receiver receiver;
  absl::StatusOr<std::unique_ptr<base::Connection>> connection = network.Connect(kEndpoint);
  ASSERT_TRUE(connection.ok());
  (*connection)->Start(receiver.Events());
  (*connection)->Send(std::string(kRequestBytesMax + 1, 'x'));
  EXPECT_EQ(receiver.WaitForClose(), absl::OkStatus());
  std::string reply = receiver.WaitForBytes(1);
  ASSERT_FALSE(reply.empty());
  reply.pop_back();
  EXPECT_TRUE(absl::IsResourceExhausted(DecodeReply(reply).status()));
}

TEST_F(ControlTest, NonsenseIsAnsweredWithAnErrorAndTheNextRequestServed) {
  Serve(Echo);
  base::Receiver receiver;
  absl::StatusOr<std::unique_ptr<base::Connection>> connection = network.Connect(kEndpoint);
  ASSERT_TRUE(connection.ok());
  (*connection)->Start(receiver.Events());
  const std::string refusal =
      EncodeReply(absl::InvalidArgumentError("the control socket carries something that is not a message"));
  (*connection)->Send("GET / HTTP/1.0\n" + EncodeRequest({"status", Json::object()}));
  const std::string expected = refusal + EncodeReply(*Echo("status", Json::object()));
  EXPECT_EQ(receiver.WaitForBytes(expected.size()), expected);
}

}  // namespace
}  // namespace copse::cli
