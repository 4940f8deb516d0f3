// Replicas in stores of their own, over TLS on loopback, as the program wires them; without a mount.
#include <copse/base/posix_storage.h>
#include <copse/fs/content.h>
#include <copse/fs/named_content.h>
#include <copse/replica/invitation.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cli/exchanging.h"
#include "cli/join.h"
#include "cli/open_volume.h"
#include "exchange/random_user.h"
#include "support/temporary_directory.h"

namespace copse::cli {
namespace {

constexpr std::chrono::minutes kSyncMax{5};

/// One replica, open.
struct Replica {
  explicit Replica(const std::string& store) : path(store) {
    auto result = OpenVolume::Open(store, {});
    EXPECT_TRUE(result.ok()) << result.status();
    if (result.ok()) opened = *std::move(result);
  }
  void Exchange() {
    auto result =
        Exchanging::Start(*opened, {.listen = {"127.0.0.1:0"}, .peers = {}, .use_remembered = false, .log = {}});
    ASSERT_TRUE(result.ok()) << result.status();
    exchanging = *std::move(result);
  }
  void SyncWith(const Replica& other) {
    const absl::Status status = exchanging->Synchronize(other.exchanging->listening(), kSyncMax, nullptr);
    ASSERT_TRUE(status.ok()) << status;
  }

  std::string path;
  std::unique_ptr<OpenVolume> opened;
  std::unique_ptr<Exchanging> exchanging;
};

class ExchangeTest : public testing::Test {
 protected:
  static constexpr int kCalls = 10'000;
  static constexpr int kCallsBetweenFlushes = 200;
  static inline const std::string kContentMark = " contents: ";

  std::string Store(int number) const { return temporary_.path() / ("store" + std::to_string(number)); }

  /// Stores of one volume that hold the same.
  void MakeReplicas(int count) {
    ASSERT_TRUE(OpenVolume::Create(Store(0), "r0", {}).ok());
    Replica first(Store(0));
    first.Exchange();
    for (int i = 1; i < count; ++i) {
      const auto invitation =
          first.opened->store().Invite(replica::Role::kWriter, std::chrono::hours(1), first.exchanging->listening());
      ASSERT_TRUE(invitation.ok()) << invitation.status();
      const auto joined = JoinVolume(Store(i), EncodeInvitation(*invitation), "r" + std::to_string(i));
      ASSERT_TRUE(joined.ok()) << joined.status();
    }
    // Those who joined earlier hear of those who joined later.
    for (int i = 1; i < count; ++i) {
      Replica earlier(Store(i));
      earlier.Exchange();
      earlier.SyncWith(first);
    }
  }

  /// Each replica is changed by a user of its own while it reaches nobody.
  void ChangeApart(int count, std::uint64_t seed) {
    for (int i = 0; i < count; ++i) {
      Replica replica(Store(i));
      test::RandomUser user(replica.opened->volume(), seed + static_cast<std::uint64_t>(i), "r" + std::to_string(i));
      for (int call = 0; call < kCalls; ++call) {
        user.Step();
        if (call % kCallsBetweenFlushes == 0) NoteContents(replica);
      }
      NoteContents(replica);
    }
  }

  /// What a program saw as contents of files when they were known to be durable must never be lost.
  void NoteContents(Replica& replica) {
    ASSERT_TRUE(replica.opened->volume().Flush().ok());
    for (const std::string& line : Listing(replica)) {
      if (const std::size_t begin = line.find(kContentMark); begin != line.npos) {
        written_.insert(line.substr(begin + kContentMark.size()));
      }
    }
  }

  /// Joins copies of the replicas in the order of `meetings`, and checks that all are equal at the end.
  void MeetAndCompare(int count, const std::vector<std::pair<int, int>>& meetings) {
    const std::filesystem::path copies = temporary_.path() / "copies";
    std::filesystem::remove_all(copies);
    std::filesystem::create_directory(copies);
    std::vector<std::unique_ptr<Replica>> replicas;
    for (int i = 0; i < count; ++i) {
      const std::filesystem::path copy = copies / std::to_string(i);
      std::filesystem::copy(Store(i), copy, std::filesystem::copy_options::recursive);
      replicas.push_back(std::make_unique<Replica>(copy));
      replicas.back()->Exchange();
    }
    for (const auto& [one, other] : meetings) replicas[one]->SyncWith(*replicas[other]);
    for (const auto& replica : replicas) {
      const std::uint64_t frames = replica->opened->store().usage().frames;
      EXPECT_EQ(replica->opened->volume().Dump(), replicas[0]->opened->volume().Dump());
      EXPECT_EQ(Listing(*replica), Listing(*replicas[0]));
      EXPECT_EQ(replica->opened->store().usage().frames, frames);  // A merge writes nothing.
      EXPECT_EQ(frames, replicas[0]->opened->store().usage().frames);
    }
    replicas.clear();
    for (int i = 0; i < count; ++i) ExpectAllContentsIn(copies / std::to_string(i));
  }

  /// All that a program sees: paths, inode numbers, attributes and contents.
  static std::vector<std::string> Listing(Replica& replica) {
    std::vector<std::string> lines;
    List(replica.opened->volume(), crdt::kRoot, "", lines);
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  static void List(fs::Volume& volume, fs::NodeId directory, const std::string& path, std::vector<std::string>& lines) {
    std::vector<fs::ShownEntry> entries;
    const absl::Status listed = volume.List(directory, 0, [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind) {
      entries.push_back(entry);
      return true;
    });
    EXPECT_TRUE(listed.ok()) << listed;
    for (const fs::ShownEntry& entry : entries) {
      const auto found = volume.Lookup(directory, entry.name);
      ASSERT_TRUE(found.ok()) << path << "/" << entry.name << ": " << found.status();
      const fs::Attributes& shown = found->attributes;
      std::string line = path + "/" + entry.name + " " + std::to_string(found->node.value) + " " +
                         std::to_string(static_cast<int>(shown.kind)) + " " + std::to_string(shown.mode) + " " +
                         std::to_string(shown.links) + " " + std::to_string(shown.size) + " " +
                         std::to_string(shown.mtime) + " " + std::to_string(shown.ctime);
      if (shown.kind == fs::Kind::kRegular) {
        std::string bytes(shown.size, '\0');
        const auto read = volume.Read(found->node, nullptr, 0, bytes);
        EXPECT_TRUE(read.ok()) << line << ": " << read.status();
        line += kContentMark + bytes;
      }
      lines.push_back(std::move(line));
      if (shown.kind == fs::Kind::kDirectory) List(volume, found->node, path + "/" + entry.name, lines);
      volume.Forget(found->node, 1);
    }
  }

  /// The bytes of a file below `content`.
  static std::string BytesOf(replica::Store& store, const base::NamedContent& content) {
    const auto plain = store.Get(content.chunk);
    EXPECT_TRUE(plain.ok()) << plain.status();
    if (!plain.ok() || content.level == 0) return plain.value_or("");
    const auto below = fs::ContentNamedByPage(content.level, *plain);
    EXPECT_TRUE(below.ok()) << below.status();
    std::string bytes;
    for (const base::NamedContent& part : below.value_or(std::vector<base::NamedContent>()))
      bytes += BytesOf(store, part);
    return bytes;
  }

  /// Every content that a program wrote is in the history of the store.
  void ExpectAllContentsIn(const std::string& store) {
    base::PosixStorage storage;
    base::SystemClock clock;
    base::SystemRandom random;
    base::ManualExecutor executor([] { return std::chrono::nanoseconds(0); });
    struct Version {
      std::string inline_bytes;
      std::vector<base::NamedContent> chunks;
    };
    std::vector<Version> versions;
    const auto collect = [&](crdt::ActorId, std::uint64_t, std::span<const crdt::Op> ops) {
      for (const crdt::Op& op : ops) {
        for (const crdt::Field& field : op.fields) {
          if (!field.replaces || !field.value) continue;
          const auto manifest = fs::DecodeManifest(*field.value);
          if (manifest.ok()) versions.push_back({manifest->inline_bytes, fs::ContentNamedBy(op)});
        }
      }
      return absl::OkStatus();
    };
    const auto opened = replica::Store::Open({storage, clock, random, executor}, store, {}, collect);
    ASSERT_TRUE(opened.ok()) << opened.status();
    std::set<std::string> kept;
    for (const Version& version : versions) {
      std::string bytes = version.inline_bytes;
      for (const base::NamedContent& content : version.chunks) bytes += BytesOf(**opened, content);
      kept.insert(std::move(bytes));
    }
    for (const std::string& content : written_) {
      ASSERT_TRUE(kept.contains(content)) << "lost: " << content.substr(0, 100) << " of " << content.size() << " bytes";
    }
  }

  test::TemporaryDirectory temporary_;
  std::set<std::string> written_;
};

TEST_F(ExchangeTest, TwoReplicasChangedApartAreEqualWhenTheyHaveMet) {
  MakeReplicas(2);
  ChangeApart(2, 1);
  MeetAndCompare(2, {{0, 1}});
  MeetAndCompare(2, {{1, 0}});
}

TEST_F(ExchangeTest, ThreeReplicasChangedApartAreEqualInWhateverOrderTheyMeet) {
  MakeReplicas(3);
  ChangeApart(3, 10);
  MeetAndCompare(3, {{0, 1}, {1, 2}, {0, 1}});
  MeetAndCompare(3, {{0, 2}, {1, 2}, {0, 2}});
  MeetAndCompare(3, {{1, 2}, {0, 1}, {1, 2}});
}

TEST_F(ExchangeTest, WhatOneReplicaChangesIsSeenByTheOtherWhileBothAreConnected) {
  MakeReplicas(2);
  Replica one(Store(0));
  Replica two(Store(1));
  one.Exchange();
  two.Exchange();
  two.SyncWith(one);
  for (int round = 0; round < 20; ++round) {
    test::RandomUser user((round % 2 == 0 ? one : two).opened->volume(), static_cast<std::uint64_t>(round),
                          "round" + std::to_string(round));
    for (int call = 0; call < 50; ++call) user.Step();
    for (Replica* replica : {&one, &two}) ASSERT_TRUE(replica->opened->volume().Flush().ok());
    const auto is_equal = [&] { return one.opened->volume().Dump() == two.opened->volume().Dump(); };
    for (int wait = 0; wait < 2000 && !is_equal(); ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_EQ(one.opened->volume().Dump(), two.opened->volume().Dump()) << round;
  }
}

}  // namespace
}  // namespace copse::cli
