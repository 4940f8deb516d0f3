#include "members.h"

#include <gtest/gtest.h>

namespace copse::replica {
namespace {

std::string Key(char c) { return std::string(32, c); }

/// The volume of the owner of key 'f', with itself named.
Members Volume() {
  Members members(Key('f'));
  EXPECT_TRUE(members.Add(1, {Key('f'), Role::kAdmin, 1, 65535, "founder"}));
  return members;
}

Grant Next(const Members& members, crdt::ActorId granter, char key, Role role, const std::string& label) {
  const auto range = members.NextRange(granter, role).value();
  return {Key(key), role, range.first, range.second, label};
}

TEST(MembersTest, WhoMadeTheVolumeIsAnAdminFromTheBeginning) {
  const Members members(Key('f'));
  ASSERT_NE(members.OfKey(Key('f')), nullptr);
  EXPECT_EQ(members.OfKey(Key('f'))->grant.role, Role::kAdmin);
  EXPECT_EQ(members.OfActor(1), members.OfKey(Key('f')));
}

TEST(MembersTest, TheFounderNamesItselfOnce) {
  Members members = Volume();
  EXPECT_EQ(members.OfActor(1)->grant.label, "founder");
  EXPECT_FALSE(members.Add(1, {Key('f'), Role::kAdmin, 1, 65535, "other"}));
  EXPECT_EQ(members.OfActor(1)->grant.label, "founder");
}

TEST(MembersTest, AWriterHasOneActorAndFifteenSparesAsWhichNobodyWrites) {
  Members members = Volume();
  ASSERT_TRUE(members.Add(1, Next(members, 1, 'a', Role::kWriter, "a")));
  EXPECT_EQ(members.OfKey(Key('a'))->grant.actor, 17);
  EXPECT_EQ(members.OfActor(17)->grant.key, Key('a'));
  EXPECT_EQ(members.NextRange(1, Role::kWriter)->first, 33);
  for (const int nobody : {0, 2, 16, 18, 32, 33}) {
    EXPECT_EQ(members.OfActor(static_cast<crdt::ActorId>(nobody)), nullptr) << nobody;
  }
}

TEST(MembersTest, AnActorHandedOutTwiceMakesNobodyAMember) {
  Members members = Volume();
  const Grant first = Next(members, 1, 'a', Role::kWriter, "a");
  ASSERT_TRUE(members.Add(1, first));
  Grant second = first;
  second.key = Key('b');
  EXPECT_FALSE(members.Add(1, second));
  EXPECT_EQ(members.OfKey(Key('b')), nullptr);
}

TEST(MembersTest, NobodyHandsOutItsOwnActorsOrThoseOfOthers) {
  Members members = Volume();
  ASSERT_TRUE(members.Add(1, Next(members, 1, 'a', Role::kAdmin, "a")));
  const crdt::ActorId admin = members.OfKey(Key('a'))->grant.actor;
  EXPECT_FALSE(members.Add(1, {Key('x'), Role::kWriter, 2, 18, "x"}));
  EXPECT_FALSE(members.Add(admin, {Key('x'), Role::kWriter, admin, static_cast<crdt::ActorId>(admin + 16), "x"}));
  EXPECT_FALSE(members.Add(admin, {Key('x'), Role::kWriter, 2000, 2016, "x"}));
}

TEST(MembersTest, OnlyAnAdminLetsOthersInAndOnlyAsFarAsItsRangeGoes) {
  Members members = Volume();
  ASSERT_TRUE(members.Add(1, Next(members, 1, 'w', Role::kWriter, "w")));
  const crdt::ActorId writer = members.OfKey(Key('w'))->grant.actor;
  EXPECT_FALSE(members.NextRange(writer, Role::kWriter));
  EXPECT_FALSE(members.Add(writer, {Key('x'), Role::kWriter, 100, 116, "x"}));

  ASSERT_TRUE(members.Add(1, Next(members, 1, 'a', Role::kAdmin, "a")));
  const crdt::ActorId admin = members.OfKey(Key('a'))->grant.actor;
  int let_in = 0;
  while (members.NextRange(admin, Role::kWriter)) {
    ASSERT_TRUE(members.Add(admin, Next(members, admin, static_cast<char>(let_in), Role::kWriter, "x")));
    ++let_in;
  }
  EXPECT_EQ(let_in, 15);
  EXPECT_FALSE(members.NextRange(admin, Role::kAdmin));
}

TEST(MembersTest, AStrangersGrantsCountForNothing) {
  Members members = Volume();
  EXPECT_FALSE(members.Add(500, {Key('x'), Role::kWriter, 600, 616, "x"}));
}

TEST(MembersTest, TheOrderInWhichFeedsAreReadDoesNotMatter) {
  Members one_by_one = Volume();
  std::map<crdt::ActorId, std::vector<Grant>> feeds;
  feeds[1] = {{Key('f'), Role::kAdmin, 1, 65535, "founder"}};
  const auto grant = [&](crdt::ActorId granter, char key, Role role) {
    const Grant next = Next(one_by_one, granter, key, role, std::string(1, key));
    EXPECT_TRUE(one_by_one.Add(granter, next));
    feeds[granter].push_back(next);
    return next.actor;
  };
  const crdt::ActorId a = grant(1, 'a', Role::kAdmin);
  grant(a, 'b', Role::kWriter);
  grant(1, 'c', Role::kWriter);
  grant(a, 'd', Role::kWriter);
  Members at_once(Key('f'));
  at_once.AddAll(feeds);
  ASSERT_EQ(at_once.All().size(), one_by_one.All().size());
  for (const Member& member : one_by_one.All()) {
    ASSERT_NE(at_once.OfKey(member.grant.key), nullptr);
    EXPECT_EQ(at_once.OfKey(member.grant.key)->grant, member.grant);
    EXPECT_EQ(at_once.OfKey(member.grant.key)->granted_by, member.granted_by);
  }
}

TEST(MembersTest, AKeyThatTwoAdminsLetInIsTheSameMembersWhoeverIsReadFirst) {
  Members volume = Volume();
  const Grant admin = Next(volume, 1, 'a', Role::kAdmin, "a");
  ASSERT_TRUE(volume.Add(1, admin));
  const std::pair<crdt::ActorId, Grant> by_founder = {1, Next(volume, 1, 'k', Role::kWriter, "k")};
  const std::pair<crdt::ActorId, Grant> by_admin = {admin.actor, Next(volume, admin.actor, 'k', Role::kWriter, "l")};
  for (const auto& [first, second] : {std::pair(by_founder, by_admin), std::pair(by_admin, by_founder)}) {
    Members members = volume;
    EXPECT_TRUE(members.Add(first.first, first.second));
    EXPECT_TRUE(members.Add(second.first, second.second));
    EXPECT_EQ(members.OfActor(by_founder.second.actor)->grant, by_founder.second);
    EXPECT_EQ(members.OfActor(by_admin.second.actor)->grant, by_admin.second);
    EXPECT_EQ(members.OfKey(Key('k'))->grant, by_admin.second) << "the lowest actor";
  }
}

TEST(MembersTest, AFingerprintIsEightGroupsOfFourHexDigits) {
  const std::string fingerprint = FingerprintOf(Key('f'));
  EXPECT_EQ(fingerprint.size(), 39U);
  EXPECT_NE(fingerprint, FingerprintOf(Key('g')));
}

}  // namespace
}  // namespace copse::replica
