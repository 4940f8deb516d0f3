#include <copse/fs/staged_file.h>

#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include "content/about_to_wait.h"
#include "fs/content/content_fixture.h"

namespace copse::fs {
namespace {

/// A store that runs something before each chunk that it takes.
class ObservedStore final : public base::ContentStore {
 public:
  absl::StatusOr<base::ChunkRef> Put(std::string_view plain) override {
    if (before_put) before_put();
    return store.Put(plain);
  }
  absl::StatusOr<std::string> Get(const base::ChunkRef& chunk) override { return store.Get(chunk); }

  test::MemoryContentStore store;
  std::function<void()> before_put;
};

/// A file of 40 chunks that is being published while somebody wants to write to it, from its first chunk on.
class PublicationUnderWritersTest : public testing::Test {
 protected:
  void SetUp() override { Must(file_->Write(0, bytes_, 1)); }

  absl::StatusOr<Manifest> PublishWhileSomebodyWrites(StagedFile::Precedence precedence) {
    std::future<void> writer;
    content_.before_put = [&] {
      if (writer.valid()) return;
      std::promise<void> waits;
      writer = std::async(std::launch::async, [&] {
        const WaitHook hook([&] { waits.set_value(); });
        Must(file_->Write(0, "written", 2));
      });
      waits.get_future().wait();
    };
    auto published = file_->Publish(precedence);
    content_.before_put = nullptr;
    writer.wait();
    return published;
  }

  const std::string bytes_ = RandomBytes(1, 40 * 64 * kKiB);
  base::MemoryStorage storage_;
  ObservedStore content_;
  std::unique_ptr<StagingArea> area_ = Must(StagingArea::Open(storage_, content_, "/staging", kVolumeKey, {}));
  std::unique_ptr<StagedFile> file_ = area_->OpenFile(kNode, {}, {crdt::Timestamp::Of(1, 7)}, /*fixed_chunks=*/true);
};

TEST_F(PublicationUnderWritersTest, GivesWayAtTheNextChunkAndTheNextOneHasEverything) {
  EXPECT_TRUE(absl::IsAborted(PublishWhileSomebodyWrites(StagedFile::Precedence::kUnderWriters).status()));
  EXPECT_EQ(content_.store.puts(), 1u);
  EXPECT_TRUE(file_->dirty());
  std::string expected = bytes_;
  expected.replace(0, 7, "written");
  EXPECT_EQ(ReadAll(*file_), expected);
  const Manifest version = Must(file_->Publish(StagedFile::Precedence::kUnderWriters));
  Must(file_->Rebase(version, {crdt::Timestamp::Of(2, 7)}));
  EXPECT_FALSE(file_->dirty());
  EXPECT_EQ(ReadAll(*file_), expected);
}

TEST_F(PublicationUnderWritersTest, LetsThemWaitWhereTheVersionIsAskedFor) {
  const Manifest version = Must(PublishWhileSomebodyWrites(StagedFile::Precedence::kOverWriters));
  Must(file_->Rebase(version, {crdt::Timestamp::Of(2, 7)}));
  EXPECT_TRUE(file_->dirty());
  const auto published = area_->OpenFile(kNode, version, {crdt::Timestamp::Of(2, 7)}, /*fixed_chunks=*/true);
  EXPECT_EQ(ReadAll(*published), bytes_);
}

// Every byte of a block has one value, and a write replaces a whole block: so a reader that sees two values in a block
// has seen half of a write. Sanitizers see the rest.
TEST(StagedFileConcurrencyTest, ReadersSeeWholeWritesWhileOthersWritePersistAndPublish) {
  constexpr std::size_t kBlock = 8192;
  constexpr std::size_t kBlocks = 40;
  ContentWorld world({64 * kKiB, 256 * kKiB});
  const auto file = world.Open(world.Version(std::string(kBlock * kBlocks, 'a')));
  std::atomic<bool> stop = false;
  std::atomic<int> torn = 0;
  std::vector<std::thread> threads;
  for (std::size_t reader = 0; reader < 3; ++reader) {
    threads.emplace_back([&, reader] {
      std::string out(kBlock, '?');
      for (std::size_t i = reader; !stop; ++i) {
        const auto count = file->Read(i % kBlocks * kBlock, out);
        if (!count.ok() || *count != kBlock || out != std::string(kBlock, out[0])) ++torn;
        (void)file->allocated_bytes();
        (void)file->SeekHole(0);
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; !stop; ++i) {
      if (!file->Persist().ok()) ++torn;
      if (i % 3 == 0 && !file->PunchHole(0, kBlock, i).ok()) ++torn;
    }
  });
  threads.emplace_back([&] {
    for (std::uint64_t i = 2; !stop; ++i) {
      const auto version = file->Publish();
      if (!version.ok() || !file->Rebase(*version, {crdt::Timestamp::Of(i, 7)}).ok()) ++torn;
    }
  });
  for (std::size_t i = 0; i < 4000; ++i) {
    const char value = static_cast<char>('a' + i % 26);
    Must(file->Write(i * 7 % kBlocks * kBlock, std::string(kBlock, value), static_cast<base::UnixNanoseconds>(i)));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(file->size(), kBlock * kBlocks);
}

}  // namespace
}  // namespace copse::fs
