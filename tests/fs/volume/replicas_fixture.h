#pragma once

#include <functional>
#include <set>

#include "fs/volume/volume_fixture.h"

namespace copse::fs {

/// One of several replicas: a volume of its own, and chunks that all see at once.
class Replica final : public VolumeUser {
 public:
  Replica(crdt::ActorId actor, std::shared_ptr<test::MemoryContentStore> content, Volume::Options options)
      : world(actor, std::move(content), std::move(options)) {
    Watch();
  }
  Volume& volume() override { return *world.volume; }
  /// Keeps the numbers in `held` only, as a kernel with little memory.
  NodeId Looked(const Volume::Entry& entry) override {
    if (!held.contains(entry.node)) volume().Forget(entry.node, 1);
    return entry.node;
  }
  /// The kernel looks `name` up, and keeps what it finds.
  NodeId Hold(NodeId parent, const std::string& name) {
    const auto found = volume().Lookup(parent, name);
    EXPECT_TRUE(found.ok()) << found.status();
    if (found.ok()) held.insert(found->node);
    return found.ok() ? found->node : NodeId{};
  }

  void Write(NodeId node, std::string_view contents) {
    const auto handle = volume().Open(node, {.write = true, .truncate = true});
    ASSERT_TRUE(handle.ok()) << handle.status();
    EXPECT_TRUE(volume().Write(node, *handle, 0, contents).ok());
    volume().Release(*handle);
  }
  std::string ContentsAt(NodeId parent, const std::string& name) {
    const NodeId found = Find(parent, name);
    return found == NodeId{} ? "no entry " + name : Contents(found);
  }
  /// Contents of what is in `directory`, ascending.
  std::vector<std::string> AllContents(NodeId directory) {
    std::vector<std::string> contents;
    for (const std::string& name : Names(directory)) contents.push_back(ContentsAt(directory, name));
    std::sort(contents.begin(), contents.end());
    return contents;
  }
  /// Reads through an open file.
  std::string ContentsOf(Volume::Handle* handle, NodeId node) {
    std::string bytes(1 << 16, '\0');
    const auto read = volume().Read(node, handle, 0, bytes);
    EXPECT_TRUE(read.ok()) << read.status();
    bytes.resize(read.ok() ? *read : 0);
    return bytes;
  }
  std::errc Unlink(NodeId parent, const std::string& name) { return ErrorOf(volume().Unlink(kAlice, parent, name)); }
  std::errc Rmdir(NodeId parent, const std::string& name) {
    return ErrorOf(volume().RemoveDirectory(kAlice, parent, name));
  }
  std::errc Rename(NodeId parent, const std::string& name, NodeId new_parent, const std::string& new_name,
                   unsigned flags = Volume::kRenamePlain) {
    return ErrorOf(volume().Rename(kAlice, parent, name, new_parent, new_name, flags));
  }

  /// Takes what the volume has announced since the last call.
  Invalidations TakeAnnounced() { return std::exchange(announced_, {}); }
  bool Announced(NodeId target) const {
    return std::find(announced_.targets.begin(), announced_.targets.end(), target) != announced_.targets.end();
  }
  bool Announced(NodeId directory, const std::string& name) const {
    const Invalidations::Name wanted{directory, name};
    return std::find(announced_.names.begin(), announced_.names.end(), wanted) != announced_.names.end();
  }

  void Reopen() {
    world.Reopen();
    Watch();
  }
  void CrashAndReopen() {
    world.CrashAndReopen();
    Watch();
  }

  TestVolume world;
  std::set<NodeId> held;

 private:
  void Watch() {
    world.volume->set_invalidation_sink([this](const Invalidations& changed) {
      announced_.names.insert(announced_.names.end(), changed.names.begin(), changed.names.end());
      announced_.targets.insert(announced_.targets.end(), changed.targets.begin(), changed.targets.end());
    });
  }

  Invalidations announced_;
};

/// Replicas in one process, that see each other's ops when told.
class ReplicasTest : public ::testing::Test {
 protected:
  static constexpr const char* kLabels[] = {"desk", "laptop", "phone"};

  ReplicasTest() { Start(); }

  void Start() {
    replicas_.clear();
    for (crdt::ActorId actor = 1; actor <= 3; ++actor) {
      Volume::Options options = TestVolume::DefaultOptions();
      options.label = kLabels[actor - 1];
      replicas_.push_back(std::make_unique<Replica>(actor, content_, options));
    }
    Exchange();  // All know each other's labels.
    for (const auto& replica : replicas_) replica->TakeAnnounced();
  }

  Replica& desk() { return *replicas_[0]; }
  Replica& laptop() { return *replicas_[1]; }
  Replica& phone() { return *replicas_[2]; }

  /// Runs `story` with two replicas in each part, so that each is once the one whose ops are later.
  void BothWays(const std::function<void(Replica& a, Replica& b)>& story) {
    for (const bool is_turned : {false, true}) {
      SCOPED_TRACE(is_turned ? "laptop, desk" : "desk, laptop");
      Start();
      story(is_turned ? laptop() : desk(), is_turned ? desk() : laptop());
    }
  }

  /// What `from` has made, publications included, reaches `to`.
  void Send(Replica& from, Replica& to) {
    ASSERT_TRUE(from.volume().Flush().ok());
    Deliver(from, to);
  }
  /// What `from` has made durable reaches `to`. Files that are being written stay as they are.
  void Deliver(Replica& from, Replica& to) {
    const absl::Status taken = to.world.Receive(from.world, from.world.journal.durable());
    ASSERT_TRUE(taken.ok()) << taken;
  }
  /// All meet: whatever was made by then is known to all.
  void Exchange() {
    for (const auto& replica : replicas_) ASSERT_TRUE(replica->volume().Flush().ok());
    DeliverAll();
  }
  /// As Exchange, but what is being written stays as it is.
  void DeliverAll() {
    for (const auto& replica : replicas_) ASSERT_TRUE(replica->world.journal.Sync().ok());
    // In the order of time, batch by batch: so each comes after all that its author had seen.
    struct Step {
      crdt::Timestamp time;
      Replica* author;
      std::size_t count;  ///< Of the author's ops, up to the end of the batch.
    };
    std::vector<Step> steps;
    for (const auto& author : replicas_) {
      const std::vector<crdt::Op> ops = author->world.journal.ops();
      for (std::size_t i = 0; i < ops.size(); ++i) {
        if (ops[i].ends_batch) steps.push_back({ops[i].time, author.get(), i + 1});
      }
    }
    std::sort(steps.begin(), steps.end(), [](const Step& x, const Step& y) { return x.time < y.time; });
    for (const Step& step : steps) {
      for (const auto& to : replicas_) {
        if (to.get() == step.author) continue;
        const absl::Status taken = to->world.Receive(step.author->world, step.count);
        ASSERT_TRUE(taken.ok()) << taken;
      }
    }
    ExpectEqual();
  }
  /// Every replica shows the same, and has the same tree.
  void ExpectEqual() {
    for (const auto& replica : replicas_) {
      EXPECT_EQ(replica->volume().Dump(), desk().volume().Dump());
      EXPECT_EQ(Listing(*replica), Listing(desk()));
    }
  }
  /// Every path with its inode number, kind and links, and the published contents of files: what `ls -lR` shows.
  static std::vector<std::string> Listing(Replica& replica) {
    std::vector<std::string> lines;
    ListInto(replica, kRoot, "", lines);
    return lines;
  }

  const std::shared_ptr<test::MemoryContentStore> content_ = std::make_shared<test::MemoryContentStore>();
  std::vector<std::unique_ptr<Replica>> replicas_;

 private:
  static void ListInto(Replica& replica, NodeId directory, const std::string& above, std::vector<std::string>& lines) {
    std::map<std::string, std::pair<NodeId, Kind>> entries;
    EXPECT_TRUE(replica.volume()
                    .List(directory, 0,
                          [&](std::uint64_t, const ShownEntry& entry, Kind kind) {
                            EXPECT_TRUE(entries.emplace(entry.name, std::pair(entry.target, kind)).second)
                                << entry.name << " twice";
                            return true;
                          })
                    .ok());
    for (const auto& [name, entry] : entries) {
      const auto& [node, kind] = entry;
      const std::string path = above + "/" + name;
      const Attributes shown = replica.Stat(node);
      lines.push_back(path + " " + std::to_string(node.value) + " kind " + std::to_string(static_cast<int>(kind)) +
                      " links " + std::to_string(shown.links) + " size " + std::to_string(shown.size) + " mode " +
                      std::to_string(shown.mode) + " mtime " + std::to_string(shown.mtime));
      EXPECT_EQ(replica.Find(directory, name), node) << path;
      if (kind == Kind::kRegular) lines.back() += " " + replica.Contents(node);
      if (kind == Kind::kDirectory) ListInto(replica, node, path, lines);
    }
  }
};

}  // namespace copse::fs
