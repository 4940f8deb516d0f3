#include "volume_fixture.h"

namespace copse::fs {
namespace {

class HistoryTest : public VolumeTest {
 protected:
  HistoryTest() {
    world_.options.history_moves_min = kMin;
    world_.Reopen();
  }

  /// Renames one file so often.
  void Rename(int times) {
    for (int i = 0; i < times; ++i) {
      const std::string next = "f" + std::to_string(++renamed_);
      ASSERT_TRUE(volume().Rename(kAlice, kRoot, name_, kRoot, next, Volume::kRenamePlain).ok());
      name_ = next;
    }
  }
  void AllIsStable() { world_.stable = crdt::Timestamp::Of(world_.replica->lamport_counter(), 0xffff); }
  std::size_t History() const { return world_.replica->tree().HistorySize(); }

  static constexpr std::size_t kMin = 32;
  std::string name_ = "f";
  int renamed_ = 0;
};

TEST_F(HistoryTest, WhatIsStableIsForgottenAndTheFilesStay) {
  const NodeId file = MakeFile(kRoot, name_, "contents");
  MakeFile(kRoot, "deleted");
  ASSERT_TRUE(volume().Unlink(kAlice, kRoot, "deleted").ok());
  Rename(100);
  ASSERT_TRUE(volume().Flush().ok());
  const std::string before = volume().Dump();
  ASSERT_GE(History(), 100U);
  AllIsStable();
  world_.Advance(kSecond);
  EXPECT_LE(History(), 4U);
  EXPECT_EQ(world_.replica->tree().Horizon(), world_.stable);
  EXPECT_EQ(volume().Dump(), before);
  EXPECT_EQ(Find(kRoot, name_), file);
  ASSERT_EQ(volume().ListTrash().size(), 1U);
  EXPECT_EQ(volume().ListTrash().front().path, "deleted");
}

TEST_F(HistoryTest, ItStaysSmallHoweverLongOneGoesOn) {
  MakeFile(kRoot, name_);
  std::size_t most = 0;
  for (int i = 0; i < 50; ++i) {
    Rename(20);
    AllIsStable();
    world_.Advance(kSecond);
    most = std::max(most, History());
  }
  EXPECT_LE(most, kMin + 20);
}

TEST_F(HistoryTest, WhatMayStillBeMetByAnEarlierOpIsKept) {
  MakeFile(kRoot, name_);
  Rename(10);
  AllIsStable();
  const crdt::Timestamp stable = world_.stable;
  Rename(100);
  world_.Advance(kSecond);
  EXPECT_EQ(world_.replica->tree().Horizon(), stable);
  EXPECT_GE(History(), 100U);
}

TEST_F(HistoryTest, AReplayForgetsAtOnceWhatIsStable) {
  MakeFile(kRoot, name_);
  world_.options.history_moves_min = 1 << 20;
  world_.Reopen();
  Rename(100);
  AllIsStable();
  const std::string before = volume().Dump();
  world_.options.history_moves_min = kMin;
  world_.Reopen();
  world_.executor.RunDue();
  EXPECT_LE(History(), 4U);
  EXPECT_EQ(volume().Dump(), before);
}

}  // namespace
}  // namespace copse::fs
