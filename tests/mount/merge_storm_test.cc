// Another replica changes thousands of names and contents while eight processes use the same directories. Nothing may
// hang, no process may see a byte that is older than one it has seen, and when all is quiet the kernel believes what
// the volume says. COPSE_STORM_CHANGES: how many changes, instead of 100,000.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "mount/hammer.h"
#include "mount/mount_test.h"

namespace copse::test {
namespace {

using fs::NodeId;

constexpr unsigned kProcesses = 8;
constexpr int kChangesAtATime = 25;

/// A process that hammers the directory until the file `stop` is there.
class HammerProcess {
 public:
  HammerProcess(const std::string& directory, unsigned seed, const std::string& stop) {
    const std::string seed_text = std::to_string(seed);
    const char* const arguments[] = {COPSE_HAMMER, directory.c_str(), seed_text.c_str(), stop.c_str(), nullptr};
    const int error = posix_spawn(&process_, COPSE_HAMMER, nullptr, nullptr, const_cast<char**>(arguments), environ);
    EXPECT_EQ(error, 0) << COPSE_HAMMER << ": " << std::strerror(error);
  }
  /// Waits for its end; returns how often it saw something stale or torn.
  int Finish() const {
    int status = -1;
    EXPECT_EQ(waitpid(process_, &status, 0), process_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t process_ = -1;
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
    const auto handle = peer_->volume->Open(PeerFind(HammeredFile(number)), {.write = true});
    ASSERT_TRUE(handle.ok()) << handle.status();
    EXPECT_TRUE(peer_->volume->Write({}, *handle, 0, BytesOfVersion(++version_)).ok());
    peer_->volume->Release(*handle);
  }
  void PeerChange(std::mt19937& random) {
    const std::string name = HammeredName(static_cast<unsigned>(random()));
    switch (random() % 4) {
      case 0:
        static_cast<void>(peer_->volume->MakeNode({}, crdt::kRoot, name, fs::Kind::kRegular, 0644, 0));
        break;
      case 1:
        peer_->volume->Unlink({}, crdt::kRoot, name).IgnoreError();
        break;
      case 2:
        peer_->volume->Rename({}, crdt::kRoot, name, crdt::kRoot, HammeredName(static_cast<unsigned>(random())), 0)
            .IgnoreError();
        break;
      default:
        PeerWriteVersion(random() % kHammeredFiles);
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
    for (unsigned number = 0; number < kHammeredNames; ++number) expected.insert(HammeredName(number));
    expected.insert({"old name", "new name", "removed"});
    for (const std::string& name : expected) {
      struct stat found {};
      const bool is_there = lstat(At(name).c_str(), &found) == 0;
      const auto known = names.find(name);
      if (is_there != (known != names.end())) return false;
      if (is_there && found.st_ino != known->second) return false;
    }
    for (std::size_t number = 0; number < kHammeredFiles; ++number) {
      std::string bytes(kVersionBytes + 8, '\0');
      const auto node = volume().Lookup(crdt::kRoot, HammeredFile(number));
      if (!node.ok()) return false;
      volume().Forget(node->node, 1);
      const auto size = volume().Read(node->node, nullptr, 0, bytes);
      if (!size.ok()) return false;
      bytes.resize(*size);
      if (ReadFile(At(HammeredFile(number))) != bytes) return false;
    }
    return true;
  }

  std::unique_ptr<fs::TestVolume> peer_;
  std::size_t sent_ = 0;
  std::size_t fetched_ = 0;
  unsigned version_ = 0;
};

TEST_F(MergeStormTest, ThousandsOfChangesArriveWhileEightProcessesWork) {
  const char* const asked = std::getenv("COPSE_STORM_CHANGES");
  const int changes = asked == nullptr ? 100'000 : std::atoi(asked);
  for (std::size_t number = 0; number < kHammeredFiles; ++number)
    WriteFile(At(HammeredFile(number)), BytesOfVersion(0));
  ASSERT_TRUE(volume().Flush().ok());
  Send();
  const std::string stop = scratch() + "/stop";
  std::vector<HammerProcess> processes;
  for (unsigned seed = 1; seed <= kProcesses; ++seed) processes.emplace_back(mount_point(), seed, stop);
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
  for (const auto& process : processes) EXPECT_EQ(0, process.Finish()) << "stale or torn, as one process saw it";
  // What was announced last is told to the kernel a little later.
  EXPECT_TRUE(Eventually([&] { return Agrees(); }));
}

TEST_F(MergeStormTest, WhatTheKernelKeepsAfterwardsIsInvalidatedToo) {
  for (std::size_t number = 0; number < kHammeredFiles; ++number)
    WriteFile(At(HammeredFile(number)), BytesOfVersion(0));
  WriteFile(At("old name"), "");
  WriteFile(At("removed"), "");
  ASSERT_TRUE(volume().Flush().ok());
  Send();
  ASSERT_TRUE(Eventually([&] { return Agrees(); }));
  // What is held open cannot fall out of the kernel's caches, whoever drops them on this machine.
  std::vector<Descriptor> held;
  for (const std::string& name : {std::string("old name"), std::string("removed"), HammeredFile(0)}) {
    held.push_back(OpenFile(At(name), O_RDONLY));
    ASSERT_EQ(name == HammeredFile(0) ? BytesOfVersion(0) : "", ReadFile(At(name)));
  }
  PeerWriteVersion(0);
  ASSERT_TRUE(peer_->volume->Rename({}, crdt::kRoot, "old name", crdt::kRoot, "new name", 0).ok());
  ASSERT_TRUE(peer_->volume->Unlink({}, crdt::kRoot, "removed").ok());
  Fetch();
  EXPECT_TRUE(Eventually([&] { return Agrees(); }));
}

}  // namespace
}  // namespace copse::test
