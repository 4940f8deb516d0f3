#include "store_exchange_fixture.h"

namespace copse::replica {
namespace {

using std::chrono::seconds;

TEST_F(StoreExchangeTest, WhoWasLetInIsAMemberEverywhereAndItsLabelIsKnown) {
  EXPECT_EQ(two_.actor(), 17);
  for (Replica* replica : {&one_, &two_}) {
    const std::vector<Member> members = replica->store->members();
    ASSERT_EQ(members.size(), 2U);
    EXPECT_EQ(members[0].grant.label, "laptop");
    EXPECT_EQ(members[0].grant.role, Role::kAdmin);
    EXPECT_EQ(members[1].grant.label, "desk");
    EXPECT_EQ(members[1].grant.key, two_.store->identity().signing_public);
    EXPECT_EQ(members[1].granted_by, 1);
  }
}

TEST_F(StoreExchangeTest, FramesGoBothWaysAndAreHandedToTheReceiverOnce) {
  one_.Write(1);
  Send(one_, two_);
  two_.Write(2);
  Send(two_, one_);
  EXPECT_EQ(one_.Counters(), (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1}));
  const auto frames = one_.side().ReadFrames(1, 0, 1 << 20).value();
  EXPECT_TRUE(two_.side().AddFrames(1, 0, frames).ok());
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(one_.side().Heads(), two_.side().Heads());
}

TEST_F(StoreExchangeTest, FramesOfOthersAreStoredByteForByteAndComeBackWhenTheStoreIsOpened) {
  one_.Write(1, 3);
  one_.Write(4);
  Send(one_, two_, 1 << 20);
  EXPECT_EQ(two_.side().ReadFrames(1, 0, 1 << 20).value(), one_.side().ReadFrames(1, 0, 1 << 20).value());
  two_.store.reset();
  two_.Open();
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(two_.side().FrameHash(1, 2).value(), one_.side().FrameHash(1, 2).value());
}

TEST_F(StoreExchangeTest, WhatTheReceiverHasSeenWasDurableBefore) {
  one_.Write(1);
  Send(one_, two_);
  ASSERT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1}));
  two_.machine.storage().Crash(base::MemoryStorage::Keep::kNothing);
  two_.store.reset();
  two_.Open();
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1}));
}

TEST_F(StoreExchangeTest, FramesThatCameBeforeTheDiskWasFullAreNotForgotten) {
  one_.machine.options().segment_bytes_max = 1;  // So each frame is written by itself.
  one_.store.reset();
  one_.Open();
  constexpr std::uint64_t kOps = 1000;
  for (std::uint64_t i = 0; i < 3; ++i) one_.Write(i * kOps + 1, kOps);
  const std::uint64_t known = two_.store->frame_counts().at(1);
  const auto frames = one_.side().ReadFrames(1, known, 1 << 20).value();
  ASSERT_EQ(frames.size(), 3U);
  two_.machine.storage().SetFreeBytes(frames[0].size() + frames[1].size() / 2);
  EXPECT_TRUE(absl::IsResourceExhausted(two_.side().AddFrames(1, known, frames)));
  EXPECT_EQ(two_.Counters().size(), kOps);
  two_.machine.storage().SetFreeBytes(1 << 20);
  Send(one_, two_);
  EXPECT_EQ(two_.Counters().size(), 3 * kOps);
}

TEST_F(StoreExchangeTest, AFrameWaitsForThoseThatItDependsOn) {
  Join(one_, three_, "phone");
  Send(one_, two_);
  one_.Write(1);
  Send(one_, three_);
  three_.Write(2);
  const crdt::ActorId third = three_.actor();
  const auto frames = three_.side().ReadFrames(third, 0, 1 << 20).value();
  ASSERT_TRUE(two_.side().AddFrames(third, 0, frames).ok());
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{}));
  Send(one_, two_);
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(StoreExchangeTest, AFrameThatWaitsWhenTheStoreIsClosedGoesOnWaiting) {
  Join(one_, three_, "phone");
  Send(one_, two_);
  one_.Write(1);
  Send(one_, three_);
  three_.Write(2);
  const crdt::ActorId third = three_.actor();
  ASSERT_TRUE(two_.side().AddFrames(third, 0, three_.side().ReadFrames(third, 0, 1 << 20).value()).ok());
  two_.store.reset();
  two_.Open();
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{}));
  Send(one_, two_);
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(StoreExchangeTest, OwnFramesSayWhatTheyBuildOn) {
  one_.Write(1, 2);
  Send(one_, two_);
  two_.Write(3);
  const std::string last = two_.side().ReadFrames(17, 0, 1 << 20).value().back();
  const Frame frame = DecodeFrame(last).value();
  ASSERT_EQ(frame.header.dependencies.size(), 1U);
  EXPECT_EQ(frame.header.dependencies[0].actor, 1);
  EXPECT_EQ(frame.header.dependencies[0].count, 2U);
}

TEST_F(StoreExchangeTest, AFrameIsHandedOnOnceItsContentsAreHere) {
  const base::Hash id = Name(one_, 1, "contents");
  one_.Write(1);
  std::vector<base::Hash> wanted;
  two_.store->set_exchange_events({nullptr, [&](const std::vector<base::Hash>& ids) { wanted = ids; }});
  Send(one_, two_);
  EXPECT_TRUE(two_.Counters().empty());
  EXPECT_EQ(wanted, std::vector<base::Hash>{id});
  EXPECT_EQ(two_.side().ChunksMissing(), 1U);
  two_.side().OnChunk(id, one_.side().ReadChunk(id));
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1}));
  EXPECT_NE(two_.side().ChunksMissing(), 0U) << "it is not durable yet";
  two_.LetSync();
  EXPECT_EQ(two_.side().ChunksMissing(), 0U);
  const base::ChunkRef chunk = contents_->begin()->second.front().chunk;
  EXPECT_EQ(two_.store->Get(chunk).value(), "contents");
}

TEST_F(StoreExchangeTest, ThatNothingIsMissingIsSaidOnceWhatCameIsDurable) {
  const base::Hash id = Name(one_, 1, "contents");
  one_.Write(1);
  Send(one_, two_);
  bool was_told = false;
  two_.store->set_exchange_events({[&] { was_told = true; }, nullptr});
  two_.side().OnChunk(id, one_.side().ReadChunk(id));
  was_told = false;
  two_.LetSync();
  EXPECT_TRUE(was_told);
  ASSERT_EQ(two_.side().ChunksMissing(), 0U);
  two_.machine.storage().Crash(base::MemoryStorage::Keep::kNothing);
  two_.store.reset();
  two_.Open();
  EXPECT_TRUE(two_.store->MissingChunks().empty());
}

TEST_F(StoreExchangeTest, ThatNothingIsMissingIsNotSaidWhereTheSyncOfWhatCameFails) {
  const base::Hash id = Name(one_, 1, "contents");
  one_.Write(1);
  Send(one_, two_);
  ASSERT_TRUE(two_.store->Put("begins the pack").ok());
  ASSERT_TRUE(two_.store->Sync().ok());
  two_.machine.storage().FailSync(1);
  two_.side().OnChunk(id, one_.side().ReadChunk(id));
  two_.LetSync();
  EXPECT_NE(two_.side().ChunksMissing(), 0U);
  EXPECT_TRUE(two_.store->usage().read_only);
}

TEST_F(StoreExchangeTest, APageThatCouldNotBeReadIsReadLater) {
  const base::ChunkRef leaf = one_.store->Put("the bytes of the file").value();
  const base::Hash page = Name(one_, 1, "a page", 1);
  two_.machine.options().namer.named_by_page = [leaf](std::uint8_t, std::string_view) {
    return std::vector<base::NamedContent>{{leaf, 0}};
  };
  two_.store.reset();
  two_.Open();
  ASSERT_TRUE(two_.store->Put("so that its pack is open for writing").ok());
  one_.Write(1);
  Send(one_, two_);
  two_.machine.storage().SetHasDescriptors(false);
  two_.side().OnChunk(page, one_.side().ReadChunk(page));
  EXPECT_TRUE(two_.store->MissingChunks().empty());
  EXPECT_EQ(two_.store->usage().chunks_missing, 1U);
  EXPECT_TRUE(two_.Counters().empty());
  two_.machine.storage().SetHasDescriptors(true);
  two_.machine.clock().Advance(std::chrono::seconds(10));
  two_.machine.executor().RunDue();
  EXPECT_EQ(two_.store->MissingChunks(), std::vector<base::Hash>{leaf.id});
  two_.side().OnChunk(leaf.id, one_.side().ReadChunk(leaf.id));
  two_.LetSync();
  EXPECT_EQ(two_.side().ChunksMissing(), 0U);
}

TEST_F(StoreExchangeTest, WhatWasFetchedBecomesDurableThoughAPageWasReadLater) {
  const base::Hash page = Name(one_, 1, "a page that names nothing", 1);
  ASSERT_TRUE(two_.store->Put("so that its pack is open for writing").ok());
  one_.Write(1);
  Send(one_, two_);
  two_.machine.storage().SetHasDescriptors(false);
  two_.side().OnChunk(page, one_.side().ReadChunk(page));
  two_.machine.storage().SetHasDescriptors(true);
  two_.machine.clock().Advance(std::chrono::seconds(10));
  two_.machine.executor().RunDue();
  two_.LetSync();
  EXPECT_EQ(two_.side().ChunksMissing(), 0U);
}

TEST_F(StoreExchangeTest, ContentsBehindAPageAreWantedWhenThePageIsHere) {
  const base::ChunkRef leaf = one_.store->Put("the bytes of the file").value();
  const base::Hash page = Name(one_, 1, "a page", 1);
  for (Replica* replica : {&one_, &two_}) {
    replica->machine.options().namer.named_by_page = [leaf](std::uint8_t level, std::string_view plain) {
      EXPECT_EQ(level, 1);
      EXPECT_EQ(plain, "a page");
      return std::vector<base::NamedContent>{{leaf, 0}};
    };
  }
  two_.store.reset();
  two_.Open();
  one_.Write(1);
  Send(one_, two_);
  two_.side().OnChunk(page, one_.side().ReadChunk(page));
  EXPECT_TRUE(two_.Counters().empty());
  EXPECT_EQ(two_.store->MissingChunks(), std::vector<base::Hash>{leaf.id});
  two_.side().OnChunk(leaf.id, one_.side().ReadChunk(leaf.id));
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1}));
}

TEST_F(StoreExchangeTest, ContentsBehindAPageThatIsDamagedHereAreWantedOnceItHasComeAgain) {
  const base::ChunkRef leaf = one_.store->Put("the bytes of the file").value();
  const base::Hash page = Name(one_, 1, "a page", 1);
  two_.machine.options().namer.named_by_page = [leaf](std::uint8_t, std::string_view) {
    return std::vector<base::NamedContent>{{leaf, 0}};
  };
  two_.store.reset();
  two_.Open();
  ASSERT_EQ(two_.store->Put("a page")->id, page);
  two_.machine.storage().FlipBit(Machine::kPack, two_.machine.storage().Stat(Machine::kPack)->size - 1, 1);
  one_.Write(1);
  Send(one_, two_);
  EXPECT_TRUE(two_.Counters().empty());
  EXPECT_EQ(two_.store->MissingChunks(), std::vector<base::Hash>{page});
  two_.side().OnChunk(page, one_.side().ReadChunk(page));
  EXPECT_EQ(two_.store->MissingChunks(), std::vector<base::Hash>{leaf.id});
  two_.side().OnChunk(leaf.id, one_.side().ReadChunk(leaf.id));
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1}));
}

TEST_F(StoreExchangeTest, AFrameDoesNotWaitForItsContentsForEverButTheyAreStillWanted) {
  const base::Hash id = Name(one_, 1, "contents");
  one_.Write(1);
  Send(one_, two_);
  two_.machine.clock().Advance(seconds(9));
  two_.machine.executor().RunDue();
  EXPECT_TRUE(two_.Counters().empty());
  two_.machine.clock().Advance(seconds(2));
  two_.machine.executor().RunDue();
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(two_.store->MissingChunks(), std::vector<base::Hash>{id});
}

TEST_F(StoreExchangeTest, ContentsThatAreMissingAreWantedAgainWhenTheStoreIsOpened) {
  const base::Hash id = Name(one_, 1, "contents");
  one_.Write(1);
  Send(one_, two_);
  two_.store.reset();
  two_.Open();
  EXPECT_EQ(two_.store->MissingChunks(), std::vector<base::Hash>{id});
  EXPECT_EQ(two_.store->Verify()->chunks_missing, 1U);
}

TEST_F(StoreExchangeTest, AChunkThatIsDamagedHereIsNotHandedOut) {
  const base::Hash id = Name(one_, 1, "contents");
  one_.Write(1);
  std::string pack = one_.machine.Read(Machine::kPack);
  pack[pack.size() - 3] ^= 1;
  ASSERT_TRUE(base::ReplaceFile(one_.machine.storage(), Machine::kPack, pack).ok());
  EXPECT_TRUE(absl::IsDataLoss(one_.side().ReadChunk(id).status()));
}

TEST_F(StoreExchangeTest, AChunkThatIsFoundDamagedIsWantedAgainAndMendedForGood) {
  const base::Hash id = Name(one_, 1, "contents");
  const base::ChunkRef chunk = contents_->begin()->second.front().chunk;
  one_.Write(1);
  Send(one_, two_);
  two_.side().OnChunk(id, one_.side().ReadChunk(id));
  two_.LetSync();
  int wanted = 0;
  two_.store->set_exchange_events({[] {},
                                   [&](const std::vector<base::Hash>& ids) {
                                     EXPECT_EQ(ids, std::vector{id});
                                     ++wanted;
                                   }});
  const auto damage = [&] {
    const std::string newest = two_.machine.Files("/store/chunks").back();
    two_.machine.storage().FlipBit(newest, two_.machine.storage().Stat(newest)->size - 1, 1);
  };
  int found = 0;
  const auto expect_found_and_mended = [&] {
    two_.machine.executor().RunDue();
    EXPECT_EQ(wanted, ++found);
    EXPECT_EQ(two_.store->MissingChunks(), std::vector{id});
    EXPECT_TRUE(absl::IsDataLoss(two_.store->Get(chunk).status()));
    two_.side().OnChunk(id, one_.side().ReadChunk(id));
    EXPECT_EQ(two_.store->Get(chunk).value(), "contents");
    EXPECT_EQ(two_.side().ChunksMissing(), 1U);  // Until it is durable.
    two_.LetSync();
    EXPECT_EQ(two_.side().ChunksMissing(), 0U);
    EXPECT_TRUE(two_.store->Verify()->problems.empty());
    two_.machine.executor().RunDue();
    EXPECT_EQ(wanted, found);
  };
  damage();  // Found by whoever reads it here,
  EXPECT_TRUE(absl::IsDataLoss(two_.store->Get(chunk).status()));
  expect_found_and_mended();
  damage();  // by a peer that asks for it,
  EXPECT_TRUE(absl::IsDataLoss(two_.side().ReadChunk(id).status()));
  expect_found_and_mended();
  damage();  // and by looking for damage.
  EXPECT_EQ(two_.store->Verify()->problems.size(), 1U);
  expect_found_and_mended();

  two_.store.reset();
  two_.machine.storage().Crash(base::MemoryStorage::Keep::kNothing);
  two_.Open();
  EXPECT_EQ(two_.store->Get(chunk).value(), "contents");
}

TEST_F(StoreExchangeTest, ADamagedChunkIsMendedByWhoeverPutsTheSameBytes) {
  const base::Hash id = Name(one_, 1, "contents");
  const base::ChunkRef chunk = contents_->begin()->second.front().chunk;
  one_.Write(1);
  one_.machine.storage().FlipBit(Machine::kPack, one_.machine.storage().Stat(Machine::kPack)->size - 1, 1);
  EXPECT_TRUE(absl::IsDataLoss(one_.store->Get(chunk).status()));
  one_.machine.executor().RunDue();
  EXPECT_EQ(one_.store->MissingChunks(), std::vector{id});
  EXPECT_EQ(*one_.store->Put("contents"), chunk);
  one_.machine.executor().RunDue();
  EXPECT_TRUE(one_.store->MissingChunks().empty());
  EXPECT_EQ(one_.side().ChunksMissing(), 1U);  // Until it is durable.
  one_.LetSync();
  EXPECT_EQ(one_.side().ChunksMissing(), 0U);
  EXPECT_EQ(one_.store->Get(chunk).value(), "contents");
}

TEST_F(StoreExchangeTest, AChunkThatWasNamedWronglyIsNotTakenForDamaged) {
  const base::Hash id = Name(one_, 1, "contents");
  base::ChunkRef chunk = contents_->begin()->second.front().chunk;
  one_.Write(1);
  chunk.plain_hash[0] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(one_.store->Get(chunk).status()));
  one_.machine.executor().RunDue();
  EXPECT_EQ(one_.side().ChunksMissing(), 0U);
  EXPECT_TRUE(one_.side().ReadChunk(id).ok());
}

TEST_F(StoreExchangeTest, AChunkThatAPeerDoesNotHaveGoesOnBeingWanted) {
  const base::Hash id = Name(one_, 1, "contents");
  one_.Write(1);
  Send(one_, two_);
  two_.side().OnChunk(id, absl::NotFoundError("not here"));
  EXPECT_EQ(two_.side().ChunksMissing(), 1U);
}

TEST_F(StoreExchangeTest, EveryDamagedBitOfAFrameIsRefusedAndChangesNothing) {
  one_.Write(1);
  const std::uint64_t known = two_.store->frame_counts().at(1);
  const std::string frame = one_.side().ReadFrames(1, known, 1).value().front();
  const auto before = two_.machine.Image();
  for (std::size_t bit = 0; bit < 8 * frame.size(); bit += 3) {
    std::string damaged = frame;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(absl::IsDataLoss(two_.side().AddFrames(1, known, {&damaged, 1}))) << bit;
  }
  EXPECT_EQ(two_.machine.Image(), before);
  EXPECT_TRUE(two_.side().AddFrames(1, known, {&frame, 1}).ok());
}

TEST_F(StoreExchangeTest, FramesOfAStrangerOrWithAGapAreRefused) {
  one_.Write(1);
  one_.Write(2);
  const auto frames = one_.side().ReadFrames(1, 0, 1 << 20).value();
  EXPECT_TRUE(absl::IsPermissionDenied(two_.side().AddFrames(500, 0, frames)));
  const std::uint64_t known = two_.store->frame_counts().at(1);
  EXPECT_TRUE(absl::IsDataLoss(two_.side().AddFrames(1, known + 1, {&frames.back(), 1})));
  EXPECT_FALSE(two_.side().AddFrames(17, 0, frames).ok());
}

TEST_F(StoreExchangeTest, AGrantOfAMemberWhoMayNotLetOthersInIsListedByVerify) {
  const Identity& writer = two_.store->identity();
  FrameHeader header;
  header.volume = writer.volume;
  header.actor = writer.actor;
  header.dependencies_are_full = true;
  header.grants = {{std::string(32, 'x'), Role::kWriter, 100, 116, "phone"}};
  const std::string frame = EncodeFrame(header, {}, writer.epoch_keys.at(0), writer.signing_secret);
  const absl::Status added = one_.side().AddFrames(writer.actor, 0, {&frame, 1});
  ASSERT_TRUE(added.ok()) << added;
  EXPECT_FALSE(one_.side().IsMember(100));
  const Store::Verification verification = one_.store->Verify().value();
  EXPECT_TRUE(verification.problems.empty());
  ASSERT_EQ(verification.ineffective_grants.size(), 1U);
  EXPECT_EQ(verification.ineffective_grants.front().rfind("actor 17 lets in phone (", 0), 0U)
      << verification.ineffective_grants.front();
}

TEST_F(StoreExchangeTest, AFeedWithOpsThatTheReceiverRefusesIsKeptAndSaidToBeAndStopsNothingElse) {
  Join(one_, three_, "phone");
  Send(one_, two_);
  two_.refused = crdt::Timestamp::Of(1, one_.actor());
  one_.Write(1);
  one_.Write(2);
  Send(one_, two_);
  three_.Write(1);
  three_.Write(2);
  Send(three_, two_);
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{1, 2}));
  ASSERT_EQ(two_.store->usage().refused_feeds.size(), 1U);
  EXPECT_NE(two_.store->usage().refused_feeds[0].find("actor 1"), std::string::npos);
  EXPECT_EQ(two_.store->frame_counts().at(1), one_.store->frame_counts().at(1));
}

TEST_F(StoreExchangeTest, AChunkThatTheDiskHadNoRoomForIsAskedForAgainUntilItIsHere) {
  const base::Hash id = Name(one_, 1, "contents");
  one_.Write(1);
  Send(one_, two_);
  std::vector<base::Hash> asked;
  two_.store->set_exchange_events({nullptr, [&](const std::vector<base::Hash>& ids) { asked = ids; }});
  two_.machine.storage().SetFreeBytes(0);
  two_.side().OnChunk(id, one_.side().ReadChunk(id));
  EXPECT_EQ(two_.store->usage().chunks_missing, 1U);
  for (int attempt = 0; attempt < 2; ++attempt) {
    asked.clear();
    two_.machine.clock().Advance(seconds(20));
    two_.machine.executor().RunDue();
    EXPECT_EQ(asked, std::vector{id});
    if (attempt > 0) two_.machine.storage().SetFreeBytes(1 << 20);
    two_.side().OnChunk(id, one_.side().ReadChunk(id));
  }
  EXPECT_EQ(two_.store->usage().chunks_missing, 0U);
  asked.clear();
  two_.machine.clock().Advance(seconds(60));
  two_.machine.executor().RunDue();
  EXPECT_TRUE(asked.empty());
}

TEST_F(StoreExchangeTest, AnInvitationLetsOneReplicaInOnceAndThatOneAgain) {
  const Invitation invitation = one_.store->Invite(Role::kWriter, seconds(60), {}).value();
  const std::string key(32, 'k');
  const std::string first = one_.side().Admit(key, invitation.secret, "phone").value();
  EXPECT_TRUE(absl::IsPermissionDenied(one_.side().Admit(std::string(32, 'x'), invitation.secret, "tv").status()));
  EXPECT_EQ(one_.side().Admit(key, invitation.secret, "phone").value(), first);
  EXPECT_EQ(one_.store->members().size(), 3U);
}

TEST_F(StoreExchangeTest, ALabelThatAnotherMemberHasIsRefusedAndUsesUpNothing) {
  const Invitation invitation = one_.store->Invite(Role::kWriter, seconds(60), {}).value();
  const std::string key(32, 'k');
  EXPECT_TRUE(absl::IsAlreadyExists(one_.side().Admit(key, invitation.secret, "desk").status()));
  EXPECT_TRUE(one_.side().Admit(std::string(32, 'x'), invitation.secret, "tv").ok());
}

TEST_F(StoreExchangeTest, AWriterCannotInvite) {
  EXPECT_TRUE(absl::IsPermissionDenied(two_.store->Invite(Role::kWriter, seconds(60), {}).status()));
}

TEST_F(StoreExchangeTest, AMembershipSurvivesAPowerCutOnceItWasAnswered) {
  const Invitation invitation = one_.store->Invite(Role::kWriter, seconds(60), {}).value();
  const std::string key(32, 'k');
  ASSERT_TRUE(one_.side().Admit(key, invitation.secret, "phone").ok());
  one_.machine.storage().Crash(base::MemoryStorage::Keep::kNothing);
  one_.store.reset();
  one_.Open();
  EXPECT_EQ(one_.store->LabelOf(key), "phone");
}

TEST_F(StoreExchangeTest, JoiningGoesOnWhereItBrokeOff) {
  const Invitation invitation = one_.store->Invite(Role::kWriter, seconds(60), {}).value();
  base::MemoryStorage& disk = three_.machine.storage();
  base::Random& random = three_.machine.environment().random;
  const std::string key = Joining::Begin(disk, random, Machine::kPath, invitation, "phone")->signing_public();
  Joining joining = Joining::Begin(disk, random, Machine::kPath, invitation, "phone").value();
  EXPECT_EQ(joining.signing_public(), key);
  ASSERT_TRUE(joining.Admit(disk, one_.side().Admit(key, invitation.secret, "phone").value()).ok());
  Joining again = Joining::Begin(disk, random, Machine::kPath, invitation, "phone").value();
  EXPECT_TRUE(again.is_admitted());
  EXPECT_TRUE(absl::IsFailedPrecondition(three_.machine.Open().status()));
  three_.machine.options().allow_joining = true;
  three_.Open();
  EXPECT_FALSE(again.HasAll(*three_.store));
  Send(one_, three_);
  EXPECT_TRUE(again.HasAll(*three_.store));
  ASSERT_TRUE(again.Finish(disk).ok());
  three_.store.reset();
  three_.machine.options().allow_joining = false;
  three_.Open();
}

TEST_F(StoreExchangeTest, AWelcomeThatIsDamagedOrForAnotherIsRefused) {
  const Invitation invitation = one_.store->Invite(Role::kWriter, seconds(60), {}).value();
  Joining joining =
      Joining::Begin(three_.machine.storage(), three_.machine.environment().random, Machine::kPath, invitation, "phone")
          .value();
  const std::string other = one_.side().Admit(std::string(32, 'k'), invitation.secret, "phone").value();
  EXPECT_TRUE(absl::IsDataLoss(joining.Admit(three_.machine.storage(), other)));
  for (std::size_t length = 0; length < other.size(); ++length) {
    EXPECT_TRUE(absl::IsDataLoss(joining.Admit(three_.machine.storage(), other.substr(0, length)))) << length;
  }
}

TEST_F(StoreExchangeTest, PeersAreRememberedOnceAndWhereToListenIsWhatWasGivenLast) {
  ASSERT_TRUE(one_.store->RememberAddresses({{"0.0.0.0:9"}, {"a:1"}}).ok());
  ASSERT_TRUE(one_.store->RememberAddresses({{"0.0.0.0:1"}, {"b:2"}}).ok());
  ASSERT_TRUE(one_.store->RememberAddresses({{}, {"b:2", "c:3"}}).ok());
  one_.store.reset();
  one_.Open();
  EXPECT_EQ(one_.store->addresses().listen, (std::vector<std::string>{"0.0.0.0:1"}));
  EXPECT_EQ(one_.store->addresses().peers, (std::vector<std::string>{"a:1", "b:2", "c:3"}));
}

TEST_F(StoreExchangeTest, AMachineWhoseClockIsYearsOffExchangesAsAnyOther) {
  two_.machine.clock().Advance(std::chrono::hours(24 * 365 * 20));
  two_.Write(1);
  Send(two_, one_);
  one_.Write(2);
  Send(one_, two_);
  EXPECT_EQ(one_.Counters(), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(two_.Counters(), (std::vector<std::uint64_t>{2}));
}

}  // namespace
}  // namespace copse::replica
