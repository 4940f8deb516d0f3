// What a session does about a peer that lies, breaks off, floods or falls silent.

#include <copse/base/random.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "chunk_seal.h"
#include "session.h"
#include "session_world.h"

namespace copse::replica {
namespace {

using std::chrono::seconds;

/// The laptop's session, and a test that plays the peer: what it says, and what it hears.
class SessionFaultsTest : public testing::Test {
 protected:
  void Open() { Open(world.OptionsFor(laptop)); }
  void Open(Session::Options options) {
    session = std::make_unique<Session>(
        laptop, std::move(options), [this](const std::string& bytes) { heard.Append(bytes); }, world.now);
  }
  void OpenAndGreet() {
    Open();
    Say(message::Hello{kProtocolVersion, world.OptionsFor(desk).volume, "desk", 0, desk.Heads()});
    Say(message::Credit{1 << 20});
  }
  void Say(const Message& message) { session->OnBytes(EncodeMessage(message), world.now); }
  /// The last message heard.
  Message Last() {
    Message last;
    while (true) {
      auto next = heard.Next();
      EXPECT_TRUE(next.ok());
      if (!next.ok() || !next->has_value()) return last;
      last = std::move((*next)->message);
    }
  }
  void ExpectEnd(absl::StatusCode code, const std::string& words) {
    EXPECT_TRUE(session->has_ended());
    EXPECT_EQ(session->status().code(), code) << session->status();
    EXPECT_NE(std::string(session->status().message()).find(words), std::string::npos) << session->status();
    EXPECT_EQ(std::string(session->status().message()).find('\n'), std::string::npos);
  }
  void ExpectNonsense(const std::string& words) {
    ExpectEnd(absl::StatusCode::kDataLoss, words);
    const Message last = Last();
    ASSERT_TRUE(std::holds_alternative<message::Refused>(last));
    EXPECT_NE(std::get<message::Refused>(last).reason.find(words), std::string::npos);
  }

  World world;
  FakeHost& laptop = world.Add(1);
  FakeHost& desk = world.Add(2);
  MessageReader heard;
  std::unique_ptr<Session> session;
};

TEST_F(SessionFaultsTest, RubbishAtEachPointOfAConversationEndsItAndSpoilsNothing) {
  base::SeededRandom random(7);
  std::size_t messages = 0;
  for (bool inside = true; inside; ++messages) {
    World again(messages + 1);
    FakeHost& a = again.Add(1);
    FakeHost& b = again.Add(2);
    for (int i = 0; i < 5; ++i) a.Append(std::string(300'000, 'p'));
    b.Append("of b");
    World::Link& spoiled = again.Meet(a, b);
    for (std::size_t i = 0; inside && i < messages; ++i) inside = again.DeliverMessage(spoiled);
    std::string rubbish = random.Bytes(64);
    rubbish[3] = '\x7f';  // A length that is too long, so that it is not merely waited for.
    spoiled.a.session->OnBytes(rubbish, again.now);
    spoiled.b.session->OnBytes(rubbish, again.now);
    EXPECT_TRUE(absl::IsDataLoss(spoiled.a.session->status())) << spoiled.a.session->status();
    EXPECT_TRUE(absl::IsDataLoss(spoiled.b.session->status())) << spoiled.b.session->status();
    again.Run();
    again.Drop(spoiled);
    const World::Link& link = again.Meet(a, b);
    again.Run();
    EXPECT_TRUE(link.a.session->IsInSync());
    EXPECT_EQ(a.feeds, b.feeds);
  }
  EXPECT_GT(messages, 8u);
}

TEST_F(SessionFaultsTest, AnyByteChangedOnTheWayEndsInAnErrorOrInFramesThatVerify) {
  World whole;
  FakeHost& a = whole.Add(1);
  for (int i = 0; i < 3; ++i) a.Append("payload " + std::to_string(i));
  std::string stream =
      EncodeMessage(message::Hello{kProtocolVersion, whole.OptionsFor(a).volume, "desk", 0, a.Heads()});
  stream += EncodeMessage(message::Credit{1 << 20});
  stream += EncodeMessage(message::Frames{1, 0, a.feed(1)});
  for (std::size_t at = 0; at < stream.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      World again;
      FakeHost& b = again.Add(2);
      Session reader(
          b, again.OptionsFor(b), [](const std::string&) {}, again.now);
      std::string damaged = stream;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      reader.OnBytes(damaged, again.now);
      for (const auto& [actor, feed] : b.feeds) {
        for (std::size_t frame = 0; frame + 1 < feed.size(); ++frame) {
          EXPECT_EQ(feed[frame + 1].substr(0, 32), base::AsBytes(base::Sha256(feed[frame])));
        }
      }
    }
  }
}

TEST_F(SessionFaultsTest, AnythingBeforeHelloIsRefused) {
  Open();
  Say(message::Heads{});
  ExpectNonsense("sent Heads before Hello");
}

TEST_F(SessionFaultsTest, ASecondHelloIsRefused) {
  OpenAndGreet();
  Say(message::Hello{kProtocolVersion, world.OptionsFor(desk).volume, "desk", 0, {}});
  ExpectNonsense("sent Hello where none is expected");
}

TEST_F(SessionFaultsTest, AnotherVolumeOrVersionIsRefused) {
  Open();
  Say(message::Hello{kProtocolVersion, {}, "desk", 0, {}});
  ExpectEnd(absl::StatusCode::kFailedPrecondition, "of different volumes");
  Open();
  Say(message::Hello{9, {}, "", 0, {}});
  ExpectEnd(absl::StatusCode::kFailedPrecondition, "update the older copse");
  EXPECT_TRUE(std::holds_alternative<message::Refused>(Last()));
}

TEST_F(SessionFaultsTest, FramesThatWereNotAskedForAreRefused) {
  desk.Append("one");
  laptop.feeds = desk.feeds;
  OpenAndGreet();
  Say(message::Frames{2, 1, {"two"}});
  ExpectNonsense("that were not asked for");
  EXPECT_EQ(laptop.feed(2).size(), 1u);
}

TEST_F(SessionFaultsTest, AGapInAFeedIsRefused) {
  for (int i = 0; i < 3; ++i) desk.Append("frame");
  OpenAndGreet();
  EXPECT_EQ(Last(), Message(message::Subscribe{2, 0}));
  Say(message::Frames{2, 1, {desk.feed(2)[1]}});
  ExpectNonsense("from 1 on, where 0 comes next");
}

TEST_F(SessionFaultsTest, FramesSentAgainAreRefused) {
  for (int i = 0; i < 3; ++i) desk.Append("frame");
  OpenAndGreet();
  Say(message::Frames{2, 0, {desk.feed(2)[0]}});
  Say(message::Frames{2, 0, {desk.feed(2)[0]}});
  ExpectNonsense("from 0 on, where 1 comes next");
  EXPECT_EQ(laptop.feed(2).size(), 1u);
}

TEST_F(SessionFaultsTest, FramesThatDoNotVerifyEndTheSessionAndAreNotStored) {
  desk.Append("one");
  OpenAndGreet();
  Say(message::Frames{2, 0, {std::string(40, 'x')}});
  ExpectNonsense("does not follow");
  EXPECT_TRUE(laptop.feed(2).empty());
}

TEST_F(SessionFaultsTest, AHostThatCannotStoreEndsTheSessionWithoutTellingThePeerWhy) {
  desk.Append("one");
  laptop.storing = absl::ResourceExhaustedError("/home/me/store: no space left");
  OpenAndGreet();
  Say(message::Frames{2, 0, desk.feed(2)});
  ExpectEnd(absl::StatusCode::kResourceExhausted, "no space left");
  const Message last = Last();
  ASSERT_TRUE(std::holds_alternative<message::Refused>(last));
  EXPECT_EQ(std::get<message::Refused>(last).reason.find("/home"), std::string::npos);
}

TEST_F(SessionFaultsTest, AHeadThatGoesBackIsRefused) {
  for (int i = 0; i < 3; ++i) desk.Append("frame");
  OpenAndGreet();
  Say(message::Heads{0, {{2, 2, 6, base::Sha256(desk.feed(2)[1])}}});
  ExpectNonsense("takes back frames of actor 2");
}

TEST_F(SessionFaultsTest, ChunksThatWereNotAskedForOrAreDamagedAreRefused) {
  OpenAndGreet();
  Say(message::Chunk{base::Sha256("a"), "a"});
  ExpectNonsense("a chunk that was not asked for");

  OpenAndGreet();
  session->RequestChunks(std::vector{base::Sha256("a"), base::Sha256("b")});
  Say(message::NoChunk{base::Sha256("b")});
  ExpectNonsense("a chunk that was not asked for");

  OpenAndGreet();
  session->RequestChunks(std::vector{base::Sha256("a")});
  Say(message::Chunk{base::Sha256("a"), "b"});
  ExpectNonsense("a damaged chunk");
  EXPECT_TRUE(laptop.chunks.empty());
  EXPECT_EQ(session->unanswered_chunks().size(), 1u);  // To be asked for elsewhere.
}

TEST_F(SessionFaultsTest, AChunkLongerThanAnySealedOneIsRefusedThoughItIsTheOneThatWasNamed) {
  OpenAndGreet();
  const std::string sealed(kSealedChunkBytesMax + 1, 'x');
  session->RequestChunks(std::vector{base::Sha256(sealed)});
  Say(message::Chunk{base::Sha256(sealed), sealed});
  ExpectNonsense("too long");
  EXPECT_TRUE(laptop.chunks.empty());
}

TEST_F(SessionFaultsTest, TooManyRequestsAtATimeAreRefused) {
  laptop.AddChunk(std::string(1 << 20, 'c'));
  OpenAndGreet();
  const message::WantChunks many{std::vector(kChunkIdsMax, base::Sha256(std::string(1 << 20, 'c')))};
  Say(many);
  Say(many);
  ExpectNonsense("too many chunks");
}

TEST_F(SessionFaultsTest, SubscriptionsThatMakeNoSenseAreRefused) {
  laptop.Append("one");
  OpenAndGreet();
  Say(message::Subscribe{1, 2});
  ExpectNonsense("that are not here");
  OpenAndGreet();
  Say(message::Subscribe{1, 0});
  Say(message::Subscribe{1, 0});
  ExpectNonsense("asks twice");
}

TEST_F(SessionFaultsTest, CreditWithoutEndIsRefused) {
  OpenAndGreet();
  Say(message::Credit{~std::uint64_t{0}});
  ExpectNonsense("more credit than there are bytes");
}

TEST_F(SessionFaultsTest, APeerThatDoesNotReadIsAnsweredWithLittleAndThenLeft) {
  for (int i = 0; i < 100; ++i) laptop.Append(std::string(900'000, 'p'));
  const base::Hash chunk = laptop.AddChunk(std::string(4 << 20, 'c'));
  std::size_t unsent = 0;
  session = std::make_unique<Session>(
      laptop, world.OptionsFor(laptop), [&](const std::string& bytes) { unsent += bytes.size(); }, world.now);
  Say(message::Hello{kProtocolVersion, world.OptionsFor(desk).volume, "desk", 0, {}});
  Say(message::Credit{std::uint64_t{1} << 40});
  Say(message::WantChunks{std::vector(kChunkIdsMax, chunk)});
  Say(message::Subscribe{1, 0});
  EXPECT_GE(unsent, Session::kUnsentBytesMax);
  EXPECT_LE(unsent, Session::kUnsentBytesMax + kMessageBodyBytesMax);
  std::size_t pings = 0;
  for (; !session->has_ended() && pings < 100'000'000; ++pings) Say(message::Ping{});
  ExpectEnd(absl::StatusCode::kResourceExhausted, "does not read");
  EXPECT_LE(unsent, Session::kUnreadBytesMax + 2000);
}

TEST_F(SessionFaultsTest, AnswersGoOnOnceThePeerReadsAgain) {
  for (int i = 0; i < 10; ++i) laptop.Append(std::string(900'000, 'p'));
  World::Link& link = world.Meet(laptop, desk);
  world.Deliver(link.b, link.a, 1 << 20);
  world.Deliver(link.a, link.b, 1 << 20);
  world.Deliver(link.b, link.a, 1 << 20);
  const std::size_t stalled = link.a.sent.size();
  link.a.session->OnHeadsChanged();
  EXPECT_EQ(link.a.sent.size(), stalled);
  world.Run();
  EXPECT_TRUE(link.a.session->IsInSync());
  EXPECT_LE(link.a.most_unsent, Session::kUnsentBytesMax + Session::kRunBytesMax);
}

TEST_F(SessionFaultsTest, ASilentPeerIsPingedAndThenGivenUp) {
  OpenAndGreet();
  Last();
  const auto wait = [&](seconds time) {
    for (seconds passed{0}; passed < time; ++passed) session->OnTime(world.now += seconds(1));
  };
  wait(Session::kPingAfter);
  EXPECT_EQ(Last(), Message(message::Ping{}));
  Say(message::Pong{});
  wait(Session::kDeadAfter - seconds(1));
  EXPECT_FALSE(session->has_ended());
  wait(seconds(1));
  ExpectEnd(absl::StatusCode::kUnavailable, "desk: silent for 45 seconds");
}

TEST_F(SessionFaultsTest, WhoDoesNotGreetInTimeIsLeft) {
  Open();
  session->OnTime(world.now + Session::kGreetingMax);
  ExpectEnd(absl::StatusCode::kUnavailable, "tcp:elsewhere:1: did not greet");
}

TEST_F(SessionFaultsTest, TheReasonOfARefusalIsTheStatusAndIsNotAnswered) {
  OpenAndGreet();
  Last();
  Say(message::Refused{"no more room"});
  ExpectEnd(absl::StatusCode::kPermissionDenied, "desk: refused: no more room");
  EXPECT_EQ(Last(), Message());  // Nothing was said.
}

TEST_F(SessionFaultsTest, AStrangerMaySayNothingButOneJoin) {
  Session::Options options = world.OptionsFor(laptop);
  options.peer_is_member = false;
  laptop.Append("secret");
  Open(options);
  Say(message::Hello{kProtocolVersion, options.volume, "thief", 0, {}});
  ExpectEnd(absl::StatusCode::kPermissionDenied, "not a member");
  EXPECT_TRUE(std::holds_alternative<message::Refused>(Last()));

  laptop.secret = std::string(kAdmissionSecretBytes, 's');
  Open(options);
  Say(message::Join{std::string(kAdmissionSecretBytes, 'x'), "thief"});
  EXPECT_TRUE(session->has_ended());
  EXPECT_TRUE(absl::IsPermissionDenied(session->status()));
  Say(message::Join{std::string(kAdmissionSecretBytes, 's'), "thief"});
  EXPECT_EQ(Last(), Message(message::Refused{"the invitation is not valid"}));
  EXPECT_FALSE(laptop.secret.empty());  // The second was not looked at.

  Open(options);
  session->OnBytes(std::string("\xff\xff\0\0\x09", 5), world.now);  // A long message from a stranger.
  ExpectEnd(absl::StatusCode::kDataLoss, "at most");
}

TEST_F(SessionFaultsTest, OneActorWithTwoHistoriesOfEqualLengthEndsTheSession) {
  laptop.Append(3, "one history");
  desk.Append(3, "another");
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  for (const Session* end : {link.a.session.get(), link.b.session.get()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(end->status())) << end->status();
    EXPECT_NE(std::string(end->status().message()).find("actor 3 has two histories"), std::string::npos);
  }
}

TEST_F(SessionFaultsTest, AShorterFeedThatIsNoBeginningOfTheLongerEndsTheSession) {
  for (int i = 0; i < 5; ++i) laptop.Append(3, "one history");
  for (int i = 0; i < 3; ++i) desk.Append(3, "another");
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  EXPECT_TRUE(absl::IsFailedPrecondition(link.a.session->status())) << link.a.session->status();
  EXPECT_TRUE(link.b.session->has_ended());
  EXPECT_EQ(desk.feed(3).size(), 3u);
}

TEST_F(SessionFaultsTest, AForkThatShowsOnlyWhenThisEndHasGrownIsFound) {
  FakeHost& phone = world.Add(4);
  for (int i = 0; i < 5; ++i) phone.Append(3, "one history");
  for (int i = 0; i < 2; ++i) desk.Append(3, "another");
  // The desk's head is longer than the laptop's, which has nothing, when it is stated; its frames never come.
  desk.hidden = 0;
  OpenAndGreet();
  EXPECT_FALSE(session->has_ended());
  laptop.feeds[3] = phone.feed(3);
  session->OnHeadsChanged();
  ExpectEnd(absl::StatusCode::kFailedPrecondition, "actor 3 has two histories, at replica1 and at desk");
}

TEST_F(SessionFaultsTest, AStoreThatIsOlderThanWhatItGaveToOthersIsRefused) {
  for (int i = 0; i < 3; ++i) laptop.Append("frame");
  desk.feeds = laptop.feeds;
  laptop.feeds[1].pop_back();
  const World::Link& link = world.Meet(laptop, desk);
  world.Run();
  EXPECT_TRUE(absl::IsFailedPrecondition(link.a.session->status())) << link.a.session->status();
  EXPECT_NE(std::string(link.a.session->status().message()).find("older than what it gave to others"),
            std::string::npos);
  EXPECT_TRUE(absl::IsPermissionDenied(link.b.session->status())) << link.b.session->status();
  EXPECT_EQ(laptop.feed(1).size(), 2u);
}

}  // namespace
}  // namespace copse::replica
