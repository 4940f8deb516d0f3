// Requests that name a victim as the kernel knows it, while it has yet to hear of what another replica has changed.
#include "fs/volume/volume_fixture.h"

namespace copse::fs {
namespace {

class PendingNamesTest : public VolumeTest {
 protected:
  PendingNamesTest() : peer_(8, world_.shared_content, PeerOptions()) {
    volume().set_invalidation_sink([this](const Invalidations& changed) { told_.push_back(changed); });
    home_ = MakeDirectory(kRoot, "d");
    seen_ = MakeFile(home_, "f");
    Exchange();
    // The peer puts another file in its place.
    const auto other = peer_.volume->MakeNode(kAlice, home_, "other", Kind::kRegular, 0644, 0);
    EXPECT_TRUE(other.ok());
    unseen_ = other->node;
    EXPECT_TRUE(peer_.volume->Rename(kAlice, home_, "other", home_, "f", 0).ok());
    told_.clear();
    Exchange();
  }

  static Volume::Options PeerOptions() {
    Volume::Options options = TestVolume::DefaultOptions();
    options.label = "peer";
    return options;
  }
  void Exchange() {
    const std::vector<crdt::Op> ours = world_.journal.ops();
    const std::size_t known = peer_.replica->version()[world_.actor];
    ASSERT_TRUE(peer_.volume->Ingest(world_.actor, known, std::span(ours).subspan(known)).ok());
    const std::vector<crdt::Op> theirs = peer_.journal.ops();
    const std::size_t fetched = world_.replica->version()[8];
    ASSERT_TRUE(volume().Ingest(8, fetched, std::span(theirs).subspan(fetched)).ok());
  }
  /// The kernel has taken in all that it was told.
  void ReturnNotifications() {
    for (const Invalidations& changed : told_) {
      for (const Invalidations::Name& name : changed.names) volume().NotificationReturned(name, changed.change);
    }
    told_.clear();
  }
  /// Without counting a lookup: what is there, not what anybody is served.
  std::map<std::string, NodeId> Names() {
    std::map<std::string, NodeId> names;
    EXPECT_TRUE(volume()
                    .List(home_, 0,
                          [&](std::uint64_t, const ShownEntry& entry, Kind) {
                            names[entry.name] = entry.target;
                            return true;
                          })
                    .ok());
    return names;
  }

  TestVolume peer_;
  std::vector<Invalidations> told_;
  NodeId home_;
  NodeId seen_;
  NodeId unseen_;
};

TEST_F(PendingNamesTest, RemovingWhatWasSeenDoesNotRemoveWhatHasComeInItsPlace) {
  EXPECT_EQ(ErrorOf(volume().Unlink(kAlice, home_, "f")), std::errc::no_such_file_or_directory);
  EXPECT_EQ(Names(), (std::map<std::string, NodeId>{{"f", unseen_}}));
  ReturnNotifications();
  EXPECT_TRUE(volume().Unlink(kAlice, home_, "f").ok());
  EXPECT_TRUE(Names().empty());
}

TEST_F(PendingNamesTest, WhatIsLookedUpMeanwhileIsSeen) {
  const auto found = volume().Lookup(home_, "f");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->node, unseen_);
  EXPECT_TRUE(volume().Unlink(kAlice, home_, "f").ok());
  EXPECT_TRUE(Names().empty());
}

TEST_F(PendingNamesTest, WhatIsListedWithAttributesMeanwhileIsSeen) {
  ASSERT_TRUE(
      volume().ListPlus(home_, 0, [](std::uint64_t, const std::string&, const Volume::Entry&) { return true; }).ok());
  EXPECT_TRUE(volume().Unlink(kAlice, home_, "f").ok());
  EXPECT_TRUE(Names().empty());
}

TEST_F(PendingNamesTest, RenamingWhatWasSeenDoesNotRenameWhatHasComeInItsPlace) {
  EXPECT_EQ(ErrorOf(volume().Rename(kAlice, home_, "f", home_, "g", 0)), std::errc::no_such_file_or_directory);
  ReturnNotifications();
  EXPECT_TRUE(volume().Rename(kAlice, home_, "f", home_, "g", 0).ok());
  EXPECT_EQ(Names(), (std::map<std::string, NodeId>{{"g", unseen_}}));
}

TEST_F(PendingNamesTest, ARenameOverWhatWasSeenLeavesWhatHasComeInItsPlaceBesideIt) {
  const NodeId saved = MakeFile(home_, "saved");
  ASSERT_TRUE(volume().Rename(kAlice, home_, "saved", home_, "f", 0).ok());
  const auto names = Names();
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names.at("f"), saved);
  EXPECT_EQ(names.at("f-peer"), unseen_);
  // What it has made itself, it has seen.
  EXPECT_TRUE(volume().Unlink(kAlice, home_, "f").ok());
}

TEST_F(PendingNamesTest, ARenameOverWhatWasSeenReplacesItOnceTheNewsHasArrived) {
  const NodeId saved = MakeFile(home_, "saved");
  ReturnNotifications();
  ASSERT_TRUE(volume().Rename(kAlice, home_, "saved", home_, "f", 0).ok());
  EXPECT_EQ(Names(), (std::map<std::string, NodeId>{{"f", saved}}));
}

TEST_F(PendingNamesTest, TheNewsOfAnEarlierChangeIsNotThatOfALaterOne) {
  const std::vector<Invalidations> earlier = told_;
  const auto third = peer_.volume->MakeNode(kAlice, home_, "third", Kind::kRegular, 0644, 0);
  ASSERT_TRUE(third.ok());
  ASSERT_TRUE(peer_.volume->Rename(kAlice, home_, "third", home_, "f", 0).ok());
  Exchange();
  for (const Invalidations& changed : earlier) {
    for (const Invalidations::Name& name : changed.names) volume().NotificationReturned(name, changed.change);
  }
  EXPECT_EQ(ErrorOf(volume().Unlink(kAlice, home_, "f")), std::errc::no_such_file_or_directory);
  ReturnNotifications();
  EXPECT_TRUE(volume().Unlink(kAlice, home_, "f").ok());
}

TEST_F(PendingNamesTest, TheRootIsADirectoryThatTheKernelHasWithoutLookingItUp) {
  MakeFile(kRoot, "g");
  Exchange();
  ASSERT_TRUE(peer_.volume->MakeNode(kAlice, kRoot, "other", Kind::kRegular, 0644, 0).ok());
  ASSERT_TRUE(peer_.volume->Rename(kAlice, kRoot, "other", kRoot, "g", 0).ok());
  Exchange();
  EXPECT_EQ(ErrorOf(volume().Unlink(kAlice, kRoot, "g")), std::errc::no_such_file_or_directory);
  ReturnNotifications();
  EXPECT_TRUE(volume().Unlink(kAlice, kRoot, "g").ok());
}

}  // namespace
}  // namespace copse::fs
