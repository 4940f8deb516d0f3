// Another replica changes thousands of names and contents while eight processes use the same directories. Nothing may
// hang, no process may see a byte that is older than one it has seen, and when all is quiet the kernel believes what
// the volume says. COPSE_STORM_CHANGES: how many changes, instead of 100,000.
#include <fcntl.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using fs::NodeId;

constexpr int kProcesses = 8;
constexpr int kNames = 24;
constexpr int kVersioned = 8;
constexpr std::size_t kVersionBytes = 4000;  // Within a page: read at one time, so never half of one version.
constexpr int kChangesAtATime = 25;

std::string AnyName(std::mt19937& random) { return "n" + std::to_string(random() % kNames); }
std::string VersionedName(std::size_t number) { return "version-" + std::to_string(number); }

std::string BytesOfVersion(unsigned version) {
  char word[9];
  std::snprintf(word, sizeof word, "%07u\n", version % 10'000'000);
  std::string bytes;
  while (bytes.size() < kVersionBytes) bytes += word;
  return bytes;
}

/// What one process does until it is told to stop, and counts of what must not be.
class Hammer {
 public:
  Hammer(std::string directory, unsigned seed) : directory_(std::move(directory)), random_(seed) {}

  void Strike() {
    const std::string path = directory_ + "/" + AnyName(random_);
    struct stat found {};
    switch (random_() % 8) {
      case 0:
        close(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
        break;
      case 1:
        unlink(path.c_str());
        break;
      case 2:
        rename(path.c_str(), (directory_ + "/" + AnyName(random_)).c_str());
        break;
      case 3:
        NamesIn(directory_);
        break;
      case 4:
        stat(path.c_str(), &found);
        break;
      default:
        CheckVersion(random_() % kVersioned);
    }
  }
  int wrong() const { return wrong_; }

 private:
  void CheckVersion(std::size_t number) {
    std::ifstream file(directory_ + "/" + VersionedName(number), std::ios::binary);
    std::string bytes(kVersionBytes + 8, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    const unsigned version = bytes.size() < 8 ? 0 : static_cast<unsigned>(std::atoi(bytes.substr(0, 7).c_str()));
    const bool is_whole = bytes == BytesOfVersion(version);
    wrong_ += !is_whole || version < newest_.at(number);
    newest_.at(number) = std::max(newest_.at(number), version);
  }

  const std::string directory_;
  std::mt19937 random_;
  std::array<unsigned, kVersioned> newest_{};
  int wrong_ = 0;
};

class MergeStormTest : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    fs::Volume::Options options = fs::TestVolume::DefaultOptions();
    options.label = "peer";
    peer_ = std::make_unique<fs::TestVolume>(2, content(), options);
  }
  void TearDown() override {
    MountTest::TearDown();
    peer_.reset();
  }

  void Send() {
    const std::vector<crdt::Op> ops = journal().OpsBeyond(sent_);
    ASSERT_TRUE(peer_->volume->Ingest(1, sent_, ops).ok());
    sent_ += ops.size();
  }
  void Fetch() {
    ASSERT_TRUE(peer_->volume->Flush().ok());
    const std::vector<crdt::Op> ops = peer_->journal.OpsBeyond(fetched_);
    ASSERT_TRUE(volume().Ingest(2, fetched_, ops).ok());
    fetched_ += ops.size();
  }
  NodeId PeerFind(const std::string& name) {
    const auto found = peer_->volume->Lookup(crdt::kRoot, name);
    return found.ok() ? found->node : NodeId{};
  }
  void PeerWriteVersion(std::size_t number) {
    const auto handle = peer_->volume->Open(PeerFind(VersionedName(number)), {.write = true});
    ASSERT_TRUE(handle.ok()) << handle.status();
    EXPECT_TRUE(peer_->volume->Write({}, *handle, 0, BytesOfVersion(++version_)).ok());
    peer_->volume->Release(*handle);
  }
  void PeerChange(std::mt19937& random) {
    const std::string name = AnyName(random);
    switch (random() % 4) {
      case 0:
        static_cast<void>(peer_->volume->MakeNode({}, crdt::kRoot, name, fs::Kind::kRegular, 0644, 0));
        break;
      case 1:
        peer_->volume->Unlink({}, crdt::kRoot, name).IgnoreError();
        break;
      case 2:
        peer_->volume->Rename({}, crdt::kRoot, name, crdt::kRoot, AnyName(random), 0).IgnoreError();
        break;
      default:
        PeerWriteVersion(random() % kVersioned);
    }
  }

  std::map<std::string, std::uint64_t> NamesOfVolume() {
    std::map<std::string, std::uint64_t> names;
    EXPECT_TRUE(volume()
                    .List(crdt::kRoot, 0,
                          [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind) {
                            names[entry.name] = entry.target.value;
                            return true;
                          })
                    .ok());
    return names;
  }
  /// Whether programs see what the volume has: names listed, inodes by name, names that are gone, and bytes.
  bool Agrees() {
    const auto names = NamesOfVolume();
    std::set<std::string> expected;
    for (const auto& [name, inode] : names) expected.insert(name);
    const std::vector<std::string> listed = NamesIn(mount_point());
    if (expected != std::set<std::string>(listed.begin(), listed.end())) return false;
    for (int number = 0; number < kNames; ++number) expected.insert("n" + std::to_string(number));
    expected.insert({"old name", "new name", "removed"});
    for (const std::string& name : expected) {
      struct stat found {};
      const bool is_there = lstat(At(name).c_str(), &found) == 0;
      const auto known = names.find(name);
      if (is_there != (known != names.end())) return false;
      if (is_there && found.st_ino != known->second) return false;
    }
    for (std::size_t number = 0; number < kVersioned; ++number) {
      std::string bytes(kVersionBytes + 8, '\0');
      const auto node = volume().Lookup(crdt::kRoot, VersionedName(number));
      if (!node.ok()) return false;
      volume().Forget(node->node, 1);
      const auto size = volume().Read(node->node, nullptr, 0, bytes);
      if (!size.ok()) return false;
      bytes.resize(*size);
      if (ReadFile(At(VersionedName(number))) != bytes) return false;
    }
    return true;
  }

  std::unique_ptr<fs::TestVolume> peer_;
  std::size_t sent_ = 0;
  std::size_t fetched_ = 0;
  unsigned version_ = 0;
};

TEST_F(MergeStormTest, ThousandsOfChangesArriveWhileEightProcessesWork) {
#ifdef COPSE_UNDER_SANITIZER
  // The mount's threads go on allocating while the processes fork off, and glibc unlocks only its own allocator there.
  GTEST_SKIP() << "a sanitizer's allocator may stay locked for ever in the processes";
#endif
  const char* const asked = std::getenv("COPSE_STORM_CHANGES");
  const int changes = asked == nullptr ? 100'000 : std::atoi(asked);
  for (std::size_t number = 0; number < kVersioned; ++number) WriteFile(At(VersionedName(number)), BytesOfVersion(0));
  ASSERT_TRUE(volume().Flush().ok());
  Send();
  const std::string stop = scratch() + "/stop";
  std::vector<std::unique_ptr<ChildProcess>> processes;
  for (unsigned process = 0; process < kProcesses; ++process) {
    processes.push_back(std::make_unique<ChildProcess>([&, process](const std::function<void()>&) {
      Hammer hammer(mount_point(), process + 1);
      while (access(stop.c_str(), F_OK) != 0) hammer.Strike();
      return std::min(hammer.wrong(), 250);
    }));
  }
  std::mt19937 random(99);
  for (int made = 0; made < changes; made += kChangesAtATime) {
    if (made % (40 * kChangesAtATime) == 0) Send();
    for (int i = 0; i < kChangesAtATime; ++i) PeerChange(random);
    Fetch();
    if (HasFatalFailure()) break;
    // Replies that are under way while something arrives are not kept by the kernel: give it time to keep some.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  WriteFile(stop, "");
  for (const auto& process : processes) EXPECT_EQ(0, process->Finish()) << "stale or torn, as one process saw it";
  // What was announced last is told to the kernel a little later.
  EXPECT_TRUE(Eventually([&] { return Agrees(); }));
}

TEST_F(MergeStormTest, WhatTheKernelKeepsAfterwardsIsInvalidatedToo) {
  for (std::size_t number = 0; number < kVersioned; ++number) WriteFile(At(VersionedName(number)), BytesOfVersion(0));
  WriteFile(At("old name"), "");
  WriteFile(At("removed"), "");
  ASSERT_TRUE(volume().Flush().ok());
  Send();
  ASSERT_TRUE(Eventually([&] { return Agrees(); }));
  // What is held open cannot fall out of the kernel's caches, whoever drops them on this machine.
  std::vector<Descriptor> held;
  for (const std::string& name : {std::string("old name"), std::string("removed"), VersionedName(0)}) {
    held.push_back(OpenFile(At(name), O_RDONLY));
    ASSERT_EQ(name == VersionedName(0) ? BytesOfVersion(0) : "", ReadFile(At(name)));
  }
  PeerWriteVersion(0);
  ASSERT_TRUE(peer_->volume->Rename({}, crdt::kRoot, "old name", crdt::kRoot, "new name", 0).ok());
  ASSERT_TRUE(peer_->volume->Unlink({}, crdt::kRoot, "removed").ok());
  Fetch();
  EXPECT_TRUE(Eventually([&] { return Agrees(); }));
}

}  // namespace
}  // namespace copse::test
