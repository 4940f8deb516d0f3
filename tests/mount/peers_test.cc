// Ops of another replica come in while the mount is used.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using fs::NodeId;

/// A multiple of what the kernel caches as one.
constexpr std::size_t kPage = 4096;

class PeersTest : public MountTest {
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

  /// What the mount has made reaches the peer.
  void Send() {
    ASSERT_TRUE(volume().Flush().ok());
    const std::vector<crdt::Op> ops = journal().ops();
    const std::size_t known = peer_->replica->version()[1];
    ASSERT_TRUE(peer_->volume->Ingest(1, known, std::span(ops).subspan(known)).ok());
  }
  /// What the peer has made reaches the mount.
  void Fetch() {
    ASSERT_TRUE(peer_->volume->Flush().ok());
    const std::vector<crdt::Op> ops = peer_->journal.ops();
    const auto news = std::span(ops).subspan(fetched_);
    ASSERT_TRUE(volume().Ingest(2, fetched_, news).ok());
    fetched_ = ops.size();
  }
  NodeId PeerFind(const std::string& name) {
    const auto found = peer_->volume->Lookup(crdt::kRoot, name);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? found->node : NodeId{};
  }
  void PeerWrite(NodeId node, std::string_view bytes) {
    const auto handle = peer_->volume->Open(node, {.write = true, .truncate = true});
    ASSERT_TRUE(handle.ok()) << handle.status();
    EXPECT_TRUE(peer_->volume->Write(node, *handle, 0, bytes).ok());
    peer_->volume->Release(*handle);
  }
  void PeerMake(const std::string& name, std::string_view bytes) {
    const auto made = peer_->volume->MakeNode({}, crdt::kRoot, name, fs::Kind::kRegular, 0644, 0);
    ASSERT_TRUE(made.ok()) << made.status();
    PeerWrite(made->node, bytes);
  }
  void PeerAppend(NodeId node, std::string_view bytes) {
    const auto handle = peer_->volume->Open(node, {.write = true});
    ASSERT_TRUE(handle.ok()) << handle.status();
    EXPECT_TRUE(peer_->volume->Append(node, *handle, bytes).ok());
    peer_->volume->Release(*handle);
  }
  std::string PeerRead(NodeId node) {
    std::string bytes(1 << 20, '\0');
    const auto count = peer_->volume->Read(node, nullptr, 0, bytes);
    EXPECT_TRUE(count.ok()) << count.status();
    bytes.resize(count.value_or(0));
    return bytes;
  }
  /// Fetches, and returns when the kernel has been told of all of it. No program has looked at a file meanwhile.
  void FetchUntilTheKernelIsTold() {
    // Inodes are told of after the names that waited with them: so with the second name, those that came with the first
    // have been told of.
    for (const char* name : {"a first sign", "a second sign"}) {
      ASSERT_FALSE(Exists(At(name)));  // Remembered: it shows only when the kernel is told.
      PeerMake(name, "");
      Fetch();
      ASSERT_TRUE(Eventually([&] { return Exists(At(name)); }));
    }
  }
  /// The file "f" of two pages 'a' when a peer has appended a page 'p': opened here with `flags` before that, and its
  /// size in the kernel is still the old one.
  Descriptor OpenWhatAPeerHasAppendedTo(int flags) {
    Descriptor file = OpenFile(At("f"), O_WRONLY | O_CREAT | flags);
    Write(file, std::string(2 * kPage, 'a'));
    Send();
    PeerAppend(PeerFind("f"), std::string(kPage, 'p'));
    FetchUntilTheKernelIsTold();
    return file;
  }
  static void Write(const Descriptor& file, const std::string& bytes) {
    EXPECT_EQ(static_cast<ssize_t>(bytes.size()), write(file.get(), bytes.data(), bytes.size()));
  }
  /// Here, and at the peer once it has what was written here.
  void ExpectEverywhere(const std::string& bytes) {
    EXPECT_TRUE(Eventually([&] { return ReadFile(At("f")) == bytes; }));
    Send();
    EXPECT_TRUE(PeerRead(PeerFind("f")) == bytes);
    EXPECT_EQ((std::vector<std::string>{"a first sign", "a second sign", "f"}), SortedNames());
  }
  std::vector<std::string> SortedNames() {
    std::vector<std::string> names = NamesIn(mount_point());
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string Pread(const Descriptor& file) {
    std::string bytes(64, '\0');
    const ssize_t count = pread(file.get(), bytes.data(), bytes.size(), 0);
    EXPECT_NE(-1, count) << std::strerror(errno);
    bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return bytes;
  }

  std::unique_ptr<fs::TestVolume> peer_;
  std::size_t fetched_ = 0;
};

TEST_F(PeersTest, WhatAPeerMakesShowsWithoutARemountThoughTheKernelRememberedItAbsent) {
  EXPECT_FALSE(Exists(At("new")));
  EXPECT_TRUE(NamesIn(mount_point()).empty());
  PeerMake("new", "of the peer");
  Fetch();
  EXPECT_TRUE(Eventually([&] { return Exists(At("new")); }));
  EXPECT_TRUE(Eventually([&] { return NamesIn(mount_point()) == std::vector<std::string>{"new"}; }));
  EXPECT_EQ("of the peer", ReadFile(At("new")));
}

TEST_F(PeersTest, WhatAPeerRenamesEditsAndRemovesIsNotSeenInCachesAnyMore) {
  WriteFile(At("a"), "old");
  WriteFile(At("b"), "removed");
  EXPECT_EQ("old", ReadFile(At("a")));
  EXPECT_TRUE(Exists(At("b")));
  Send();
  PeerWrite(PeerFind("a"), "a new version");
  ASSERT_TRUE(peer_->volume->Rename({}, crdt::kRoot, "a", crdt::kRoot, "c", 0).ok());
  ASSERT_TRUE(peer_->volume->Unlink({}, crdt::kRoot, "b").ok());
  Fetch();
  EXPECT_TRUE(Eventually([&] { return !Exists(At("a")) && !Exists(At("b")) && Exists(At("c")); }));
  EXPECT_TRUE(Eventually([&] { return ReadFile(At("c")) == "a new version"; }));
  EXPECT_EQ(13, StatOf(At("c")).st_size);
}

TEST_F(PeersTest, AnOpenFileFollowsAPeersVersionAndOneThatIsWrittenKeepsItsOwn) {
  WriteFile(At("f"), "base");
  Descriptor file = OpenFile(At("f"), O_RDWR);
  EXPECT_EQ("base", Pread(file));
  Send();
  PeerWrite(PeerFind("f"), "followed");
  Fetch();
  EXPECT_TRUE(Eventually([&] { return Pread(file) == "followed"; }));
  EXPECT_EQ(1, pwrite(file.get(), "F", 1, 0));
  PeerWrite(PeerFind("f"), "of the peer");
  Fetch();
  EXPECT_EQ("Followed", Pread(file));
  file.Close();
  ASSERT_TRUE(Eventually([&] { return NamesIn(mount_point()).size() == 2; }));
  EXPECT_EQ("Followed", ReadFile(At("f")));
  EXPECT_EQ("of the peer", ReadFile(At("f-peer")));
  // Ordinary tools resolve it.
  EXPECT_WORKS(rename(At("f-peer").c_str(), At("f").c_str()));
  EXPECT_TRUE(Eventually([&] { return ReadFile(At("f")) == "of the peer"; }));
  EXPECT_TRUE(Eventually([&] { return !Exists(At("f-peer")); }));
}

TEST_F(PeersTest, AnAppendGoesBehindThatOfAPeerAndShowsSoThoughTheKernelKnewAnOlderSize) {
  const Descriptor file = OpenWhatAPeerHasAppendedTo(O_APPEND);
  Write(file, std::string(kPage, 'l'));
  ExpectEverywhere(std::string(2 * kPage, 'a') + std::string(kPage, 'p') + std::string(kPage, 'l'));
}

TEST_F(PeersTest, ADescriptorThatIsToldToAppendLaterDoesSoBehindAPeersBytesToo) {
  const Descriptor file = OpenWhatAPeerHasAppendedTo(0);
  ASSERT_WORKS(fcntl(file.get(), F_SETFL, O_APPEND));
  Write(file, std::string(kPage, 'l'));
  ExpectEverywhere(std::string(2 * kPage, 'a') + std::string(kPage, 'p') + std::string(kPage, 'l'));
}

TEST_F(PeersTest, ADescriptorThatAppendsNoMoreWritesWhereItIsToldThoughAPeerHasAppended) {
  const Descriptor file = OpenWhatAPeerHasAppendedTo(O_APPEND);
  ASSERT_WORKS(fcntl(file.get(), F_SETFL, 0));
  const std::string bytes(kPage, 'l');
  ASSERT_EQ(static_cast<ssize_t>(kPage), pwrite(file.get(), bytes.data(), kPage, kPage));
  ExpectEverywhere(std::string(kPage, 'a') + bytes + std::string(kPage, 'p'));
}

TEST_F(PeersTest, AFileThatAPeerRemovesGoesOnWorkingForWhoHasItOpen) {
  WriteFile(At("f"), "base");
  Descriptor file = OpenFile(At("f"), O_RDWR);
  Send();
  ASSERT_TRUE(peer_->volume->Unlink({}, crdt::kRoot, "f").ok());
  Fetch();
  EXPECT_TRUE(Eventually([&] { return !Exists(At("f")); }));
  EXPECT_EQ("base", Pread(file));
  EXPECT_EQ(1, pwrite(file.get(), "B", 1, 0));
  EXPECT_EQ("Base", Pread(file));
  file.Close();
  EXPECT_TRUE(Eventually([&] { return Exists(At("f")); })) << "what was written brings it back";
  EXPECT_EQ("Base", ReadFile(At("f")));
}

TEST_F(PeersTest, AMappingSeesAPeersVersion) {
  WriteFile(At("f"), "base");
  Send();
  const std::string path = At("f");
  ChildProcess child([&](const std::function<void()>& wait) {
    const int file = open(path.c_str(), O_RDONLY);
    void* const mapped = mmap(nullptr, 4, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) return 1;
    const volatile char* const bytes = static_cast<const volatile char*>(mapped);
    if (bytes[0] != 'b') return 2;
    wait();
    for (int attempt = 0; attempt < 2000; ++attempt) {
      if (bytes[0] == 'p') return 0;
      usleep(10'000);
    }
    return 3;
  });
  child.AwaitWait();
  PeerWrite(PeerFind("f"), "peer");
  Fetch();
  EXPECT_EQ(0, child.Finish());
}

TEST_F(PeersTest, ADirectoryMadeByBothIsOneInTheMount) {
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  WriteFile(At("d/mine"), "1");
  const auto made = peer_->volume->MakeDirectory({}, crdt::kRoot, "d", 0755);
  ASSERT_TRUE(made.ok());
  const auto file = peer_->volume->MakeNode({}, made->node, "theirs", fs::Kind::kRegular, 0644, 0);
  ASSERT_TRUE(file.ok());
  PeerWrite(file->node, "2");
  EXPECT_FALSE(Exists(At("d/theirs")));
  Fetch();
  EXPECT_TRUE(Eventually([&] { return Exists(At("d/theirs")); }));
  EXPECT_EQ("1", ReadFile(At("d/mine")));
  EXPECT_EQ("2", ReadFile(At("d/theirs")));
  EXPECT_EQ(std::vector<std::string>{"d"}, NamesIn(mount_point()));
  EXPECT_WORKS(unlink(At("d/theirs").c_str()));
  EXPECT_WORKS(unlink(At("d/mine").c_str()));
  EXPECT_WORKS(rmdir(At("d").c_str()));
}

}  // namespace
}  // namespace copse::test
