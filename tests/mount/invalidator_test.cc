#include "frontend/invalidator.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace copse::fs {
namespace {

/// A notifier that waits at its first inode until it is let go, and records what it was told.
class Recorder {
 public:
  Invalidator::Notifier notifier() {
    return {[this](NodeId directory, const std::string& name) {
              Record("name " + std::to_string(directory.value) + "/" + name);
            },
            [this](NodeId node) {
              Record("inode " + std::to_string(node.value));
              if (node == kGate) Wait();
            }};
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

  static constexpr NodeId kGate{99};

 private:
  void Record(std::string text) {
    const std::lock_guard lock(mutex_);
    records_.push_back(std::move(text));
    changed_.notify_all();
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
  bool at_gate_ = false;
  bool open_ = false;
};

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
