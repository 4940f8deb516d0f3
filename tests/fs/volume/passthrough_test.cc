#include <copse/base/posix_storage.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "fs/volume/volume_fixture.h"
#include "support/temporary_directory.h"

// What a volume makes of files that programs write past it: what the kernel would do is done with the descriptor.

namespace copse::fs {
namespace {

constexpr NodeId kRoot = crdt::kRoot;
constexpr std::uint64_t kSize = 2 << 20;

template <typename T>
T Must(absl::StatusOr<T> result) {
  EXPECT_TRUE(result.ok()) << result.status();
  return *std::move(result);
}
void Must(const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; }

class VolumePassthroughTest : public testing::Test {
 protected:
  VolumePassthroughTest() { Start(); }

  void Start() {
    replica_ = std::make_unique<crdt::TreeReplica>(7, journal_, ValidateFileSystemOp);
    for (const RecordingJournal::Arrival& arrival : journal_.arrivals()) {
      Must(replica_->Ingest(arrival.actor, replica_->version()[arrival.actor], arrival.ops).status());
    }
    Volume::Options options = TestVolume::DefaultOptions();
    options.staging_directory = directory_.path() / "staging";
    volume_ = Must(Volume::Open({storage_, clock_, executor_, content_, journal_}, *replica_, options, notes_));
    EXPECT_TRUE(notes_.empty()) << notes_.front();
    volume_->OfferPassthrough(true);
  }

  void Advance(std::chrono::nanoseconds by) {
    clock_.Advance(by);
    executor_.RunDue();
  }

  /// A file of kSize bytes, written, synced and closed.
  NodeId MakeSynced(std::string_view name, char byte = 'a') {
    const Volume::Created created = Must(volume_->Create(kAlice, kRoot, name, 0644, {.write = true}));
    Must(volume_->Write(created.entry.node, created.handle, 0, std::string(kSize, byte)).status());
    Must(volume_->Fsync(created.entry.node, created.handle));
    volume_->Release(created.handle);
    return created.entry.node;
  }
  /// Opens it as the frontend does.
  Volume::Handle* OpenPassing(NodeId node) {
    Volume::Handle* const handle = Must(volume_->Open(node, {.write = true}));
    EXPECT_TRUE(volume_->MayPassThrough(handle, node));
    descriptor_ = Must(volume_->BeginPassthrough(handle));
    return handle;
  }
  /// As a program whose write was long enough ago to be at rest, and happened at `when`.
  void WriteUnseen(std::string_view bytes, base::UnixNanoseconds when, off_t offset = 0) const {
    ASSERT_EQ(pwrite(descriptor_, bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
    const timespec times[2] = {{0, UTIME_OMIT}, {when / 1'000'000'000, when % 1'000'000'000}};
    ASSERT_EQ(futimens(descriptor_, times), 0);
  }
  std::string Beginning(NodeId node) {
    std::string bytes(8, '?');
    EXPECT_EQ(Must(volume_->Read(node, nullptr, 0, bytes)), bytes.size());
    return bytes;
  }
  std::size_t PlainFiles() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path() / "staging")) {
      count += entry.path().extension() == ".data";
    }
    return count;
  }

  const test::TemporaryDirectory directory_;
  TestClock clock_;
  base::ManualExecutor executor_{[this] { return clock_.Monotonic(); }};
  base::PosixStorage storage_;
  test::MemoryContentStore content_;
  RecordingJournal journal_;
  std::vector<std::string> notes_;
  std::unique_ptr<crdt::TreeReplica> replica_;
  std::unique_ptr<Volume> volume_;
  int descriptor_ = -1;
};

TEST_F(VolumePassthroughTest, WhatProgramsWriteShowsInAttributesAndIsPublishedAtClose) {
  const NodeId node = MakeSynced("file");
  Volume::Handle* const handle = OpenPassing(node);
  EXPECT_TRUE(Must(volume_->GetAttributes(node)).passes_through);
  WriteUnseen("unseen", 1'800'000'000'000'000'000, kSize);
  const Attributes shown = Must(volume_->GetAttributes(node));
  EXPECT_EQ(shown.size, kSize + 6);
  EXPECT_EQ(shown.mtime, 1'800'000'000'000'000'000);
  EXPECT_EQ(shown.ctime, 1'800'000'000'000'000'000);
  WriteUnseen("at close", 1'800'000'000'000'000'001);
  const std::size_t ops = journal_.op_count();
  volume_->Release(handle);
  Advance(kSecond);
  EXPECT_EQ(journal_.op_count(), ops + 1);
  EXPECT_EQ(volume_->GetUsage().dirty_files, 0);
  EXPECT_FALSE(Must(volume_->GetAttributes(node)).passes_through);
  volume_.reset();
  Start();
  EXPECT_EQ(Beginning(node), "at close");
  EXPECT_EQ(Must(volume_->GetAttributes(node)).size, kSize + 6);
}

TEST_F(VolumePassthroughTest, WhatNobodyChangesMakesNoOps) {
  const NodeId node = MakeSynced("file");
  Advance(kSecond);
  const std::size_t ops = journal_.op_count();
  for (int round = 0; round < 3; ++round) {
    Volume::Handle* const handle = OpenPassing(node);
    Must(volume_->Fsync(node, handle));
    Advance(10 * kSecond);
    volume_->Release(handle);
    Advance(10 * kSecond);
  }
  EXPECT_EQ(journal_.op_count(), ops);
}

TEST_F(VolumePassthroughTest, WhatRestsIsPublishedThoughTheFileStaysOpenAndNobodyAsks) {
  const NodeId node = MakeSynced("file");
  Volume::Handle* const handle = OpenPassing(node);
  Advance(kSecond);
  const std::size_t ops = journal_.op_count();
  WriteUnseen("resting", 1'800'000'000'000'000'000);
  Advance(2 * kSecond);
  Advance(2 * kSecond);
  EXPECT_EQ(journal_.op_count(), ops + 1);
  WriteUnseen("further", 1'800'000'001'000'000'000);
  Advance(2 * kSecond);
  Advance(2 * kSecond);
  EXPECT_EQ(journal_.op_count(), ops + 2);
  volume_->Release(handle);
}

TEST_F(VolumePassthroughTest, WhoWritesAllTheTimeHasVersionsMadeAllTheSame) {
  const NodeId node = MakeSynced("file");
  Volume::Handle* const handle = OpenPassing(node);
  Advance(kSecond);
  const std::size_t ops = journal_.op_count();
  for (int second = 0; second < 40; ++second) {
    WriteUnseen(std::to_string(second), 1'800'000'000'000'000'000 + second);
    Advance(kSecond);
  }
  EXPECT_GE(journal_.op_count(), ops + 2);
  volume_->Release(handle);
}

TEST_F(VolumePassthroughTest, ATimeThatIsSetAfterAWriteStays) {
  const NodeId node = MakeSynced("file");
  Volume::Handle* const handle = OpenPassing(node);
  WriteUnseen("written", 1'800'000'000'000'000'000);
  AttributeChanges changes;
  changes.mtime = 1000;
  EXPECT_EQ(Must(volume_->SetAttributes(kAlice, node, changes)).mtime, 1000);
  EXPECT_EQ(Must(volume_->GetAttributes(node)).mtime, 1000);
  volume_->Release(handle);
  Advance(kSecond);
  EXPECT_EQ(Must(volume_->GetAttributes(node)).mtime, 1000);
  EXPECT_EQ(Beginning(node), "writtena");
}

TEST_F(VolumePassthroughTest, TheSecondHandlePassesThroughTheSameFile) {
  const NodeId node = MakeSynced("file");
  Volume::Handle* const first = OpenPassing(node);
  const int descriptor = descriptor_;
  Volume::Handle* const second = OpenPassing(node);
  EXPECT_EQ(descriptor_, descriptor);
  volume_->Release(first);
  EXPECT_TRUE(Must(volume_->GetAttributes(node)).passes_through);
  WriteUnseen("second", 1'800'000'000'000'000'000);
  volume_->Release(second);
  Advance(kSecond);
  EXPECT_EQ(Beginning(node), "secondaa");
}

TEST_F(VolumePassthroughTest, AMappingThatOutlivesItsDescriptorIsWaitedFor) {
  const NodeId node = MakeSynced("file");
  Volume::Handle* const handle = OpenPassing(node);
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor_);
  const int mapping = open(path.c_str(), O_RDWR | O_CLOEXEC);  // Holds the file open as a mapping does.
  ASSERT_GE(mapping, 0);
  volume_->Release(handle);
  Advance(10 * kSecond);
  EXPECT_TRUE(Must(volume_->GetAttributes(node)).passes_through);
  WriteUnseen("mapped", 1'800'000'000'000'000'000);
  const std::size_t ops = journal_.op_count();
  Advance(2 * kSecond);
  Advance(2 * kSecond);
  EXPECT_EQ(journal_.op_count(), ops + 1);
  close(mapping);
  Advance(10 * kSecond);
  EXPECT_FALSE(Must(volume_->GetAttributes(node)).passes_through);
  EXPECT_EQ(Beginning(node), "mappedaa");
}

TEST_F(VolumePassthroughTest, AFileWithSetuidDoesNotPassThroughAndAWriteAfterItWasGivenTakesItAway) {
  const NodeId node = MakeSynced("file");
  AttributeChanges changes;
  changes.mode = 04755;
  Must(volume_->SetAttributes(kAlice, node, changes).status());
  Volume::Handle* const refused = Must(volume_->Open(node, {.write = true}));
  EXPECT_FALSE(volume_->BeginPassthrough(refused).ok());
  volume_->Release(refused);

  changes.mode = 0755;
  Must(volume_->SetAttributes(kAlice, node, changes).status());
  Volume::Handle* const handle = OpenPassing(node);
  WriteUnseen("before", 1'800'000'000'000'000'000);
  changes.mode = 04755;
  Must(volume_->SetAttributes(kAlice, node, changes).status());
  Must(volume_->Fsync(node, handle));
  EXPECT_EQ(Must(volume_->GetAttributes(node)).mode, 04755);
  WriteUnseen("after", 1'800'000'000'000'000'001);
  volume_->Release(handle);
  Advance(kSecond);
  EXPECT_EQ(Must(volume_->GetAttributes(node)).mode, 0755);
}

TEST_F(VolumePassthroughTest, TheVersionOfAPeerShowsWhenTheLastHandleIsClosed) {
  const NodeId node = MakeSynced("file");
  Advance(kSecond);
  TestVolume peer(8, std::make_shared<test::MemoryContentStore>(), TestVolume::DefaultOptions());
  const auto send = [&] {
    const std::vector<crdt::Op> ops = journal_.ops();
    const std::size_t known = peer.replica->version()[7];
    Must(peer.volume->Ingest(7, known, std::span(ops).subspan(known)));
  };
  send();
  Volume::Handle* const handle = OpenPassing(node);
  const Volume::Handle* const others = Must(peer.volume->Open(node, {.write = true, .truncate = true}));
  Must(peer.volume->Write(node, const_cast<Volume::Handle*>(others), 0, "of a peer").status());
  Must(peer.volume->Flush());
  Must(volume_->Ingest(8, 0, peer.journal.ops()));
  Advance(10 * kSecond);
  EXPECT_EQ(Must(volume_->GetAttributes(node)).size, kSize);
  EXPECT_EQ(Beginning(node), "aaaaaaaa");
  volume_->Release(handle);
  Advance(10 * kSecond);
  EXPECT_EQ(Must(volume_->GetAttributes(node)).size, 9);
  EXPECT_EQ(PlainFiles(), 0);
}

TEST_F(VolumePassthroughTest, BothVersionsStayWhereAPeerHasWrittenMeanwhile) {
  const NodeId node = MakeSynced("file");
  Advance(kSecond);
  TestVolume peer(8, std::make_shared<test::MemoryContentStore>(), TestVolume::DefaultOptions());
  Must(peer.volume->Ingest(7, 0, journal_.ops()));
  Volume::Handle* const handle = OpenPassing(node);
  Volume::Handle* const others = Must(peer.volume->Open(node, {.write = true, .truncate = true}));
  Must(peer.volume->Write(node, others, 0, "of a peer").status());
  Must(peer.volume->Flush());
  Must(volume_->Ingest(8, 0, peer.journal.ops()));
  WriteUnseen("of mine", 1'800'000'000'000'000'000);
  volume_->Release(handle);
  Advance(10 * kSecond);
  EXPECT_EQ(volume_->ListConflicts().size(), 1);
}

TEST_F(VolumePassthroughTest, ARemovedFileGoesWithItsLastHandle) {
  const NodeId node = MakeSynced("file");
  Must(volume_->Lookup(kRoot, "file").status());
  Volume::Handle* const handle = OpenPassing(node);
  Must(volume_->Unlink(kAlice, kRoot, "file"));
  WriteUnseen("no longer", 1'800'000'000'000'000'000);
  EXPECT_EQ(Beginning(node), "no longe");
  const std::size_t ops = journal_.op_count();
  volume_->Release(handle);
  volume_->Forget(node, 2);
  Advance(10 * kSecond);
  EXPECT_EQ(journal_.op_count(), ops);
  EXPECT_EQ(PlainFiles(), 0);
}

TEST_F(VolumePassthroughTest, AKeptPlainFileGoesWithItsFile) {
  MakeSynced("file");
  Advance(kSecond);
  EXPECT_EQ(PlainFiles(), 1);
  Must(volume_->Unlink(kAlice, kRoot, "file"));
  Advance(kSecond);
  EXPECT_EQ(PlainFiles(), 0);
}

TEST_F(VolumePassthroughTest, NoPlainFileIsKeptWhereNobodyPassesThrough) {
  volume_->OfferPassthrough(false);
  const NodeId node = MakeSynced("file");
  Volume::Handle* const handle = Must(volume_->Open(node, {.write = true}));
  EXPECT_FALSE(volume_->MayPassThrough(handle, node));
  volume_->Release(handle);
  Advance(kSecond);
  EXPECT_EQ(PlainFiles(), 0);
}

TEST_F(VolumePassthroughTest, PlainFilesAreKeptWithinABound) {
  for (int file = 0; file < 40; ++file) {
    MakeSynced("file-" + std::to_string(file), static_cast<char>('a' + file % 26));
    Advance(kSecond);
  }
  EXPECT_EQ(PlainFiles(), 32);
  volume_.reset();
  EXPECT_EQ(PlainFiles(), 0);
  Start();
}

TEST_F(VolumePassthroughTest, ReadsOfProgramsMoveTheAccessTime) {
  const NodeId node = MakeSynced("file");
  Advance(kSecond);
  const base::UnixNanoseconds before = Must(volume_->GetAttributes(node)).atime;
  Volume::Handle* const handle = OpenPassing(node);
  const timespec times[2] = {{4'000'000'000, 0}, {0, UTIME_OMIT}};
  ASSERT_EQ(futimens(descriptor_, times), 0);
  volume_->Release(handle);
  EXPECT_GT(Must(volume_->GetAttributes(node)).atime, before);
}

}  // namespace
}  // namespace copse::fs
