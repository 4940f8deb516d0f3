#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

namespace copse::base {
namespace {

using std::chrono::milliseconds;

class ManualExecutorTest : public testing::Test {
 protected:
  Executor::Work Note(int what) {
    return [this, what] { ran_.push_back(what); };
  }

  ManualClock clock_;
  ManualExecutor executor_{[this] { return clock_.Monotonic(); }};
  std::vector<int> ran_;
};

TEST_F(ManualExecutorTest, WorkRunsInOrderOfDueTimeAndThenOfPosting) {
  executor_.Post(Note(3), milliseconds(20));
  executor_.Post(Note(1), milliseconds(10));
  executor_.Post(Note(2), milliseconds(10));
  clock_.Advance(milliseconds(20));
  EXPECT_EQ(executor_.RunDue(), 3U);
  EXPECT_EQ(ran_, (std::vector{1, 2, 3}));
}

TEST_F(ManualExecutorTest, WorkWaitsUntilItIsDue) {
  executor_.Post(Note(1), milliseconds(10));
  clock_.Advance(milliseconds(9));
  EXPECT_EQ(executor_.RunDue(), 0U);
  EXPECT_EQ(executor_.Pending(), 1U);
  clock_.Advance(milliseconds(1));
  EXPECT_EQ(executor_.RunDue(), 1U);
  EXPECT_EQ(executor_.Pending(), 0U);
}

TEST_F(ManualExecutorTest, WorkPostedByWorkWithoutDelayRunsInTheSameTurn) {
  executor_.Post([this] { executor_.Post(Note(2)); });
  EXPECT_EQ(executor_.RunDue(), 2U);
  EXPECT_EQ(ran_, (std::vector{2}));
}

TEST_F(ManualExecutorTest, CancelledWorkDoesNotRunAndCancellingTwiceSaysSo) {
  const Executor::WorkId id = executor_.Post(Note(1));
  EXPECT_NE(id, 0U);
  EXPECT_TRUE(executor_.Cancel(id));
  EXPECT_FALSE(executor_.Cancel(id));
  EXPECT_EQ(executor_.RunDue(), 0U);
}

TEST(ThreadExecutorTest, WorkRunsOnAnotherThread) {
  ThreadExecutor executor;
  std::promise<std::thread::id> ran;
  executor.Post([&] { ran.set_value(std::this_thread::get_id()); });
  EXPECT_TRUE(ran.get_future().get() != std::this_thread::get_id());
}

TEST(ThreadExecutorTest, LaterWorkPostedFirstRunsAfterEarlierWork) {
  ThreadExecutor executor;
  std::promise<void> done;
  std::vector<int> order;
  executor.Post(
      [&] {
        order.push_back(2);
        done.set_value();
      },
      milliseconds(30));
  executor.Post([&] { order.push_back(1); });
  done.get_future().wait();
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(ThreadExecutorTest, DestructionDropsWhatHasNotBegun) {
  bool ran = false;
  {
    ThreadExecutor executor;
    executor.Post([&] { ran = true; }, std::chrono::hours(1));
  }
  EXPECT_FALSE(ran);
}

TEST(ThreadExecutorTest, WorkThatRanCannotBeTakenBack) {
  ThreadExecutor executor;
  std::promise<void> ran;
  const Executor::WorkId id = executor.Post([&] { ran.set_value(); });
  ran.get_future().wait();
  EXPECT_FALSE(executor.Cancel(id));
}

}  // namespace
}  // namespace copse::base
