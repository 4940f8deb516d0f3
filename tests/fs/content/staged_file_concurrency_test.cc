#include <copse/fs/staged_file.h>

#include <atomic>
#include <thread>

#include "fs/content/content_fixture.h"

namespace copse::fs {
namespace {

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
