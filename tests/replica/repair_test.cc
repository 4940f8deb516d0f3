#include <copse/replica/repair.h>

#include <algorithm>
#include <random>
#include <set>

#include "feed.h"
#include "store_exchange_fixture.h"

// What a disk loses of a feed is fetched again from whoever has it, and nothing else changes.

namespace copse::replica {
namespace {

using Keep = base::MemoryStorage::Keep;
using Image = std::map<std::string, std::string>;

class RepairTest : public StoreExchangeTest {
 protected:
  static constexpr crdt::ActorId kSecond = 17;

  /// Both hold six frames of the first, one by one, and two of the second; nobody has a store open.
  void WriteAndClose(std::uint64_t segment_bytes_max) {
    for (Replica* replica : {&one_, &two_}) {
      replica->machine.options().segment_bytes_max = segment_bytes_max;
      replica->store.reset();
      replica->Open();
    }
    for (std::uint64_t counter = 1; counter <= 5; ++counter) {
      one_.Write(counter);
      Send(one_, two_);
    }
    two_.Write(6);
    two_.Write(7);
    Send(two_, one_);
    Close(one_);
    Close(two_);
  }
  static void Close(Replica& replica) {
    replica.LetSync();
    replica.store.reset();
  }

  /// Gives `repair` what it asks for and `from` has, as a session does, in runs of `bytes`.
  static absl::Status Give(SessionHost& from, Repair& repair, std::size_t bytes) {
    for (bool any = true; any;) {
      any = false;
      for (const FeedHead& theirs : from.Heads()) {
        std::uint64_t here = 0;
        for (const FeedHead& head : repair.exchange_side().Heads())
          here = head.actor == theirs.actor ? head.frames : here;
        if (theirs.frames <= here || !repair.exchange_side().IsMember(theirs.actor)) continue;
        const auto frames = from.ReadFrames(theirs.actor, here, bytes).value();
        const absl::Status added = repair.exchange_side().AddFrames(theirs.actor, here, frames);
        if (!added.ok()) return added;
        any = true;
      }
    }
    return absl::OkStatus();
  }

  /// Where the records of all segments of a feed begin, by path.
  static std::vector<std::pair<std::string, std::uint64_t>> Records(Machine& machine, const std::string& feed) {
    std::vector<std::pair<std::string, std::uint64_t>> records;
    for (const std::string& path : machine.Files(feed)) {
      const std::string bytes = machine.Read(path);
      for (std::size_t at = bytes.find("cprc"); at != std::string::npos; at = bytes.find("cprc", at + 1)) {
        records.emplace_back(path, at);
      }
    }
    return records;
  }

  static std::size_t CountMended(Repair& repair) {
    const auto mended = repair.Mend();
    EXPECT_TRUE(mended.ok()) << mended.status();
    return mended.ok() ? mended->size() : 99;
  }

  static base::Hash NewestOf(base::Storage& storage) {
    auto feed = FeedReader::Open(storage, Machine::kFeed, ReadIdentity(storage, "/store/identity")->volume, 1).value();
    FeedItem item;
    while (feed->Next(item).value_or(false)) {
    }
    return feed->end().last_frame;
  }

  /// What it replays and verifies once it is opened.
  static std::vector<crdt::Op> OpsOf(Replica& replica) {
    replica.Open();
    if (replica.store == nullptr) return {};
    EXPECT_TRUE(replica.store->Verify()->problems.empty()) << replica.store->Verify()->problems.front();
    std::vector<crdt::Op> ops = replica.received.ops;
    replica.store.reset();
    return ops;
  }

  /// Refused, mended with what `from` has, and the store that it was.
  void DamageAndMend(Replica& damaged, Replica& from, const std::function<void()>& damage, const std::string& where,
                     std::size_t bytes) {
    const std::vector<crdt::Op> before = OpsOf(damaged);
    damage();
    const absl::Status refused = damaged.machine.Open().status();
    ASSERT_TRUE(absl::IsDataLoss(refused)) << where << ": " << refused;
    EXPECT_NE(refused.message().find("copse repair /store"), absl::string_view::npos) << refused;
    {
      const auto repair = Repair::Open(damaged.machine.storage(), Machine::kPath);
      ASSERT_TRUE(repair.ok()) << where << ": " << repair.status();
      EXPECT_TRUE((*repair)->findings().hopeless.empty()) << where << ": " << (*repair)->findings().hopeless.front();
      const absl::Status given = Give(from.side(), **repair, bytes);
      ASSERT_TRUE(given.ok() || absl::IsCancelled(given)) << where << ": " << given;
      EXPECT_TRUE((*repair)->findings().lost.empty()) << where << ": " << (*repair)->findings().lost.front();
      const auto mended = (*repair)->Mend();
      ASSERT_TRUE(mended.ok()) << where << ": " << mended.status();
      EXPECT_GE(mended->size(), 1U) << where;
    }
    damaged.machine.storage().Crash(Keep::kNothing);
    EXPECT_EQ(OpsOf(damaged), before) << where;
  }

  void FlipAndMend(Replica& damaged, Replica& from, const std::string& path, std::uint64_t offset, std::size_t bytes) {
    DamageAndMend(
        damaged, from, [&] { damaged.machine.storage().FlipBit(path, offset, 2); },
        path + " offset " + std::to_string(offset), bytes);
  }
};

TEST_F(RepairTest, AnyRecordOfAFeedThatTheDiskHasSpoiltIsMended) {
  WriteAndClose(64 << 20);
  one_.Open();
  const auto records = Records(two_.machine, Machine::kFeed);
  ASSERT_GE(records.size(), 5U);
  for (std::size_t i = 0; i + 1 < records.size(); ++i) {
    for (const std::uint64_t at : {0, 5, 9, 40}) {  // The record's magic, length and checksum, and its frame.
      FlipAndMend(two_, one_, records[i].first, records[i].second + at, i % 2 == 0 ? 1 : 1 << 20);
    }
  }
}

TEST_F(RepairTest, TheOwnFeedIsMendedByWhatOthersHaveOfIt) {
  WriteAndClose(64 << 20);
  two_.Open();
  const auto records = Records(one_.machine, Machine::kFeed);
  for (std::size_t i = 0; i + 1 < records.size(); ++i) {
    FlipAndMend(one_, two_, records[i].first, records[i].second + 20, 1);
  }
}

TEST_F(RepairTest, HeadersAndLastRecordsOfSegmentsAreMendedAndWholeSegmentsToo) {
  WriteAndClose(1);
  one_.Open();
  const auto records = Records(two_.machine, Machine::kFeed);
  ASSERT_GE(records.size(), 5U);
  base::MemoryStorage& disk = two_.machine.storage();
  for (std::size_t i = 0; i + 1 < records.size(); ++i) {
    const auto& [path, at] = records[i];
    FlipAndMend(two_, one_, path, 3, 1);
    FlipAndMend(two_, one_, path, at + 7, 1);
    DamageAndMend(
        two_, one_,
        [&] {
          auto file = disk.Open(path, base::Storage::OpenMode::kReadWrite).value();
          ASSERT_TRUE(file->Truncate(at + 30).ok() && file->Sync().ok());
        },
        path + " cut", 1);
    DamageAndMend(
        two_, one_, [&] { ASSERT_TRUE(disk.Remove(path).ok() && disk.SyncDirectory(Machine::kFeed).ok()); },
        path + " removed", 1 << 20);
  }
}

TEST_F(RepairTest, WhatIsLostAcrossSegmentsGoesBackIntoThoseInWhichItWas) {
  WriteAndClose(1);
  one_.Open();
  const auto records = Records(two_.machine, Machine::kFeed);
  base::MemoryStorage& disk = two_.machine.storage();
  const auto remove = [&](const std::string& path) {
    ASSERT_TRUE(disk.Remove(path).ok() && disk.SyncDirectory(Machine::kFeed).ok());
  };
  std::set<std::string> before;
  for (const std::string& path : two_.machine.Files(Machine::kFeed)) before.insert(path);
  for (std::size_t i = 0; i + 2 < records.size(); ++i) {
    const auto spoil = [&](std::size_t which) { disk.FlipBit(records[which].first, records[which].second + 30, 1); };
    const std::string where = records[i].first + " and the next";
    DamageAndMend(
        two_, one_, [&] { spoil(i), spoil(i + 1); }, where, 1);
    std::set<std::string> after;
    for (const std::string& path : two_.machine.Files(Machine::kFeed)) after.insert(path);
    EXPECT_EQ(after, before) << where;
    DamageAndMend(
        two_, one_, [&] { spoil(i), disk.FlipBit(records[i + 1].first, 10, 1); }, where + "'s header", 1);
  }
  for (std::size_t i = 0; i + 2 < records.size(); ++i) {  // From here on segments are fewer.
    if (!disk.Stat(records[i].first).ok() || records[i].first == records[i + 1].first) continue;
    DamageAndMend(
        two_, one_,
        [&] { remove(records[i].first), disk.FlipBit(records[i + 1].first, records[i + 1].second + 30, 1); },
        records[i].first + " removed, the next spoilt", 1 << 20);
  }
}

TEST_F(RepairTest, WhateverIsLostBeforeTheLastRecordComesBackThroughCrashes) {
  constexpr std::uint64_t kFewRecords = 700;
  WriteAndClose(kFewRecords);
  one_.Open();
  for (std::uint64_t counter = 8; counter < 30; ++counter) one_.Write(counter);
  two_.Open();
  Send(one_, two_);
  Close(two_);
  const std::vector<crdt::Op> before = OpsOf(two_);
  base::MemoryStorage& disk = two_.machine.storage();
  std::mt19937_64 random(1);
  std::size_t gaps = 0;
  Image segments;
  for (const std::string& path : two_.machine.Files(Machine::kFeed)) segments[path] = two_.machine.Read(path);
  ASSERT_GT(segments.size(), 5U);
  for (int round = 0; round < 300; ++round) {
    for (const auto& [path, contents] : segments) ASSERT_TRUE(base::ReplaceFile(disk, path, contents).ok());
    for (std::uint64_t i = 0; i < 1 + random() % 4; ++i) {
      const auto records = Records(two_.machine, Machine::kFeed);
      if (records.size() < 2) break;
      const auto& [path, offset] = records[random() % (records.size() - 1)];
      const std::uint64_t kind = path == records.back().first ? 0 : random() % 4;
      if (kind == 3) {
        ASSERT_TRUE(disk.Remove(path).ok() && disk.SyncDirectory(Machine::kFeed).ok());
      } else if (kind == 2) {
        auto file = disk.Open(path, base::Storage::OpenMode::kReadWrite).value();
        ASSERT_TRUE(file->Truncate(offset + (random() % 2) * 20).ok() && file->Sync().ok());
      } else {
        const std::uint64_t at = kind == 1 ? random() % 42 : offset + random() % 60;
        if (const std::uint64_t size = disk.Stat(path)->size; size > 0) disk.FlipBit(path, std::min(at, size - 1), 3);
      }
    }
    for (bool was_cut = true; was_cut;) {
      {
        const auto repair = Repair::Open(disk, Machine::kPath);
        ASSERT_TRUE(repair.ok()) << round << ": " << repair.status();
        const Repair::Findings found = (*repair)->findings();
        ASSERT_TRUE(found.hopeless.empty()) << round << ": " << found.hopeless.front();
        gaps += found.lost.size();
        for (int i = 0; i < 20 && !(*repair)->findings().lost.empty(); ++i) {
          Give(one_.side(), **repair, 1 + random() % 2000).IgnoreError();
        }
        if (random() % 2 == 0) disk.CutPowerAfter(random() % 20);
        const absl::Status mended = (*repair)->Mend().status();
        was_cut = disk.power_is_cut();
        ASSERT_TRUE(mended.ok() || was_cut) << round << ": " << mended;
      }
      disk.Crash(Keep::kRandom, random());
    }
    ASSERT_EQ(OpsOf(two_), before) << round;
  }
  EXPECT_GT(gaps, 400U);
}

TEST_F(RepairTest, ALastRecordThatOwnFramesBuildOnIsNoTornTail) {
  for (std::uint64_t counter = 1; counter <= 5; ++counter) one_.Write(counter);
  Send(one_, two_, 1 << 20);  // As when somebody joins: all in one record.
  two_.Write(6);
  Close(two_);
  base::MemoryStorage& disk = two_.machine.storage();
  const base::Hash newest = NewestOf(disk);
  const std::vector<crdt::Op> before = OpsOf(two_);
  for (int kind = 0; kind < 8; ++kind) {
    const auto records = Records(two_.machine, Machine::kFeed);
    if (kind < 5) {  // The last record, before all of them become records of their own, and then.
      disk.FlipBit(records.back().first, records.back().second + 8 * kind, 1);
    } else if (kind == 5) {
      for (const auto& [path, at] : records) disk.FlipBit(path, at + 30, 1);
    } else if (kind == 6) {
      disk.FlipBit(records.back().first, 10, 1);
      disk.FlipBit(records.back().first, records.back().second + 30, 1);
    } else {
      ASSERT_TRUE(disk.Remove(records.back().first).ok() && disk.SyncDirectory(Machine::kFeed).ok());
    }
    const auto repair = Repair::Open(disk, Machine::kPath).value();
    ASSERT_TRUE(repair->findings().hopeless.empty()) << kind << ": " << repair->findings().hopeless.front();
    ASSERT_FALSE(repair->findings().lost.empty()) << kind;
    Give(one_.side(), *repair, kind % 2 == 0 ? 1 : 1 << 20).IgnoreError();
    EXPECT_TRUE(repair->findings().lost.empty()) << kind;
    EXPECT_GE(CountMended(*repair), 1U) << kind;
    EXPECT_EQ(NewestOf(disk), newest) << kind;
  }
  EXPECT_EQ(OpsOf(two_), before);
}

TEST_F(RepairTest, OwnFramesThatOthersBuildOnAreMissedAtTheEndToo) {
  WriteAndClose(64 << 20);
  two_.Open();
  const base::Hash newest = NewestOf(one_.machine.storage());
  const auto records = Records(one_.machine, Machine::kFeed);
  one_.machine.storage().FlipBit(records.back().first, records.back().second + 30, 1);
  {
    const auto repair = Repair::Open(one_.machine.storage(), Machine::kPath).value();
    ASSERT_EQ(repair->findings().lost.size(), 1U);
    const std::vector<std::string> frames = two_.side().ReadFrames(1, records.size() - 1, 1).value();
    std::string spoilt = frames.front();
    spoilt[spoilt.size() / 2] = static_cast<char>(spoilt[spoilt.size() / 2] ^ 1);
    EXPECT_TRUE(absl::IsDataLoss(repair->exchange_side().AddFrames(1, records.size() - 1, {{spoilt}})));
    EXPECT_TRUE(Give(two_.side(), *repair, 1).ok());
    EXPECT_EQ(CountMended(*repair), 1U);
  }
  EXPECT_EQ(NewestOf(one_.machine.storage()), newest);
}

TEST_F(RepairTest, SeveralPlacesOfSeveralFeedsAreMendedInOneGo) {
  WriteAndClose(64 << 20);
  one_.Open();
  const std::vector<crdt::Op> before = OpsOf(two_);
  for (const char* feed : {"/feeds/0001", "/feeds/0011"}) {
    const auto records = Records(two_.machine, Machine::kPath + feed);
    for (std::size_t i = 0; i + 1 < records.size(); i += 2) {
      two_.machine.storage().FlipBit(records[i].first, records[i].second + 30, 1);
    }
  }
  {
    const auto repair = Repair::Open(two_.machine.storage(), Machine::kPath).value();
    EXPECT_EQ(repair->findings().lost.size(), 4U);
    for (int i = 0; i < 10 && !repair->findings().lost.empty(); ++i) Give(one_.side(), *repair, 1 << 20).IgnoreError();
    EXPECT_TRUE(repair->findings().lost.empty());
    EXPECT_EQ(CountMended(*repair), 4U);
  }
  EXPECT_EQ(OpsOf(two_), before);
}

TEST_F(RepairTest, FramesThatAreNotThoseThatWereLostAreRefusedAndNothingIsChanged) {
  WriteAndClose(64 << 20);
  one_.Open();
  const auto records = Records(two_.machine, Machine::kFeed);
  two_.machine.storage().FlipBit(records[2].first, records[2].second + 30, 1);
  const Image damaged = two_.machine.Image();
  const auto repair = Repair::Open(two_.machine.storage(), Machine::kPath).value();
  const std::uint64_t lost = 2;
  const std::vector<std::string> frames = one_.side().ReadFrames(1, 0, 1 << 20).value();
  for (std::size_t byte = 0; byte < frames[lost].size(); ++byte) {
    std::string spoilt = frames[lost];
    spoilt[byte] = static_cast<char>(spoilt[byte] ^ 4);
    EXPECT_TRUE(absl::IsDataLoss(repair->exchange_side().AddFrames(1, lost, {{spoilt}}))) << byte;
  }
  EXPECT_TRUE(absl::IsDataLoss(repair->exchange_side().AddFrames(1, lost, {{frames[lost + 1]}})));
  EXPECT_TRUE(absl::IsCancelled(repair->exchange_side().AddFrames(kSecond, 2, {{frames[lost]}})));
  EXPECT_EQ(two_.machine.Image(), damaged);
  EXPECT_TRUE(repair->exchange_side().AddFrames(1, lost, {{frames[lost]}}).ok());
  EXPECT_EQ(CountMended(*repair), 1U);
}

TEST_F(RepairTest, AFrameThatItsAuthorSignedForAnotherBranchIsRefusedAndTheRightOneIsTakenAfterIt) {
  const Identity author = one_.store->identity();
  WriteAndClose(64 << 20);
  one_.Open();
  const auto records = Records(two_.machine, Machine::kFeed);
  two_.machine.storage().FlipBit(records[2].first, records[2].second + 30, 1);
  const std::vector<std::string> right = one_.side().ReadFrames(1, 2, 1).value();
  const Frame frame = DecodeFrame(right.front()).value();
  FrameHeader header = frame.header;
  ++header.wall_clock;
  const std::string& key = author.epoch_keys.at(header.epoch);
  const std::string other = EncodeFrame(header, OpenFrame(frame, key).value(), key, author.signing_secret);
  const auto repair = Repair::Open(two_.machine.storage(), Machine::kPath).value();
  EXPECT_TRUE(absl::IsDataLoss(repair->exchange_side().AddFrames(1, 2, {{other}})));
  EXPECT_EQ(repair->findings().lost.size(), 1U);
  EXPECT_TRUE(repair->exchange_side().AddFrames(1, 2, right).ok());
  EXPECT_EQ(CountMended(*repair), 1U);
}

TEST_F(RepairTest, WhatNobodyHasStaysLostAndTheRestStaysAsItIs) {
  WriteAndClose(64 << 20);
  const auto records = Records(one_.machine, Machine::kFeed);
  one_.machine.storage().FlipBit(records[1].first, records[1].second + 30, 1);
  const Image damaged = one_.machine.Image();
  {
    const auto repair = Repair::Open(one_.machine.storage(), Machine::kPath).value();
    EXPECT_TRUE(Give(repair->exchange_side(), *repair, 1).ok());  // Whoever has the same.
    ASSERT_EQ(repair->findings().lost.size(), 1U);
    const std::string lost = repair->findings().lost.front();
    EXPECT_EQ(lost.find(records[1].first + " offset " + std::to_string(records[1].second) + ": "), 0U) << lost;
    EXPECT_NE(lost.find("(frame 1 of laptop)"), std::string::npos) << lost;
    EXPECT_TRUE(absl::IsFailedPrecondition(repair->Mend().status()));
  }
  EXPECT_EQ(one_.machine.Image(), damaged);
}

TEST_F(RepairTest, ASoundStoreIsLeftAloneAndAnOpenOneIsRefused) {
  const std::string second = two_.store->identity().signing_public;
  WriteAndClose(64 << 20);
  const Image sound = one_.machine.Image();
  {
    const auto repair = Repair::Open(one_.machine.storage(), Machine::kPath).value();
    EXPECT_TRUE(repair->findings().lost.empty() && repair->findings().hopeless.empty());
    EXPECT_EQ(CountMended(*repair), 0U);
    EXPECT_TRUE(repair->IsWelcome(second));
    EXPECT_FALSE(repair->IsWelcome(std::string(32, 'x')));
  }
  EXPECT_EQ(one_.machine.Image(), sound);
  one_.Open();
  EXPECT_TRUE(absl::IsUnavailable(Repair::Open(one_.machine.storage(), Machine::kPath).status()));
}

TEST_F(RepairTest, WhoHasWrittenIsWelcomeEvenIfTheFrameThatLetItInIsLost) {
  const std::string second = two_.store->identity().signing_public;
  WriteAndClose(64 << 20);
  const auto records = Records(one_.machine, Machine::kFeed);
  for (std::size_t i = 0; i + 1 < records.size(); ++i) {
    one_.machine.storage().FlipBit(records[i].first, records[i].second + 30, 1);
  }
  const auto repair = Repair::Open(one_.machine.storage(), Machine::kPath).value();
  EXPECT_TRUE(repair->IsWelcome(second));
  EXPECT_FALSE(repair->IsWelcome(std::string(32, 'x')));
  two_.Open();
  Give(two_.side(), *repair, 1).IgnoreError();
  EXPECT_TRUE(repair->findings().lost.empty());
  EXPECT_EQ(CountMended(*repair), 1U);
}

TEST_F(RepairTest, ACrashInBetweenLeavesADamagedStoreOrAMendedOne) {
  WriteAndClose(64 << 20);
  one_.Open();
  const base::Hash newest = NewestOf(two_.machine.storage());
  const auto records = Records(two_.machine, Machine::kFeed);
  two_.machine.storage().FlipBit(records[1].first, records[1].second + 30, 1);
  const auto disk = two_.machine.storage().Copy();
  bool was_cut = true;
  for (std::uint64_t changes = 0; was_cut; ++changes) {
    for (const Keep keep : {Keep::kNothing, Keep::kEverything, Keep::kPrefix, Keep::kRandom}) {
      const auto copy = disk->Copy();
      {
        const auto repair = Repair::Open(*copy, Machine::kPath).value();
        Give(one_.side(), *repair, 1).IgnoreError();
        copy->CutPowerAfter(changes);
        repair->Mend().status().IgnoreError();
        was_cut = copy->power_is_cut();
      }
      copy->Crash(keep, changes);
      const auto again = Repair::Open(*copy, Machine::kPath);
      ASSERT_TRUE(again.ok()) << changes << ": " << again.status();
      const absl::Status given = Give(one_.side(), **again, 1);
      EXPECT_TRUE(given.ok() || absl::IsCancelled(given)) << given;
      ASSERT_TRUE((*again)->Mend().ok()) << changes << ": " << (*again)->Mend().status();
      EXPECT_EQ(NewestOf(*copy), newest) << changes;
    }
  }
}

TEST_F(RepairTest, ASnapshotThatSaysWhereFramesLayGoesWithThem) {
  Close(two_);
  two_.machine.options().segment_bytes_max = 1;
  two_.Open();
  for (std::uint64_t counter = 1; counter <= 5; ++counter) one_.Write(counter);
  Send(one_, two_, 1 << 20);  // One record, of which each frame becomes one.
  one_.machine.options().segment_bytes_max = 1;
  Close(one_);
  one_.Open();
  one_.Write(6);
  Send(one_, two_);  // The last frame, which a snapshot proves, is in another segment, and stays where it is.
  ASSERT_EQ(two_.machine.Files(Machine::kFeed).size(), 2U);
  crdt::VersionVector version;
  version.Raise(1, 6);
  ASSERT_TRUE(two_.store->WriteSnapshot(version, {"state"}).ok());
  Close(two_);
  const auto records = Records(two_.machine, Machine::kFeed);
  const std::vector<std::string> snapshots = two_.machine.Files("/store/snapshots");
  ASSERT_EQ(snapshots.size(), 1U);
  const std::string snapshot = two_.machine.Read(snapshots.front());
  two_.machine.storage().FlipBit(records[1].first, records[1].second + 30, 1);
  {
    const auto repair = Repair::Open(two_.machine.storage(), Machine::kPath).value();
    Give(one_.side(), *repair, 1 << 20).IgnoreError();
    ASSERT_TRUE(repair->Mend().ok());
  }
  EXPECT_TRUE(two_.machine.Files("/store/snapshots").empty());
  // Nor is it used where it was not removed, as the power went.
  ASSERT_TRUE(base::ReplaceFile(two_.machine.storage(), snapshots.front(), snapshot).ok());
  two_.machine.options().restorer = [](const std::vector<crdt::ImageBuffer>&) { return absl::OkStatus(); };
  two_.Open();
  EXPECT_EQ(two_.side().ReadFrames(1, 0, 1 << 20).value(), one_.side().ReadFrames(1, 0, 1 << 20).value());
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
}

TEST_F(RepairTest, AFullDiskLeavesTheStoreAsItIs) {
  WriteAndClose(64 << 20);
  one_.Open();
  const auto records = Records(two_.machine, Machine::kFeed);
  two_.machine.storage().FlipBit(records[1].first, records[1].second + 30, 1);
  const auto repair = Repair::Open(two_.machine.storage(), Machine::kPath).value();
  const Image damaged = two_.machine.Image();
  Give(one_.side(), *repair, 1).IgnoreError();
  two_.machine.storage().SetFreeBytes(100);
  EXPECT_TRUE(absl::IsResourceExhausted(repair->Mend().status()));
  EXPECT_EQ(two_.machine.Image(), damaged);
  two_.machine.storage().SetFreeBytes(1 << 20);
  EXPECT_EQ(CountMended(*repair), 1U);
}

}  // namespace
}  // namespace copse::replica
