// Many at one time: names made, looked up, renamed and removed by several threads, while the kernel is made to forget,
// and while another replica changes the same directory. Nothing may hang, and at the end mount and volume agree.
#include <fcntl.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 400;
constexpr int kNames = 12;

class StormTest : public MountTest {
 protected:
  void TearDown() override {
    MountTest::TearDown();
    peer_.reset();
  }

  /// Runs `body` on several threads at one time, each with a number of its own.
  static void OnThreads(const std::function<void(int thread, std::mt19937& random)>& body) {
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&body, thread] {
        std::mt19937 random(static_cast<unsigned>(thread) + 1);
        body(thread, random);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  static std::string Any(std::mt19937& random) { return "n" + std::to_string(random() % kNames); }

  /// The kernel drops what it may: names and inodes are looked up anew. Root only; without, memory is never that short.
  static void MakeTheKernelForget() {
    const Descriptor control(open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC));
    if (control.ok()) static_cast<void>(write(control.get(), "2", 1));
  }

  /// What a program sees is what the volume has, name by name.
  void ExpectAgreement() {
    std::set<std::string> listed;
    for (const std::string& name : NamesIn(mount_point())) {
      EXPECT_TRUE(listed.insert(name).second) << name << " is listed twice";
      const auto known = volume().Lookup(crdt::kRoot, name);
      ASSERT_TRUE(known.ok()) << name << ": " << known.status();
      EXPECT_EQ(known->node.value, StatOf(At(name)).st_ino);
      EXPECT_EQ(known->attributes.links, StatOf(At(name)).st_nlink);
      volume().Forget(known->node, 1);
    }
    std::set<std::string> kept;
    ASSERT_TRUE(volume()
                    .List(crdt::kRoot, 0,
                          [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind) {
                            kept.insert(entry.name);
                            return true;
                          })
                    .ok());
    EXPECT_EQ(kept, listed);
  }

  std::unique_ptr<fs::TestVolume> peer_;
};

TEST_F(StormTest, ManyThreadsInOneDirectoryLeaveWhatTheLastCallsSay) {
  std::atomic<int> strange = 0;
  const auto may_fail_with = [&](int result, std::initializer_list<int> expected) {
    if (result >= 0) return;
    if (std::find(expected.begin(), expected.end(), errno) == expected.end()) ++strange;
  };
  OnThreads([&](int thread, std::mt19937& random) {
    for (int i = 0; i < kRounds; ++i) {
      const std::string a = At(Any(random));
      const std::string b = At(Any(random));
      switch (random() % 6) {
        case 0: {
          const Descriptor file(open(a.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
          may_fail_with(file.get(), {});
          if (file.ok() && write(file.get(), "x", 1) != 1) ++strange;
          break;
        }
        case 1:
          may_fail_with(unlink(a.c_str()), {ENOENT});
          break;
        case 2:
          may_fail_with(rename(a.c_str(), b.c_str()), {ENOENT});
          break;
        case 3:
          may_fail_with(link(a.c_str(), b.c_str()), {ENOENT, EEXIST});
          break;
        case 4: {
          const Descriptor file(open(a.c_str(), O_RDONLY | O_CLOEXEC));
          may_fail_with(file.get(), {ENOENT});
          char byte;
          if (file.ok() && read(file.get(), &byte, 1) < 0) ++strange;
          break;
        }
        default:
          if (thread == 0 && i % 40 == 0) MakeTheKernelForget();
          struct stat found {};
          may_fail_with(stat(a.c_str(), &found), {ENOENT});
      }
    }
  });
  EXPECT_EQ(0, strange) << "calls that failed with what they cannot fail with";
  ExpectAgreement();
}

TEST_F(StormTest, AFileThatIsReplacedByRenameAllTheTimeIsAlwaysThereAndWhole) {
  const std::string old_bytes(3000, 'o');
  const std::string new_bytes(5000, 'n');
  WriteFile(At("file"), old_bytes);
  std::atomic<bool> is_done = false;
  std::atomic<int> wrong = 0;
  std::thread writer([&] {
    for (int i = 0; i < kRounds; ++i) {
      WriteFile(At("temporary"), i % 2 == 0 ? new_bytes : old_bytes);
      if (rename(At("temporary").c_str(), At("file").c_str()) != 0) ++wrong;
    }
    is_done = true;
  });
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      while (!is_done) {
        const Descriptor file(open(At("file").c_str(), O_RDONLY | O_CLOEXEC));
        std::string bytes(8000, '\0');
        const ssize_t size = file.ok() ? read(file.get(), bytes.data(), bytes.size()) : -1;
        bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        if (bytes != old_bytes && bytes != new_bytes) ++wrong;
        if (reader == 0) MakeTheKernelForget();
      }
    });
  }
  writer.join();
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(0, wrong);
}

TEST_F(StormTest, ChangesOfAPeerArriveWhileProgramsWorkInTheSameDirectory) {
  fs::Volume::Options options = fs::TestVolume::DefaultOptions();
  options.label = "peer";
  peer_ = std::make_unique<fs::TestVolume>(2, content(), options);
  std::atomic<bool> is_done = false;
  std::thread deliverer([&] {
    std::mt19937 random(99);
    std::size_t delivered = 0;
    std::size_t fetched = 0;
    while (!is_done) {
      const std::vector<crdt::Op> own = journal().ops();
      ASSERT_TRUE(peer_->volume->Ingest(1, fetched, std::span(own).subspan(fetched)).ok());
      fetched = own.size();
      for (int i = 0; i < 5; ++i) {
        const std::string a = Any(random);
        const std::string b = Any(random);
        switch (random() % 3) {
          case 0:
            static_cast<void>(peer_->volume->MakeNode({}, crdt::kRoot, a, fs::Kind::kRegular, 0644, 0));
            break;
          case 1:
            static_cast<void>(peer_->volume->Unlink({}, crdt::kRoot, a));
            break;
          default:
            static_cast<void>(peer_->volume->Rename({}, crdt::kRoot, a, crdt::kRoot, b, 0));
        }
      }
      const std::vector<crdt::Op> ops = peer_->journal.ops();
      ASSERT_TRUE(volume().Ingest(2, delivered, std::span(ops).subspan(delivered)).ok());
      delivered = ops.size();
      std::this_thread::yield();
    }
  });
  OnThreads([&](int thread, std::mt19937& random) {
    for (int i = 0; i < kRounds / 2; ++i) {
      const std::string a = At(Any(random));
      switch (random() % 5) {
        case 0:
          Descriptor(open(a.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
          break;
        case 1:
          unlink(a.c_str());
          break;
        case 2:
          rename(a.c_str(), At(Any(random)).c_str());
          break;
        case 3:
          NamesIn(mount_point());
          break;
        default:
          if (thread == 0 && i % 20 == 0) MakeTheKernelForget();
          Exists(a);
      }
    }
  });
  is_done = true;
  deliverer.join();
  // What was announced last is told to the kernel a little later.
  EXPECT_TRUE(Eventually([&] {
    std::set<std::string> kept;
    EXPECT_TRUE(volume()
                    .List(crdt::kRoot, 0,
                          [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind) {
                            kept.insert(entry.name);
                            return true;
                          })
                    .ok());
    const std::vector<std::string> listed = NamesIn(mount_point());
    return kept == std::set<std::string>(listed.begin(), listed.end());
  }));
}

}  // namespace
}  // namespace copse::test
