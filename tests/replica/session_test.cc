// What two sessions that behave do for each other.

#include "session.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "session_world.h"

namespace copse::replica {
namespace {

using std::chrono::seconds;

std::string Payload(std::size_t number, std::size_t bytes = 100) {
  return std::to_string(number) + " " + std::string(bytes, 'p');
}

void ExpectInSync(const World::Link& link) {
  EXPECT_TRUE(link.a.session->status().ok()) << link.a.session->status();
  EXPECT_TRUE(link.b.session->status().ok()) << link.b.session->status();
  EXPECT_TRUE(link.a.session->IsInSync());
  EXPECT_TRUE(link.b.session->IsInSync());
  EXPECT_EQ(link.a.host->feeds, link.b.host->feeds);
}

class SessionTest : public testing::Test {
 protected:
  World world;
  FakeHost& laptop = world.Add(1);
  FakeHost& desk = world.Add(2);
};

TEST_F(SessionTest, EachEndGetsTheFramesThatItLacksHoweverTheStreamIsCut) {
  for (const std::size_t piece_max : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, std::size_t{1} << 22}) {
    World cut(piece_max);
    FakeHost& a = cut.Add(1);
    FakeHost& b = cut.Add(2);
    for (std::size_t i = 0; i < 50; ++i) a.Append(Payload(i));
    for (std::size_t i = 0; i < 30; ++i) b.Append(Payload(i));
    for (FakeHost* host : {&a, &b}) host->Append(3, "what both have");
    const World::Link& link = cut.Meet(a, b);
    cut.Run(piece_max);
    ExpectInSync(link);
    EXPECT_EQ(a.feed(2).size(), 30u);
    EXPECT_EQ(b.feed(1).size(), 50u);
    EXPECT_EQ(link.b.session->peer_label(), "replica1");
  }
}

TEST_F(SessionTest, ManyMegabytesGoThroughAWindowOfCredit) {
  for (std::size_t i = 0; i < 100; ++i) laptop.Append(Payload(i, 300'000));
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  ExpectInSync(link);
}

TEST_F(SessionTest, WithoutCreditNothingMoreIsSent) {
  for (std::size_t i = 0; i < 100; ++i) laptop.Append(Payload(i, 300'000));
  World::Link& link = world.Meet(laptop, desk);
  std::size_t sent = 0;
  world.Deliver(link.b, link.a, 1 << 20);  // Hello and the first credit.
  world.Deliver(link.a, link.b, 1 << 20);
  world.Deliver(link.b, link.a, 1 << 20);  // The subscription.
  while (!link.a.sent.empty()) {           // From now on the reader is not heard.
    sent += link.a.sent.size();
    world.Deliver(link.a, link.b, 1 << 30);
  }
  EXPECT_GT(sent, Session::kWindowBytes / 2);
  EXPECT_LE(sent, Session::kWindowBytes + Session::kRunBytesMax + 1000);
}

TEST_F(SessionTest, AReplicaThatIsInSyncIsSentNewFramesAtOnce) {
  laptop.Append("before");
  World::Link& link = world.Meet(laptop, desk);
  world.Run();
  ExpectInSync(link);
  for (std::size_t i = 0; i < 5; ++i) {
    laptop.Append(Payload(i));
    world.Announce(laptop);
    EXPECT_EQ(link.a.session->OpsToSend(), 3u);
    EXPECT_FALSE(link.a.session->IsInSync());
    ASSERT_TRUE(world.Deliver(link.a, link.b, 1 << 20));  // No question is asked.
    EXPECT_EQ(desk.feed(1), laptop.feed(1));
    world.Run();
    ExpectInSync(link);
    EXPECT_EQ(link.a.session->OpsToSend(), 0u);
  }
}

TEST_F(SessionTest, AFirstFrameOfAFeedThatNobodyHadIsPushedToo) {
  World::Link& link = world.Meet(laptop, desk);
  world.Run();
  laptop.Append("first");
  world.Announce(laptop);
  EXPECT_EQ(link.b.session->OpsToReceive(), 0u);
  world.Run();
  ExpectInSync(link);
  EXPECT_EQ(desk.feed(1).size(), 1u);
}

TEST_F(SessionTest, OnlyDurableFramesLeaveAReplica) {
  for (std::size_t i = 0; i < 5; ++i) laptop.Append(Payload(i));
  laptop.hidden = 2;
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  EXPECT_EQ(desk.feed(1).size(), 3u);
  EXPECT_TRUE(link.b.session->IsInSync());
  laptop.hidden = 0;
  world.Announce(laptop);
  world.Run();
  ExpectInSync(link);
}

TEST_F(SessionTest, FramesPassThroughAReplicaThatStandsBetweenTwoOthers) {
  FakeHost& phone = world.Add(3);
  for (std::size_t i = 0; i < 20; ++i) laptop.Append(Payload(i));
  for (std::size_t i = 0; i < 10; ++i) phone.Append(Payload(i));
  const World::Link& left = world.Meet(laptop, desk);
  const World::Link& right = world.Meet(desk, phone);
  world.Run(50);
  ExpectInSync(left);
  ExpectInSync(right);
  laptop.Append("later");
  world.Announce(laptop);
  world.Run(50);
  ExpectInSync(right);
  EXPECT_EQ(phone.feed(1).size(), 21u);
}

TEST_F(SessionTest, AFeedOfferedByTwoPeersIsStoredOnce) {
  FakeHost& phone = world.Add(3);
  for (std::size_t i = 0; i < 200; ++i) {
    laptop.Append(Payload(i, 20'000));
    desk.feeds[1] = laptop.feed(1);
  }
  const World::Link& one = world.Meet(phone, laptop);
  const World::Link& other = world.Meet(phone, desk);
  world.Run(30'000);
  ExpectInSync(one);
  ExpectInSync(other);
  EXPECT_EQ(phone.frames_added, 200u);
}

TEST_F(SessionTest, FramesOfAnActorWhoIsNoMemberHereAreAskedForOnceItBecomesOne) {
  desk.strangers = {5};
  laptop.Append(5, "of a member whom the desk does not know");
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  EXPECT_TRUE(desk.feed(5).empty());
  EXPECT_TRUE(link.b.session->IsInSync());
  laptop.Append("grant 5");
  world.Announce(laptop);
  world.Run();
  EXPECT_EQ(desk.feed(5).size(), 1u);
  ExpectInSync(link);
}

TEST_F(SessionTest, AMemberWhoArrivesTogetherWithItsFramesIsHeard) {
  desk.strangers = {5};
  laptop.Append("grant 5");
  laptop.Append(5, "of the new member");
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  ExpectInSync(link);
}

TEST_F(SessionTest, AConversationCutAtAnyMessageGoesOnInTheNext) {
  std::size_t messages = 0;
  for (bool cut_inside = true; cut_inside; ++messages) {
    World again(messages + 1);
    FakeHost& a = again.Add(1);
    FakeHost& b = again.Add(2);
    for (std::size_t i = 0; i < 6; ++i) a.Append(Payload(i, 700'000));
    for (std::size_t i = 0; i < 3; ++i) b.Append(Payload(i));
    b.Miss({a.AddChunk("content one"), a.AddChunk("content two")});
    const auto ask = [&](const World::Link& link) {
      const std::vector<base::Hash> ids(b.missing.begin(), b.missing.end());
      if (link.b.session->ChunkCapacity() > 0) link.b.session->RequestChunks(ids);
    };
    World::Link& first = again.Meet(a, b);
    bool asked = false;
    for (std::size_t i = 0; cut_inside && i < messages; ++i) {
      if (!asked && first.b.session->is_open()) {
        ask(first);
        asked = true;
      }
      cut_inside = again.DeliverMessage(first);
    }
    again.Drop(first);
    World::Link& second = again.Meet(a, b);
    while (again.DeliverMessage(second) && !second.b.session->is_open()) {
    }
    ask(second);
    again.Run();
    ExpectInSync(second);
    EXPECT_EQ(b.chunks, a.chunks) << "cut after " << messages << " messages";
  }
  EXPECT_GT(messages, 12u);
}

TEST_F(SessionTest, ChunksComeInTheOrderAskedAndTheLackOfOneIsTold) {
  std::vector<base::Hash> ids;
  for (std::size_t i = 0; i < kChunkIdsMax - 1; ++i) {
    ids.push_back(laptop.AddChunk(Payload(i, i % 10 == 0 ? 1'000'000 : 10)));
  }
  const base::Hash none = base::Sha256("nobody has it");
  ids.insert(ids.begin() + 7, none);
  desk.Miss(ids);
  const World::Link& link = world.Meet(laptop, desk);
  EXPECT_EQ(link.b.session->ChunkCapacity(), 0u);
  world.Run();
  ASSERT_EQ(link.b.session->ChunkCapacity(), kChunkIdsMax);
  link.b.session->RequestChunks(ids);
  EXPECT_EQ(link.b.session->ChunkCapacity(), 0u);
  EXPECT_EQ(link.b.session->unanswered_chunks().front(), ids.front());
  world.Run();
  EXPECT_EQ(desk.chunks, laptop.chunks);
  EXPECT_EQ(desk.not_found, std::vector{none});
  EXPECT_EQ(link.b.session->ChunkCapacity(), kChunkIdsMax);
  EXPECT_FALSE(link.b.session->IsInSync());  // One is still missing.
}

TEST_F(SessionTest, APeerThatOwesChunksIsSilentUntilItIsHeard) {
  const base::Hash id = laptop.AddChunk("content");
  desk.Miss({id});
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  Session& asking = *link.b.session;
  asking.OnTime(world.now += seconds(10));
  EXPECT_FALSE(asking.IsSilent());  // Nothing was asked.
  asking.RequestChunks(std::vector{id});
  asking.RequestChunks(std::vector{id});
  EXPECT_EQ(asking.unanswered_chunks().size(), 1u);  // It owes it already.
  asking.OnTime(world.now += seconds(1));
  asking.OnTime(world.now += Session::kSilentAfter - seconds(1));
  EXPECT_FALSE(asking.IsSilent());
  asking.OnTime(world.now += seconds(1));
  EXPECT_TRUE(asking.IsSilent());
  EXPECT_EQ(asking.ChunkCapacity(), 0u);
  world.Run();
  EXPECT_FALSE(asking.IsSilent());
  EXPECT_EQ(asking.ChunkCapacity(), kChunkIdsMax);
  EXPECT_EQ(desk.chunks, laptop.chunks);
}

TEST_F(SessionTest, ThatAChunkCanBeReadAgainIsStatedOnce) {
  const std::vector<base::Hash> ids = {laptop.AddChunk("one"), laptop.AddChunk("two")};
  laptop.unreadable = {ids[0]};
  desk.Miss(ids);
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  link.b.session->RequestChunks(ids);
  world.Run();
  EXPECT_EQ(desk.not_found, std::vector{ids[0]});
  EXPECT_EQ(desk.missing, std::set{ids[0]});  // The other did not wait for it.
  const std::uint64_t before = link.b.session->statements_heard();
  world.Pass(seconds(60));
  EXPECT_EQ(link.b.session->statements_heard(), before);
  laptop.unreadable.clear();
  world.Pass(Session::kUnreadTriedEvery);
  EXPECT_EQ(link.b.session->statements_heard(), before + 1);
  link.b.session->RequestChunks(std::span(ids).first(1));
  world.Pass(seconds(60));
  EXPECT_EQ(link.b.session->statements_heard(), before + 1);
  ExpectInSync(link);
}

TEST_F(SessionTest, ThatAChunkIsMissedNoLongerIsStated) {
  desk.Miss({laptop.AddChunk("content")});
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  EXPECT_FALSE(link.a.session->IsInSync());
  link.b.session->RequestChunks(std::vector(desk.missing.begin(), desk.missing.end()));
  world.Run();
  ExpectInSync(link);
}

TEST_F(SessionTest, HowManyChunksAreMissedIsStatedWithinASecondOrSo) {
  const std::vector<base::Hash> ids = {laptop.AddChunk("one"), laptop.AddChunk("two")};
  desk.Miss({ids[0]});
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  const std::uint64_t before = link.a.session->statements_heard();
  desk.Miss(ids);
  world.Pass(seconds(2));
  EXPECT_EQ(link.a.session->statements_heard(), before + 1);
  world.Pass(seconds(20));
  EXPECT_EQ(link.a.session->statements_heard(), before + 1);
}

TEST_F(SessionTest, NothingIsSaidWhenNothingHappensButPings) {
  laptop.Append("one");
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  EXPECT_TRUE(link.a.sent.empty());
  EXPECT_TRUE(link.b.sent.empty());
  const std::uint64_t statements = link.a.session->statements_heard();
  world.Pass(seconds(300));
  ExpectInSync(link);
  EXPECT_EQ(link.a.session->statements_heard(), statements);
}

TEST_F(SessionTest, WhatTheHostForgotToAnnounceIsFoundWhenHeadsAreCompared) {
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  laptop.Append("unannounced");
  world.Pass(Session::kCompareEvery + seconds(1));
  ExpectInSync(link);
}

TEST_F(SessionTest, AStrangerWithAnInvitationIsAdmittedAndLearnsNothingElse) {
  laptop.Append("secret of the volume");
  laptop.secret = std::string(kAdmissionSecretBytes, 's');
  std::string sent;
  Session::Options options = world.OptionsFor(laptop);
  options.peer_is_member = false;
  options.peer_key = "the stranger's key";
  Session session(
      laptop, options, [&](const std::string& bytes) { sent += bytes; }, world.now);
  session.OnHeadsChanged();
  EXPECT_EQ(sent, "");
  session.OnBytes(EncodeMessage(message::Join{std::string(kAdmissionSecretBytes, 's'), "phone"}), world.now);
  EXPECT_TRUE(session.has_ended());
  EXPECT_TRUE(session.status().ok());
  EXPECT_EQ(sent, EncodeMessage(message::Welcome{"welcome phone with the stranger's key"}));
}

TEST_F(SessionTest, AMemberThatDidNotHearTheAnswerToItsJoinIsAnsweredAgain) {
  laptop.secret = std::string(kAdmissionSecretBytes, 's');
  std::string sent;
  Session::Options options = world.OptionsFor(laptop);
  options.peer_key = "the phone's key";
  Session session(
      laptop, options, [&](const std::string& bytes) { sent += bytes; }, world.now);
  session.OnBytes(EncodeMessage(message::Join{std::string(kAdmissionSecretBytes, 's'), "phone"}), world.now);
  EXPECT_TRUE(session.has_ended());
  EXPECT_TRUE(session.status().ok());
  const std::string welcome = EncodeMessage(message::Welcome{"welcome phone with the phone's key"});
  ASSERT_GE(sent.size(), welcome.size());
  EXPECT_EQ(sent.substr(sent.size() - welcome.size()), welcome);
}

}  // namespace
}  // namespace copse::replica
