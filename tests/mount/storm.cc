#include "mount/storm.h"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>

namespace copse::test {

void StormTest::SetUp() {
  MountTest::SetUp();
  if (IsSkipped() || HasFatalFailure()) return;
  if (geteuid() == 0) beside_.emplace_back([this] { MakeKernelForget(); });
  if (GetParam() == Peer::kNone) return;
  fs::Volume::Options options = fs::TestVolume::DefaultOptions();
  options.label = "peer";
  peer_ = std::make_unique<fs::TestVolume>(2, content(), options);
  beside_.emplace_back([this] {
    std::mt19937 random(99);
    while (!is_calm_) {
      for (int i = 0; i < 5; ++i) ActAsPeer(random);
      Exchange();
      std::this_thread::yield();
    }
  });
}

void StormTest::TearDown() {
  is_calm_ = true;
  for (std::thread& thread : beside_) thread.join();
  beside_.clear();
  MountTest::TearDown();
  peer_.reset();
}

int StormTest::Rounds() {
  const char* const rounds = std::getenv("COPSE_ROUNDS");
  return rounds == nullptr ? 800 : std::stoi(rounds);
}

void StormTest::OnThreads(const std::function<void(int thread, std::mt19937& random)>& body) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&body, thread] {
      std::mt19937 random(static_cast<unsigned>(thread) + 1);
      body(thread, random);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// Names and inodes are looked up anew all the time; without, memory is never that short.
void StormTest::MakeKernelForget() {
  const Descriptor control(open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC));
  while (!is_calm_ && control.ok()) {
    static_cast<void>(pwrite(control.get(), "2", 1, 0));
    usleep(1000);
  }
}

// What the peer tries may fail, as whatever the others do may have happened first.
void StormTest::ActAsPeer(std::mt19937& random) {
  fs::Volume& volume = *peer_->volume;
  const std::string a = Any(random);
  const std::string b = Any(random);
  switch (random() % 6) {
    case 0: {
      const auto made = volume.MakeNode({}, crdt::kRoot, a, fs::Kind::kRegular, 0644, 0);
      if (made.ok()) PeerWrites(made->node, "made by the peer");
      break;
    }
    case 1: {
      const auto found = volume.Lookup(crdt::kRoot, a);
      if (found.ok() && found->attributes.kind == fs::Kind::kRegular) PeerWrites(found->node, "written by the peer");
      break;
    }
    case 2:
      static_cast<void>(volume.Unlink({}, crdt::kRoot, a));
      break;
    case 3: {
      const auto made = volume.MakeDirectory({}, crdt::kRoot, "d" + a, 0755);
      if (made.ok()) static_cast<void>(volume.MakeNode({}, made->node, b, fs::Kind::kRegular, 0644, 0));
      break;
    }
    case 4:
      static_cast<void>(volume.Rename({}, crdt::kRoot, "d" + a, crdt::kRoot, "d" + b, 0));
      break;
    default:
      static_cast<void>(volume.Rename({}, crdt::kRoot, a, crdt::kRoot, b, 0));
  }
}

void StormTest::PeerWrites(fs::NodeId node, std::string_view bytes) {
  const auto handle = peer_->volume->Open(node, {.write = true, .truncate = true});
  if (!handle.ok()) return;
  static_cast<void>(peer_->volume->Write(node, *handle, 0, bytes));
  peer_->volume->Release(*handle);
}

void StormTest::Exchange() {
  const std::vector<crdt::Op> own = journal().ops();
  ASSERT_TRUE(peer_->volume->Ingest(1, sent_, std::span(own).subspan(sent_)).ok());
  sent_ = own.size();
  ASSERT_TRUE(peer_->volume->Flush().ok());
  const std::vector<crdt::Op> ops = peer_->journal.ops();
  ASSERT_TRUE(volume().Ingest(2, fetched_, std::span(ops).subspan(fetched_)).ok());
  fetched_ = ops.size();
}

void StormTest::CalmDown() {
  is_calm_ = true;
  for (std::thread& thread : beside_) thread.join();
  beside_.clear();
  ExpectAgreement();
  if (peer_) ExpectConvergence();
  ExpectNothingCounted();
}

std::set<std::string> StormTest::NamesOfVolume() {
  std::set<std::string> names;
  const absl::Status listed = volume().List(crdt::kRoot, 0, [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    return true;
  });
  EXPECT_TRUE(listed.ok()) << listed;
  return names;
}

void StormTest::ExpectAgreement() {
  // What was announced last is told to the kernel a little later.
  EXPECT_TRUE(Eventually([&] {
    const std::vector<std::string> listed = NamesIn(mount_point());
    return NamesOfVolume() == std::set<std::string>(listed.begin(), listed.end());
  }));
  for (const std::string& name : NamesOfVolume()) {
    const auto known = volume().Lookup(crdt::kRoot, name);
    ASSERT_TRUE(known.ok()) << name << ": " << known.status();
    EXPECT_TRUE(Eventually([&] {
      const struct stat shown = StatOf(At(name));
      return known->node.value == shown.st_ino && known->attributes.links == shown.st_nlink &&
             known->attributes.size == static_cast<std::uint64_t>(shown.st_size);
    })) << name;
    volume().Forget(known->node, 1);
  }
}

void StormTest::ExpectConvergence() {
  ASSERT_TRUE(volume().Flush().ok());
  Exchange();
  EXPECT_EQ(peer_->volume->Dump(), volume().Dump());
}

void StormTest::ExpectNothingCounted() {
  for (const std::string& name : NamesIn(mount_point())) {
    std::error_code error;
    std::filesystem::remove_all(At(name), error);
    EXPECT_FALSE(error) << name << ": " << error.message();
  }
  if (geteuid() != 0) return;
  // The root is the kernel's for as long as the mount is there, and not counted.
  EXPECT_TRUE(Eventually([this] {
    WriteFile("/proc/sys/vm/drop_caches", "2");
    return volume().GetUsage().lookups == 0;
  })) << volume().GetUsage().lookups
      << " lookups are counted";
}

}  // namespace copse::test
