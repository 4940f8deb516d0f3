// For ThreadSanitizer: several threads as the kernel's workers, and the executor's own.
#include <thread>

#include "fs/volume/volume_fixture.h"

namespace copse::fs {
namespace {

TEST(ConcurrencyTest, ThreadsThatWorkInOneDirectoryLoseNothing) {
  base::SystemClock clock;
  base::ThreadExecutor executor;
  base::MemoryStorage storage;
  test::MemoryContentStore content;
  RecordingJournal journal;
  crdt::TreeReplica replica(TestVolume::kActor, journal, ValidateFileSystemOp);
  std::vector<std::string> notes;
  auto opened =
      Volume::Open({storage, clock, executor, content, journal}, replica, TestVolume::DefaultOptions(), notes);
  ASSERT_TRUE(opened.ok()) << opened.status();
  Volume& volume = **opened;
  constexpr int kThreads = 4;
  constexpr int kRounds = 100;
  const auto shared = volume.Create(kAlice, kRoot, "shared", 0644, {.write = true});
  ASSERT_TRUE(shared.ok());
  const auto work = [&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      const std::string name = std::to_string(thread) + "-" + std::to_string(round);
      const auto created = volume.Create(kAlice, kRoot, name, 0644, {.write = true});
      ASSERT_TRUE(created.ok());
      const NodeId node = created->entry.node;
      ASSERT_TRUE(volume.Write(node, created->handle, 0, name, {.clears = true}).ok());
      volume.Release(created->handle);
      ASSERT_TRUE(
          volume.Write(shared->entry.node, nullptr, static_cast<std::uint64_t>(thread), "x", {.clears = true}).ok());
      if (round % 10 == 0) {
        ASSERT_TRUE(volume.Fsync(node).ok());
      }
      ASSERT_TRUE(volume.GetAttributes(shared->entry.node).ok());
      ASSERT_TRUE(volume.Rename(kAlice, kRoot, name, kRoot, "renamed " + name, 0).ok());
      if (round % 3 == 0) {
        ASSERT_TRUE(volume.Unlink(kAlice, kRoot, "renamed " + name).ok());
      }
      std::string bytes(64, '?');
      const auto read = volume.Read(node, nullptr, 0, bytes);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(bytes.substr(0, *read), name);
      ASSERT_TRUE(volume.List(kRoot, 0, [](std::uint64_t, const ShownEntry&, Kind) { return true; }).ok());
      volume.Forget(node, 1);
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
  for (std::thread& thread : threads) thread.join();
  volume.Release(shared->handle);
  ASSERT_TRUE(volume.Flush().ok());
  const Volume::Usage usage = volume.GetUsage();
  EXPECT_EQ(usage.dirty_files, 0u);
  EXPECT_EQ(usage.open_handles, 0u);
  EXPECT_EQ(usage.entries, static_cast<std::uint64_t>(kThreads * (kRounds - (kRounds + 2) / 3) + 1));
}

}  // namespace
}  // namespace copse::fs
