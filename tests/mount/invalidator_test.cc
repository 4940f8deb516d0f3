#include "frontend/invalidator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "mount/mount_test.h"

namespace copse::fs {
namespace {

using test::Eventually;

/// A notifier that waits at the inode kGate until it is let go, refuses inodes as it is told to, and records what it
/// was told.
class Recorder {
 public:
  Invalidator::Notifier notifier() {
    return {[this](NodeId directory, const std::string& name) {
              Record("name " + std::to_string(directory.value) + "/" + name);
            },
            [this](NodeId node) {
              Record("inode " + std::to_string(node.value));
              if (node == kGate) Wait();
              return Takes(node);
            }};
  }

  /// The next `times` notifications of `node` are refused.
  void Refuse(NodeId node, int times) {
    const std::lock_guard lock(mutex_);
    refusals_[node] = times;
  }

  void WaitUntilAtGate() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return at_gate_; });
  }
  void OpenGate() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void WaitForRecords(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return records_.size() >= count; });
  }
  std::vector<std::string> records() {
    const std::lock_guard lock(mutex_);
    return records_;
  }
  std::ptrdiff_t CountOf(const std::string& record) {
    const std::lock_guard lock(mutex_);
    return std::count(records_.begin(), records_.end(), record);
  }

  static constexpr NodeId kGate{99};

 private:
  void Record(std::string text) {
    const std::lock_guard lock(mutex_);
    records_.push_back(std::move(text));
    changed_.notify_all();
  }
  bool Takes(NodeId node) {
    const std::lock_guard lock(mutex_);
    int& left = refusals_[node];
    if (left == 0) return true;
    --left;
    return false;
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    at_gate_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> records_;
  std::map<NodeId, int> refusals_;
  bool at_gate_ = false;
  bool open_ = false;
};

constexpr int kWithoutEnd = std::numeric_limits<int>::max();

TEST(InvalidatorTest, WhatWaitsIsMergedAndSentOnceNamesFirst) {
  Recorder recorder;
  Invalidator invalidator(recorder.notifier());
  invalidator.Start();
  invalidator.Add({{}, {Recorder::kGate}});
  recorder.WaitUntilAtGate();
  invalidator.Add({{{NodeId{1}, "b"}, {NodeId{1}, "a"}}, {NodeId{7}}});
  invalidator.Add({{{NodeId{1}, "a"}}, {NodeId{7}, NodeId{5}}});
  recorder.OpenGate();
  recorder.WaitForRecords(5);
  EXPECT_EQ((std::vector<std::string>{"inode 99", "name 1/a", "name 1/b", "inode 5", "inode 7"}), recorder.records());
}

TEST(InvalidatorTest, AddingNeverWaitsForANotification) {
  Recorder recorder;
  Invalidator invalidator(recorder.notifier());
  invalidator.Start();
  invalidator.Add({{}, {Recorder::kGate}});
  recorder.WaitUntilAtGate();
  invalidator.Add({{}, {NodeId{5}}});  // Would never return if it waited: the gate is opened below.
  recorder.OpenGate();
  recorder.WaitForRecords(2);
}

TEST(InvalidatorTest, StoppingDropsWhatWaitsAndIgnoresWhatComesLater) {
  Recorder recorder;
  Invalidator invalidator(recorder.notifier());
  invalidator.Start();
  invalidator.Add({{}, {Recorder::kGate}});
  recorder.WaitUntilAtGate();
  invalidator.Add({{}, {NodeId{5}}});
  std::thread stopper([&] { invalidator.Stop(); });
  recorder.OpenGate();
  stopper.join();
  invalidator.Add({{}, {NodeId{6}}});
  invalidator.Stop();
  const std::vector<std::string> records = recorder.records();
  EXPECT_EQ("inode 99", records.at(0));
  for (const std::string& record : records) EXPECT_NE("inode 6", record);
}

TEST(InvalidatorTest, WhatIsRefusedIsSentUntilItIsTakenAndThenNoMore) {
  Recorder recorder;
  recorder.Refuse(NodeId{5}, 2);
  recorder.Refuse(NodeId{6}, 4);
  Invalidator invalidator(recorder.notifier());
  invalidator.Add({{}, {NodeId{5}, NodeId{6}}});
  invalidator.Start();
  EXPECT_TRUE(Eventually([&] { return recorder.CountOf("inode 6") == 5; }));
  EXPECT_EQ(3, recorder.CountOf("inode 5"));
  // What waits is sent in ascending order: whatever else were to be sent would come before this one.
  invalidator.Add({{}, {NodeId{7}}});
  EXPECT_TRUE(Eventually([&] { return recorder.CountOf("inode 7") == 1; }));
  EXPECT_EQ(3, recorder.CountOf("inode 5"));
  EXPECT_EQ(5, recorder.CountOf("inode 6"));
}

TEST(InvalidatorTest, WhatElseIsAnnouncedDoesNotWaitForWhatIsRefused) {
  Recorder recorder;
  recorder.Refuse(NodeId{5}, kWithoutEnd);
  Invalidator invalidator(recorder.notifier());
  invalidator.Add({{}, {NodeId{5}}});
  invalidator.Start();
  ASSERT_TRUE(Eventually([&] { return recorder.CountOf("inode 5") >= 3; }));
  invalidator.Add({{{NodeId{1}, "a"}}, {NodeId{6}}});
  EXPECT_TRUE(Eventually([&] { return recorder.CountOf("inode 6") == 1; }));
  invalidator.AddAgain(NodeId{7});
  EXPECT_TRUE(Eventually([&] { return recorder.CountOf("inode 7") == 1; }));
  EXPECT_EQ(1, recorder.CountOf("name 1/a"));
  const std::ptrdiff_t sent = recorder.CountOf("inode 5");
  EXPECT_TRUE(Eventually([&] { return recorder.CountOf("inode 5") > sent; }));
}

TEST(InvalidatorTest, StoppingEndsTheSendingOfWhatIsRefused) {
  Recorder recorder;
  recorder.Refuse(NodeId{5}, kWithoutEnd);
  Invalidator invalidator(recorder.notifier());
  invalidator.Add({{}, {NodeId{5}}});
  invalidator.Start();
  EXPECT_TRUE(Eventually([&] { return recorder.CountOf("inode 5") >= 3; }));
  invalidator.Stop();
}

TEST(InvalidatorTest, ARepliesPromiseIsBrokenByAnAnnouncementOnly) {
  Recorder recorder;
  Invalidator invalidator(recorder.notifier());
  invalidator.Start();
  const CachePromise promise(invalidator);
  invalidator.AddAgain(NodeId{5});
  EXPECT_TRUE(promise.Holds());
  EXPECT_GT(promise.Seconds(), 86'400.0);
  invalidator.Add({{}, {NodeId{6}}});
  EXPECT_FALSE(promise.Holds());
  EXPECT_EQ(0.0, promise.Seconds());
  EXPECT_TRUE(CachePromise(invalidator).Holds());
}

}  // namespace
}  // namespace copse::fs
