#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/memory_network.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace copse::base {
namespace {

TEST(MemoryNetworkTest, NothingHappensUntilTheExecutorRuns) {
  ManualClock clock;
  ManualExecutor executor([&] { return clock.Monotonic(); });
  MemoryNetwork network(executor);
  std::unique_ptr<Connection> callee;
  std::vector<std::string> events;
  const auto listener = network.Listen("tcp:a:1", [&](std::unique_ptr<Connection> connection) {
    callee = std::move(connection);
    callee->Start({[&](std::string_view bytes) { events.emplace_back(bytes); },
                   [&](const absl::Status&) { events.emplace_back("closed"); }});
  });
  ASSERT_TRUE(listener.ok());
  const auto caller = network.Connect("tcp:a:1");
  ASSERT_TRUE(caller.ok());
  (*caller)->Send("one", [&] { events.emplace_back("one left"); });
  (*caller)->Send("two");
  (*caller)->Close();
  EXPECT_EQ(callee, nullptr);
  EXPECT_TRUE(events.empty());
  executor.RunDue();
  EXPECT_EQ(events, (std::vector<std::string>{"one left", "one", "two", "closed"}));
}

TEST(MemoryNetworkTest, PortsAreChosenOneAfterTheOther) {
  ManualExecutor executor([] { return std::chrono::nanoseconds(0); });
  MemoryNetwork network(executor);
  const auto first = network.Listen("tcp:[::1]:0", nullptr);
  const auto second = network.Listen("tcp:[::1]:0", nullptr);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ((*first)->endpoint(), "tcp:[::1]:49152");
  EXPECT_EQ((*second)->endpoint(), "tcp:[::1]:49153");
}

TEST(MemoryNetworkTest, AnAddressIsTheSameHoweverItIsWritten) {
  ManualExecutor executor([] { return std::chrono::nanoseconds(0); });
  MemoryNetwork network(executor);
  const auto listener = network.Listen("desk:4040", [](std::unique_ptr<Connection>) {});
  ASSERT_TRUE(listener.ok());
  EXPECT_EQ((*listener)->endpoint(), "tcp:desk:4040");
  EXPECT_TRUE(network.Connect("tcp:desk:4040").ok());
  EXPECT_TRUE(network.Connect("desk:4040").ok());
}

TEST(MemoryNetworkTest, AConnectionThatNobodyTookIsClosed) {
  ManualExecutor executor([] { return std::chrono::nanoseconds(0); });
  MemoryNetwork network(executor);
  auto listener = network.Listen("tcp:a:1", [](std::unique_ptr<Connection>) { FAIL() << "nobody listens any more"; });
  ASSERT_TRUE(listener.ok());
  const auto caller = network.Connect("tcp:a:1");
  ASSERT_TRUE(caller.ok());
  listener->reset();
  bool closed = false;
  (*caller)->Start({[](std::string_view) {}, [&](const absl::Status&) { closed = true; }});
  executor.RunDue();
  EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace copse::base
