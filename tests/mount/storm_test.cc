// Many at one time, names first: made, looked up, renamed, listed and removed by several threads. Nothing may hang,
// every call gives what it may give, and at the end mount, volume and peer agree.
#include "mount/storm.h"

#include <fcntl.h>

#include <algorithm>
#include <map>

namespace copse::test {
namespace {

INSTANTIATE_TEST_SUITE_P(, StormTest, testing::Values(Peer::kNone, Peer::kBusy), [](const auto& storm) {
  return storm.param == Peer::kNone ? std::string("Alone") : std::string("BesideAPeer");
});

/// Counts calls that failed with what they cannot fail with, and keeps the first such errno of each.
class Failures {
 public:
  void Check(const char* call, int result, std::initializer_list<int> expected) {
    if (result >= 0 || std::find(expected.begin(), expected.end(), errno) != expected.end()) return;
    Add(std::string(call) + ": " + std::strerror(errno));
  }
  void Add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    ++counts_[what];
  }
  std::string Text() const {
    std::string text;
    for (const auto& [what, count] : counts_) text += what + " (" + std::to_string(count) + " times)\n";
    return text;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> counts_;
};

TEST_P(StormTest, ManyThreadsInOneDirectoryGetWhatTheirCallsMayGive) {
  Failures failures;
  OnThreads([&](int, std::mt19937& random) {
    for (int i = 0; i < Rounds(); ++i) {
      const std::string a = At(Any(random));
      const std::string b = At(Any(random));
      switch (random() % 8) {
        case 0: {
          const Descriptor file(open(a.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
          failures.Check("create", file.get(), {});
          if (file.ok() && write(file.get(), "x", 1) != 1) failures.Add("write");
          break;
        }
        case 1:
          failures.Check("unlink", unlink(a.c_str()), {ENOENT});
          break;
        case 2:
          failures.Check("rename", rename(a.c_str(), b.c_str()), {ENOENT});
          break;
        case 3:
          failures.Check("link", link(a.c_str(), b.c_str()), {ENOENT, EEXIST});
          break;
        case 4: {
          const Descriptor file(open(a.c_str(), O_RDONLY | O_CLOEXEC));
          failures.Check("open", file.get(), {ENOENT});
          char byte;
          if (file.ok() && read(file.get(), &byte, 1) < 0) failures.Add("read");
          break;
        }
        case 5:
          failures.Check("chmod", chmod(a.c_str(), 0600 + random() % 64), {ENOENT});
          break;
        case 6:
          failures.Check("exchange", renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE), {ENOENT});
          break;
        default:
          struct stat found {};
          failures.Check("stat", stat(a.c_str(), &found), {ENOENT});
      }
    }
  });
  EXPECT_EQ("", failures.Text());
  CalmDown();
}

TEST_P(StormTest, WhatNobodyTouchesIsFoundAndListedWhileAllAroundItChanges) {
  constexpr int kKept = 40;
  std::map<std::string, ino_t> kept;
  for (int i = 0; i < kKept; ++i) {
    const std::string name = "kept" + std::to_string(i);
    WriteFile(At(name), name);
    kept[name] = StatOf(At(name)).st_ino;
  }
  Failures failures;
  OnThreads([&](int thread, std::mt19937& random) {
    for (int i = 0; i < Rounds(); ++i) {
      const auto& [name, inode] = *std::next(kept.begin(), static_cast<int>(random() % kKept));
      switch (thread == 0 ? 3 : random() % 3) {
        case 0: {
          struct stat found {};
          failures.Check("stat", stat(At(name).c_str(), &found), {});
          if (found.st_ino != inode) failures.Add("another inode");
          break;
        }
        case 1:
          if (ReadFile(At(name)) != name) failures.Add("other bytes");
          break;
        case 2: {
          std::map<std::string, int> listed;
          for (const std::string& one : NamesIn(mount_point())) ++listed[one];
          for (const auto& one : kept) {
            if (listed[one.first] != 1) failures.Add("listed " + std::to_string(listed[one.first]) + " times");
          }
          break;
        }
        default: {  // Only one thread changes anything here: the directory is never the same for long.
          const std::string a = At(Any(random));
          Descriptor(open(a.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)).Close();
          failures.Check("rename", rename(a.c_str(), At(Any(random)).c_str()), {ENOENT});
          failures.Check("unlink", unlink(At(Any(random)).c_str()), {ENOENT});
        }
      }
    }
  });
  EXPECT_EQ("", failures.Text());
  CalmDown();
}

TEST_P(StormTest, AFileThatIsReplacedByRenameAllTheTimeIsAlwaysThereAndWhole) {
  const std::string old_bytes(3000, 'o');
  const std::string new_bytes(5000, 'n');
  WriteFile(At("file"), old_bytes);
  std::atomic<bool> is_done = false;
  Failures failures;
  OnThreads([&](int thread, std::mt19937&) {
    if (thread == 0) {
      for (int i = 0; i < Rounds(); ++i) {
        WriteFile(At("temporary"), i % 2 == 0 ? new_bytes : old_bytes);
        failures.Check("rename", rename(At("temporary").c_str(), At("file").c_str()), {});
      }
      is_done = true;
    }
    while (!is_done) {
      const std::string bytes = ReadFile(At("file"));
      if (bytes != old_bytes && bytes != new_bytes) failures.Add("not whole");
    }
  });
  EXPECT_EQ("", failures.Text());
  CalmDown();
}

TEST_P(StormTest, WhatIsRenamedWhileOthersOpenItIsOpenedUnderOneNameOrTheOther) {
  ASSERT_WORKS(mkdir(At("left").c_str(), 0755));
  WriteFile(At("left/inside"), "inside");
  WriteFile(At("x"), "one");
  WriteFile(At("y"), "two");
  std::atomic<bool> is_done = false;
  Failures failures;
  const auto bytes_of = [&](const std::string& name) {
    const Descriptor file(open(At(name).c_str(), O_RDONLY | O_CLOEXEC));
    failures.Check("open", file.get(), {ENOENT});
    char bytes[16];
    const ssize_t size = file.ok() ? read(file.get(), bytes, sizeof bytes) : 0;
    if (size < 0) failures.Add("read");
    return std::string(bytes, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  };
  OnThreads([&](int thread, std::mt19937&) {
    if (thread == 0) {
      for (int i = 0; i < Rounds(); ++i) {
        const bool is_left = i % 2 == 0;
        failures.Check("rename", rename(At(is_left ? "left" : "right").c_str(), At(is_left ? "right" : "left").c_str()),
                       {});
        failures.Check("exchange", renameat2(AT_FDCWD, At("x").c_str(), AT_FDCWD, At("y").c_str(), RENAME_EXCHANGE),
                       {});
      }
      is_done = true;
    }
    while (!is_done) {
      for (const char* name : {"left/inside", "right/inside"}) {
        const std::string bytes = bytes_of(name);
        if (!bytes.empty() && bytes != "inside") failures.Add("inside: " + bytes);
      }
      for (const char* name : {"x", "y"}) {  // An exchange leaves no moment in which either is missing.
        const std::string bytes = bytes_of(name);
        if (bytes != "one" && bytes != "two") failures.Add("exchanged: " + bytes);
      }
    }
  });
  EXPECT_EQ("", failures.Text());
  CalmDown();
}

TEST_P(StormTest, ThreadsThatWriteOneFileEachFindWhatTheyWrote) {
  constexpr int kRegion = 40'000;
  Descriptor appended = OpenFile(At("appended"), O_CREAT | O_RDWR | O_APPEND);
  WriteFile(At("shared"), std::string(kRegion * kThreads, '-'));
  Failures failures;
  OnThreads([&](int thread, std::mt19937& random) {
    const Descriptor shared = OpenFile(At("shared"), O_RDWR);
    std::string expected(kRegion, '-');
    for (int i = 0; i < Rounds(); ++i) {
      const std::size_t at = random() % kRegion;
      const std::string piece(1 + random() % std::min<std::size_t>(9000, kRegion - at),
                              static_cast<char>('a' + i % 26));
      const off_t base = off_t{kRegion} * thread;
      failures.Check("pwrite", static_cast<int>(pwrite(shared.get(), piece.data(), piece.size(), base + off_t(at))),
                     {});
      expected.replace(at, piece.size(), piece);
      const std::string record = std::to_string(thread) + std::to_string(10000 + i) + "\n";
      failures.Check("append", static_cast<int>(write(appended.get(), record.data(), record.size())), {});
      if (i % 8 != 0) continue;
      std::string found(kRegion, '\0');
      if (pread(shared.get(), found.data(), kRegion, base) != kRegion || found != expected) failures.Add("other bytes");
    }
  });
  EXPECT_EQ("", failures.Text());
  appended.Close();
  // Each record is there, whole, and those of one thread are in its order.
  const std::string records = ReadFile(At("appended"));
  ASSERT_EQ(std::size_t{7} * kThreads * static_cast<std::size_t>(Rounds()), records.size());
  int next[kThreads] = {};
  for (std::size_t at = 0; at < records.size(); at += 7) {
    const int thread = records[at] - '0';
    ASSERT_TRUE(thread >= 0 && thread < kThreads);
    EXPECT_EQ(std::to_string(10000 + next[thread]++) + "\n", records.substr(at + 1, 6));
  }
  CalmDown();
}

}  // namespace
}  // namespace copse::test
