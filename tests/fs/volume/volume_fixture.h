#pragma once

#include <copse/base/executor.h>
#include <copse/base/memory_storage.h>
#include <copse/fs/error.h>
#include <copse/fs/volume.h>
#include <gtest/gtest.h>
#include <support/memory_content_store.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace copse::fs {

/// Keeps the ops of one replica, and how many of them a sync has covered; and those that came from others, in between.
class RecordingJournal final : public crdt::Journal {
 public:
  /// What a replica got to know at one time.
  struct Arrival {
    crdt::ActorId actor = 0;
    std::vector<crdt::Op> ops;
    bool is_own = false;
  };
  std::function<void()> before_sync;
  absl::Status sync_error;  ///< What Sync answers, having done nothing, where this is none.

  absl::Status Append(std::span<const crdt::Op> batch) override {
    const std::lock_guard lock(mutex_);
    ops_.insert(ops_.end(), batch.begin(), batch.end());
    arrivals_.push_back({batch.front().time.actor(), {batch.begin(), batch.end()}, true});
    return absl::OkStatus();
  }
  /// Keeps ops of others: at once durable, as they are stored before they are applied.
  void Receive(crdt::ActorId actor, std::span<const crdt::Op> ops) {
    const std::lock_guard lock(mutex_);
    arrivals_.push_back({actor, {ops.begin(), ops.end()}, false});
  }
  absl::Status Sync() override {
    if (before_sync) before_sync();
    if (!sync_error.ok()) return sync_error;
    const std::lock_guard lock(mutex_);
    durable_ = ops_.size();
    ++syncs_;
    return absl::OkStatus();
  }
  /// Own ops.
  std::vector<crdt::Op> ops() const {
    const std::lock_guard lock(mutex_);
    return ops_;
  }
  /// Own ops beyond the first `count`.
  std::vector<crdt::Op> OpsBeyond(std::size_t count) const {
    const std::lock_guard lock(mutex_);
    return {ops_.begin() + static_cast<std::ptrdiff_t>(count), ops_.end()};
  }
  std::vector<Arrival> arrivals() const {
    const std::lock_guard lock(mutex_);
    return arrivals_;
  }
  std::size_t op_count() const { return ops().size(); }
  std::size_t durable() const {
    const std::lock_guard lock(mutex_);
    return durable_;
  }
  std::size_t syncs() const {
    const std::lock_guard lock(mutex_);
    return syncs_;
  }
  /// What was not synced is gone.
  void Crash() {
    const std::lock_guard lock(mutex_);
    CutTo(durable_);
  }
  /// The journal is that of an earlier moment, when it had `count` ops.
  void Cut(std::size_t count) {
    const std::lock_guard lock(mutex_);
    CutTo(count);
    durable_ = count;
  }

 private:
  void CutTo(std::size_t count) {
    ops_.resize(count);
    std::size_t seen = 0;
    std::erase_if(arrivals_, [&](const Arrival& arrival) {
      if (!arrival.is_own) return false;
      seen += arrival.ops.size();
      return seen > count;
    });
  }

  mutable std::mutex mutex_;
  std::vector<crdt::Op> ops_;
  std::vector<Arrival> arrivals_;
  std::size_t durable_ = 0;
  std::size_t syncs_ = 0;
};

/// Time that moves when told, and tells when it is asked for.
class TestClock final : public base::Clock {
 public:
  base::UnixNanoseconds Now() override {
    if (const auto told = std::exchange(before_next_now, nullptr)) told();
    return clock_.Now();
  }
  std::chrono::nanoseconds Monotonic() override { return clock_.Monotonic(); }
  void Advance(std::chrono::nanoseconds by) { clock_.Advance(by); }

  std::function<void()> before_next_now;  ///< Once. Volume::Write asks between finding its file and writing into it.

 private:
  base::ManualClock clock_;
};

/// One volume on a disk in memory, with time that moves when told.
struct TestVolume {
  static constexpr crdt::ActorId kActor = 7;

  const crdt::ActorId actor;
  TestClock clock;
  base::ManualExecutor executor{[this] { return clock.Monotonic(); }};
  base::MemoryStorage storage;
  const std::shared_ptr<test::MemoryContentStore> shared_content;
  test::MemoryContentStore& content = *shared_content;
  RecordingJournal journal;
  Volume::Options options;
  crdt::Timestamp stable;  ///< Up to where the volume may forget history.
  std::unique_ptr<crdt::TreeReplica> replica;
  std::vector<std::string> notes;
  std::unique_ptr<Volume> volume;

  TestVolume() : TestVolume(kActor, std::make_shared<test::MemoryContentStore>(), DefaultOptions()) {}
  TestVolume(crdt::ActorId its_actor, std::shared_ptr<test::MemoryContentStore> its_content,
             Volume::Options its_options)
      : actor(its_actor), shared_content(std::move(its_content)), options(std::move(its_options)) {
    Open();
  }

  static Volume::Options DefaultOptions() {
    Volume::Options options;
    options.staging_directory = "/staging";
    options.volume_key = std::string(32, 'k');
    options.reserve_bytes = 1 << 20;
    return options;
  }

  /// Opens on what the journal holds, as a new process does.
  void Open() {
    replica = std::make_unique<crdt::TreeReplica>(actor, journal, ValidateFileSystemOp);
    for (const RecordingJournal::Arrival& arrival : journal.arrivals()) {
      ASSERT_TRUE(replica->Ingest(arrival.actor, replica->version()[arrival.actor], arrival.ops).ok());
    }
    notes.clear();
    const Volume::Environment environment{storage, clock, executor, content, journal, [this] { return stable; }};
    auto opened = Volume::Open(environment, *replica, options, notes);
    ASSERT_TRUE(opened.ok()) << opened.status();
    volume = std::move(*opened);
  }

  void Reopen() {
    volume.reset();
    Open();
  }

  /// The process is killed and the machine stops: only what was synced is there afterwards.
  void CrashAndReopen() {
    journal.Crash();
    storage.Crash(base::MemoryStorage::Keep::kNothing);
    // The destructor of the old volume publishes into a disk and journal that are gone; its ops are dropped again.
    volume.reset();
    journal.Crash();
    Open();
  }

  void Advance(std::chrono::nanoseconds by) {
    clock.Advance(by);
    executor.RunDue();
  }

  /// Takes in ops that `author` made, from the one on that is not known yet, up to its op number `count`.
  absl::Status Receive(const TestVolume& author, std::size_t count) {
    const std::vector<crdt::Op> ops = author.journal.ops();
    const std::size_t known = replica->version()[author.actor];
    if (count <= known) return absl::OkStatus();
    const auto news = std::span(ops).subspan(known, count - known);
    absl::Status taken = volume->Ingest(author.actor, known, news);
    if (taken.ok()) journal.Receive(author.actor, news);
    return taken;
  }
};

/// One second: times of two calls differ by it where a test needs them to.
inline constexpr std::chrono::seconds kSecond{1};
inline const Caller kAlice{1000, 1000, 022};

/// Calls on a volume, as a person would make them.
class VolumeUser {
 public:
  virtual ~VolumeUser() = default;
  virtual Volume& volume() = 0;
  /// What is done with an entry that counts a lookup: kept in mind for ever, as by a kernel with much memory.
  virtual NodeId Looked(const Volume::Entry& entry) { return entry.node; }

  std::errc ErrorOf(const absl::Status& status) { return status.ok() ? std::errc{} : PosixErrorOf(status); }
  template <typename T>
  std::errc ErrorOf(const absl::StatusOr<T>& result) {
    return ErrorOf(result.status());
  }

  NodeId MakeDirectory(NodeId parent, const std::string& name, std::uint32_t mode = 0755) {
    const auto made = volume().MakeDirectory(kAlice, parent, name, mode);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? Looked(*made) : NodeId{};
  }
  /// A closed file with `contents`, not necessarily published.
  NodeId MakeFile(NodeId parent, const std::string& name, std::string_view contents = "") {
    auto created = volume().Create(kAlice, parent, name, 0644, {.write = true});
    EXPECT_TRUE(created.ok()) << created.status();
    if (!created.ok()) return {};
    if (!contents.empty()) {
      EXPECT_TRUE(volume().Write(created->entry.node, created->handle, 0, contents).ok());
    }
    volume().Release(created->handle);
    return Looked(created->entry);
  }
  std::string Contents(NodeId node) {
    std::string bytes(1 << 20, '\0');
    const auto read = volume().Read(node, nullptr, 0, bytes);
    EXPECT_TRUE(read.ok()) << read.status();
    bytes.resize(read.ok() ? *read : 0);
    return bytes;
  }
  Attributes Stat(NodeId node) {
    const auto attributes = volume().GetAttributes(node);
    EXPECT_TRUE(attributes.ok()) << attributes.status();
    return attributes.ok() ? *attributes : Attributes{};
  }
  NodeId Find(NodeId parent, const std::string& name) {
    const auto found = volume().Lookup(parent, name);
    return found.ok() ? Looked(*found) : NodeId{};
  }
  std::vector<std::string> Names(NodeId directory) {
    std::vector<std::string> names;
    EXPECT_TRUE(volume()
                    .List(directory, 0,
                          [&](std::uint64_t, const ShownEntry& entry, Kind) {
                            names.push_back(entry.name);
                            return true;
                          })
                    .ok());
    std::sort(names.begin(), names.end());
    return names;
  }
};

class VolumeTest : public ::testing::Test, protected VolumeUser {
 protected:
  Volume& volume() override { return *world_.volume; }

  TestVolume world_;
};

using crdt::kRoot;

}  // namespace copse::fs
