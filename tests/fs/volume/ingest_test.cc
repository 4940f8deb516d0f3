// Ops of other replicas, and what a volume announces of them.
#include <thread>

#include "fs/volume/replicas_fixture.h"
#include "volume/schema.h"

namespace copse::fs {
namespace {

using IngestTest = ReplicasTest;

TEST_F(IngestTest, WhatAnotherReplicaMakesShowsWithItsInodeNumbersAndContents) {
  const NodeId directory = laptop().MakeDirectory(kRoot, "d");
  const NodeId file = laptop().MakeFile(directory, "f", "made on the laptop");
  ASSERT_TRUE(laptop().volume().MakeSymlink(kAlice, directory, "link", "f").ok());
  Send(laptop(), desk());
  EXPECT_EQ(desk().Find(kRoot, "d"), directory);
  EXPECT_EQ(desk().Find(directory, "f"), file);
  EXPECT_EQ(desk().Contents(file), "made on the laptop");
  EXPECT_EQ(*desk().volume().ReadLink(desk().Find(directory, "link")), "f");
  EXPECT_EQ(Listing(desk()), Listing(laptop()));
}

TEST_F(IngestTest, WhatChangedIsAnnouncedWhenItCanBeSeen) {
  const NodeId file = laptop().MakeFile(kRoot, "f", "old");
  Exchange();
  desk().Hold(kRoot, "f");
  desk().TakeAnnounced();
  EXPECT_EQ(desk().Find(kRoot, "g"), NodeId{});
  laptop().Write(file, "new");
  ASSERT_EQ(laptop().Rename(kRoot, "f", kRoot, "g"), std::errc{});
  bool seen = false;
  desk().volume().set_invalidation_sink([&](const Invalidations& changed) {
    // No lock is held: requests are answered, with the new state.
    EXPECT_EQ(desk().Find(kRoot, "g"), file);
    EXPECT_EQ(desk().Contents(file), "new");
    EXPECT_NE(std::find(changed.names.begin(), changed.names.end(), Invalidations::Name{kRoot, "f"}),
              changed.names.end());
    EXPECT_NE(std::find(changed.names.begin(), changed.names.end(), Invalidations::Name{kRoot, "g"}),
              changed.names.end());
    for (const NodeId target : {kRoot, file}) {
      EXPECT_NE(std::find(changed.targets.begin(), changed.targets.end(), target), changed.targets.end());
    }
    seen = true;
  });
  Send(laptop(), desk());
  EXPECT_TRUE(seen);
}

TEST_F(IngestTest, OpsThatAreKnownAlreadyChangeAndAnnounceNothing) {
  laptop().MakeFile(kRoot, "f", "x");
  Exchange();
  desk().TakeAnnounced();
  const std::string before = desk().volume().Dump();
  const std::vector<crdt::Op> ops = laptop().world.journal.ops();
  ASSERT_TRUE(desk().volume().Ingest(laptop().world.actor, 0, ops).ok());
  EXPECT_EQ(desk().volume().Dump(), before);
  EXPECT_TRUE(desk().TakeAnnounced().names.empty());
}

TEST_F(IngestTest, AMergeWritesNoOpWhateverItBrings) {
  for (const auto& replica : replicas_) {
    replica->MakeDirectory(kRoot, "d");
    replica->MakeFile(kRoot, "f", "of " + replica->world.options.label);
    ASSERT_TRUE(replica->volume().Flush().ok());
  }
  std::vector<std::size_t> before;
  for (const auto& replica : replicas_) before.push_back(replica->world.journal.op_count());
  Exchange();
  for (const auto& replica : replicas_) replica->world.Advance(kSecond * 10);
  for (std::size_t i = 0; i < replicas_.size(); ++i) EXPECT_EQ(replicas_[i]->world.journal.op_count(), before[i]);
}

TEST_F(IngestTest, OpsWithAGapBeforeThemAreRefusedAndChangeNothing) {
  laptop().MakeFile(kRoot, "f", "x");
  ASSERT_TRUE(laptop().volume().Flush().ok());
  const std::string before = desk().volume().Dump();
  const std::vector<crdt::Op> ops = laptop().world.journal.ops();
  const absl::Status refused = desk().volume().Ingest(laptop().world.actor, ops.size() - 1, std::span(ops).last(1));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(desk().volume().Dump(), before);
  EXPECT_TRUE(desk().TakeAnnounced().targets.empty());
}

TEST_F(IngestTest, AClockThatIsYearsOffChangesNothingButTheTimesShown) {
  laptop().world.clock.Advance(std::chrono::hours(24 * 365 * 50));
  const NodeId file = laptop().MakeFile(kRoot, "f", "from the future");
  Exchange();
  desk().Write(file, "of today");  // Seen the other, so it is later, whatever the clocks say.
  Exchange();
  EXPECT_EQ(desk().Names(kRoot), std::vector<std::string>{"f"});
  EXPECT_EQ(laptop().Contents(file), "of today");
  EXPECT_EQ(laptop().Stat(file).mtime, desk().world.clock.Now());
}

// A stranger's program, or a hostile one: what has no name that a file can have shows nowhere, nor does what came with
// it.
TEST_F(IngestTest, ABatchWithANameThatNoFileCanHaveIsCountedAndShowsNowhere) {
  desk().MakeFile(kRoot, "f", "mine");
  desk().TakeAnnounced();
  const std::string dump = desk().volume().Dump();
  constexpr crdt::ActorId kStranger = 4;
  std::uint64_t counter = 0;
  const auto directory = [&](std::string name, bool ends_batch) {
    crdt::Op op;
    op.time = crdt::Timestamp::Of(++counter, kStranger);
    op.child = op.time.node();
    op.place = crdt::Place{kRoot, std::move(name)};
    op.fields = {schema::Set(schema::kKind, schema::EncodeKind(Kind::kDirectory))};
    op.ends_batch = ends_batch;
    return op;
  };
  for (const std::string& name : {std::string("a\0b", 3), std::string("a/b"), std::string("/"), std::string(1, '\0'),
                                  std::string(".."), std::string(), std::string(256, 'x')}) {
    const std::uint64_t known = counter;
    const std::vector<crdt::Op> batch = {directory("good", false), directory(name, true)};
    ASSERT_TRUE(desk().volume().Ingest(kStranger, known, batch).ok());
    EXPECT_EQ(desk().world.replica->version()[kStranger], counter);
    EXPECT_EQ(desk().volume().Dump(), dump);
    EXPECT_EQ(desk().Names(kRoot), std::vector<std::string>{"f"});
    EXPECT_TRUE(desk().TakeAnnounced().names.empty());
  }
  const std::vector<crdt::Op> right = {directory("good", true)};
  ASSERT_TRUE(desk().volume().Ingest(kStranger, counter - 1, right).ok());
  EXPECT_EQ(desk().Names(kRoot), (std::vector<std::string>{"f", "good"}));
}

TEST_F(IngestTest, AReadOnlyVolumeTakesInWhatOthersMake) {
  desk().world.options.read_only = true;
  desk().Reopen();
  laptop().MakeFile(kRoot, "f", "x");
  Send(laptop(), desk());
  EXPECT_EQ(desk().ContentsAt(kRoot, "f"), "x");
}

TEST_F(IngestTest, RequestsThatRunMeanwhileSeeABatchWholeOrNotAtAll) {
  // On the laptop a file of two names is made by one batch each time, and moved by a batch.
  const NodeId directory = laptop().MakeDirectory(kRoot, "d");
  std::vector<std::size_t> steps;
  for (int i = 0; i < 50; ++i) {
    laptop().MakeFile(directory, "f" + std::to_string(i), "x");
    ASSERT_EQ(laptop().Rename(directory, "f" + std::to_string(i), kRoot, "g"), std::errc{});
    ASSERT_TRUE(laptop().volume().Flush().ok());
    steps.push_back(laptop().world.journal.op_count());
  }
  std::atomic<bool> done = false;
  std::thread requests([&] {
    bool had_g = false;
    while (!done) {
      const auto found = desk().volume().Lookup(kRoot, "g");
      // Once there, always there: replacing it is one batch.
      EXPECT_TRUE(found.ok() || !had_g);
      had_g = had_g || found.ok();
      if (found.ok()) {
        EXPECT_TRUE(desk().volume().GetAttributes(found->node).ok());
        desk().volume().Forget(found->node, 1);
      }
      desk().volume().MakeSymlink(kAlice, kRoot, "mine", "x").IgnoreError();
      desk().volume().Unlink(kAlice, kRoot, "mine").IgnoreError();
    }
  });
  for (const std::size_t step : steps) {
    const absl::Status taken = desk().world.Receive(laptop().world, step);
    EXPECT_TRUE(taken.ok()) << taken;
  }
  done = true;
  requests.join();
  EXPECT_EQ(desk().Names(desk().Find(kRoot, "d")), std::vector<std::string>{});
}

TEST_F(IngestTest, EachReplicaSaysItsLabelOnceForEver) {
  const auto label_writes = [](const Replica& replica) {
    std::size_t count = 0;
    for (const crdt::Op& op : replica.world.journal.ops()) {
      for (const crdt::Field& field : op.fields) count += field.id.number == schema::kLabel ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(label_writes(desk()), 1u);
  desk().world.options.label = "another";
  desk().Reopen();
  EXPECT_EQ(label_writes(desk()), 1u);
  const auto versions = laptop().world.replica->tree().Versions(crdt::kForest, schema::kLabel, "0001");
  ASSERT_EQ(versions.size(), 1u);
  EXPECT_EQ(versions.front().value, "desk");
}

TEST_F(IngestTest, ALabelShowsInNoListingAndInNoDump) {
  TestVolume without;
  const std::string dump = without.volume->Dump();
  without.options.label = "seven";
  without.Reopen();
  EXPECT_EQ(without.journal.op_count(), 1u);
  EXPECT_EQ(without.volume->Dump(), dump);
  EXPECT_TRUE(without.volume->ListTrash().empty());
}

TEST_F(IngestTest, AVolumeThatMayNotWriteWritesNoLabel) {
  Volume::Options options = TestVolume::DefaultOptions();
  options.label = "seven";
  options.read_only = true;
  TestVolume world(7, content_, options);
  EXPECT_EQ(world.journal.op_count(), 0u);
}

TEST_F(IngestTest, ALabelThatCannotStandInNamesIsRefused) {
  for (const std::string label : {"Desk", "a-b", "12345678901234567", "\xc3\xa4"}) {
    TestVolume world;
    Volume::Options options = world.options;
    options.label = label;
    std::vector<std::string> notes;
    world.volume.reset();
    const auto opened = Volume::Open({world.storage, world.clock, world.executor, world.content, world.journal},
                                     *world.replica, options, notes);
    EXPECT_EQ(opened.status().code(), absl::StatusCode::kInvalidArgument) << label;
  }
}

}  // namespace
}  // namespace copse::fs
