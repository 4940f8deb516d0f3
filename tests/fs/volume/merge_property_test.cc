// Random calls on three replicas that do not see each other, then met in any order.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "fs/volume/replicas_fixture.h"

namespace copse::fs {
namespace {

struct Call {
  unsigned replica;
  unsigned kind;
  unsigned a;
  unsigned b;
};

class World : public ReplicasTest {
 public:
  void TestBody() override {}

  void Run(const std::vector<Call>& calls) {
    for (const Call& call : calls) {
      if (call.kind % 12 == 11) {
        Deliver(call);
      } else {
        Do(*replicas_[call.replica % 3], call);
      }
    }
  }
  void Meet() {
    Exchange();
    std::vector<std::size_t> before;
    for (const auto& replica : replicas_) before.push_back(replica->world.journal.op_count());
    for (const auto& replica : replicas_) replica->world.Advance(kSecond * 5);
    Exchange();  // P8: meeting again changes nothing and writes nothing.
    for (std::size_t i = 0; i < before.size(); ++i) RC_ASSERT(replicas_[i]->world.journal.op_count() == before[i]);
    RC_ASSERT(!::testing::Test::HasFailure());
    for (const auto& replica : replicas_) {
      const std::vector<std::string> kept = Listing(*replica);
      replica->Reopen();
      RC_ASSERT(Listing(*replica) == kept);  // P1: a replay shows the same.
    }
    // P5: whatever was written and replaced by nobody who saw it is shown, or in trash.
    const auto& tree = desk().world.replica->tree();
    std::size_t shown = 0;
    for (const std::string& line : Listing(desk())) shown += line.find(" kind 2 ") != std::string::npos ? 1 : 0;
    RC_ASSERT(shown + desk().volume().ListTrash().size() > 0 || tree.ChildrenOf(crdt::kFileInodes).empty());
  }

 private:
  static std::string NameOf(unsigned number) { return std::string(1, static_cast<char>('a' + number % 3)); }

  void Deliver(const Call& call) {
    Replica& from = *replicas_[call.a % 3];
    Replica& to = *replicas_[call.replica % 3];
    if (&from == &to) return;
    EXPECT_TRUE(from.volume().Flush().ok());
    // Where it is ahead of what `to` knows, it waits.
    to.world.Receive(from.world, from.world.journal.durable()).IgnoreError();
  }
  /// A directory of the replica, as it shows it: the root, or one in it.
  NodeId DirectoryOf(Replica& replica, unsigned number) {
    std::vector<NodeId> directories = {kRoot};
    replica.volume()
        .List(kRoot, 0,
              [&](std::uint64_t, const ShownEntry& entry, Kind kind) {
                if (kind == Kind::kDirectory) directories.push_back(entry.target);
                return true;
              })
        .IgnoreError();
    return directories[number % directories.size()];
  }
  /// A name that the replica shows there, or one that may be free.
  std::string AnyName(Replica& replica, NodeId directory, unsigned number) {
    const std::vector<std::string> names = replica.Names(directory);
    return number % 4 == 0 || names.empty() ? NameOf(number / 4) : names[number / 4 % names.size()];
  }
  void Do(Replica& replica, const Call& call) {
    Volume& volume = replica.volume();
    const NodeId directory = DirectoryOf(replica, call.a);
    const NodeId other = DirectoryOf(replica, call.b / 16);
    const std::string name = AnyName(replica, directory, call.b);
    const NodeId node = replica.Find(directory, name);
    const auto forget = [&](const absl::StatusOr<Volume::Entry>& entry) {
      if (entry.ok()) volume.Forget(entry->node, 1);
    };
    AttributeChanges changes;
    changes.mode = 0600 + call.b % 8;
    switch (call.kind % 12) {
      case 0:
      case 1: {
        const auto created = volume.Create(kAlice, directory, NameOf(call.b), 0644, {.write = true});
        if (!created.ok()) break;
        volume.Write(created->entry.node, created->handle, 0, std::to_string(written_++)).IgnoreError();
        volume.Release(created->handle);
        volume.Forget(created->entry.node, 1);
        break;
      }
      case 2:
        forget(volume.MakeDirectory(kAlice, directory, NameOf(call.b), 0755));
        break;
      case 3:
      case 4: {
        const auto handle = volume.Open(node, {.write = true, .truncate = true});
        if (!handle.ok()) break;
        volume.Write(node, *handle, 0, std::to_string(written_++)).IgnoreError();
        volume.Release(*handle);
        break;
      }
      case 5:
        volume.Unlink(kAlice, directory, name).IgnoreError();
        break;
      case 6:
        volume.RemoveDirectory(kAlice, directory, name).IgnoreError();
        break;
      case 7:
      case 8:
        volume.Rename(kAlice, directory, name, other, AnyName(replica, other, call.b / 3), Volume::kRenamePlain)
            .IgnoreError();
        break;
      case 9:
        forget(volume.Link(kAlice, node, other, NameOf(call.b / 3)));
        break;
      case 10:
        volume.SetAttributes(kAlice, node, changes).IgnoreError();
        break;
      default:
        break;
    }
  }

  unsigned written_ = 0;
};

RC_GTEST_PROP(MergeProperty, WhateverWasCalledWhereAllReplicasShowTheSame, ()) {
  const auto calls = *rc::gen::container<std::vector<Call>>(rc::gen::build<Call>(
      rc::gen::set(&Call::replica, rc::gen::inRange(0u, 3u)), rc::gen::set(&Call::kind, rc::gen::inRange(0u, 12u)),
      rc::gen::set(&Call::a, rc::gen::inRange(0u, 4u)), rc::gen::set(&Call::b, rc::gen::inRange(0u, 256u))));
  World world;
  world.Run(calls);
  world.Meet();
}

}  // namespace
}  // namespace copse::fs
