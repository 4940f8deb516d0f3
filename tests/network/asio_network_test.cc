#include <copse/base/asio_network.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>

#include "network/receiver.h"
#include "support/temporary_directory.h"

namespace copse::base {
namespace {

class AsioNetworkTest : public testing::Test {
 protected:
  const test::TemporaryDirectory temporary;
  const std::filesystem::path& directory = temporary.path();
  AsioNetwork network;  // Before what it must outlive.
  Acceptance acceptance;
};

TEST_F(AsioNetworkTest, AUnixSocketBelongsToItsUserAlone) {
  const std::string path = directory / "socket";
  const auto listener = network.Listen("unix:" + path, acceptance.Callback());
  ASSERT_TRUE(listener.ok()) << listener.status();
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

// Sanitizers see where it may not.
TEST_F(AsioNetworkTest, WhatACallbackUsesMayGoOnceTheNetworkHasStopped) {
  const std::string endpoint = "unix:" + (directory / "socket").string();
  const auto listener = network.Listen(endpoint, acceptance.Callback());
  ASSERT_TRUE(listener.ok()) << listener.status();
  for (int round = 0; round < 100; ++round) {
    AsioNetwork other;
    auto used = std::make_unique<int>(0);
    other.Connect(endpoint, [used = used.get()](absl::StatusOr<std::unique_ptr<Connection>>) { ++*used; });
    other.Stop();
    EXPECT_LE(*used, 1);
    used.reset();
  }
}

TEST_F(AsioNetworkTest, AListenerTakesItsSocketAway) {
  const std::string path = directory / "socket";
  auto listener = network.Listen("unix:" + path, acceptance.Callback());
  ASSERT_TRUE(listener.ok()) << listener.status();
  listener->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(AsioNetworkTest, APathLongerThanASocketAddressHoldsIsReached) {
  const std::filesystem::path deep = directory / std::string(100, 'a') / std::string(100, 'b');
  std::filesystem::create_directories(deep);
  const std::string endpoint = "unix:" + (deep / "control").string();
  const auto listener = network.Listen(endpoint, acceptance.Callback());
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ((*listener)->endpoint(), endpoint);
  EXPECT_TRUE(std::filesystem::exists(deep / "control"));
  const auto connection = network.Connect(endpoint);
  ASSERT_TRUE(connection.ok()) << connection.status();
  const std::unique_ptr<Connection> accepted = acceptance.Next();
  ASSERT_NE(accepted, nullptr);
  Receiver receiver;
  accepted->Start(receiver.Events());
  (*connection)->Send("far");
  EXPECT_EQ(receiver.WaitForBytes(3), "far");
}

TEST_F(AsioNetworkTest, ASocketLeftByADeadProcessCountsAsInUseAndAnswersNobody) {
  const std::string path = directory / "socket";
  {
    AsioNetwork earlier;
    auto listener = earlier.Listen("unix:" + path, acceptance.Callback());
    ASSERT_TRUE(listener.ok());
    std::filesystem::rename(path, directory / "kept");  // So that its end does not remove it, as kill -9 would not.
  }
  EXPECT_TRUE(absl::IsAlreadyExists(network.Listen("unix:" + (directory / "kept").string(), nullptr).status()));
  EXPECT_TRUE(absl::IsUnavailable(network.Connect("unix:" + (directory / "kept").string()).status()));
}

TEST_F(AsioNetworkTest, ADirectoryThatDoesNotExistIsReported) {
  EXPECT_FALSE(network.Listen("unix:" + (directory / "none" / "socket").string(), nullptr).ok());
  EXPECT_TRUE(absl::IsUnavailable(network.Connect("unix:" + (directory / "none" / "socket").string()).status()));
  const std::string far = "unix:" + (directory / std::string(200, 'n') / "socket").string();
  EXPECT_TRUE(absl::IsUnavailable(network.Connect(far).status()));
}

TEST_F(AsioNetworkTest, APortIsChosenWhereZeroIsAskedFor) {
  const auto listener = network.Listen("tcp:127.0.0.1:0", acceptance.Callback());
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ((*listener)->endpoint().rfind("tcp:127.0.0.1:", 0), 0u);
  EXPECT_NE((*listener)->endpoint(), "tcp:127.0.0.1:0");
  EXPECT_TRUE(network.Connect((*listener)->endpoint()).ok());
}

}  // namespace
}  // namespace copse::base
