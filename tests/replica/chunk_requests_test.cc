#include "chunk_requests.h"

#include <gtest/gtest.h>

#include <vector>

namespace copse::replica {
namespace {

using Ids = std::vector<base::Hash>;

base::Hash IdOf(int number) {
  base::Hash id{};
  id[0] = static_cast<std::uint8_t>(number);
  return id;
}

Ids IdsOf(std::vector<int> numbers) {
  Ids ids;
  for (const int number : numbers) ids.push_back(IdOf(number));
  return ids;
}

class ChunkRequestsTest : public testing::Test {
 protected:
  ChunkRequestsTest() {
    requests.OnPeerConnected(1);
    requests.OnPeerConnected(2);
  }
  ChunkRequests requests;
};

TEST_F(ChunkRequestsTest, EachChunkIsAskedOfOnePeerAtATime) {
  requests.Add(IdsOf({1, 2, 3}));
  requests.Add(IdsOf({1}));
  EXPECT_EQ(requests.Take(1, 2), IdsOf({1, 2}));
  requests.Add(IdsOf({1}));
  EXPECT_EQ(requests.Take(2, 10), IdsOf({3}));
  EXPECT_EQ(requests.Take(1, 10), Ids());
}

TEST_F(ChunkRequestsTest, WhatOnePeerLacksIsAskedOfTheNextAndThenToldOnce) {
  requests.Add(IdsOf({1}));
  EXPECT_EQ(requests.Take(1, 10), IdsOf({1}));
  requests.OnNotFound(1, IdOf(1));
  EXPECT_EQ(requests.TakeHopeless(), Ids());
  EXPECT_EQ(requests.Take(1, 10), Ids());
  EXPECT_EQ(requests.Take(2, 10), IdsOf({1}));
  requests.OnNotFound(2, IdOf(1));
  EXPECT_EQ(requests.TakeHopeless(), IdsOf({1}));
  EXPECT_EQ(requests.TakeHopeless(), Ids());
  EXPECT_EQ(requests.Take(1, 10), Ids());
}

TEST_F(ChunkRequestsTest, WhatNobodyHadIsAskedAgainOfWhoConnectsOrSaysSomethingNew) {
  requests.Add(IdsOf({1}));
  for (const ChunkRequests::PeerId peer : {1, 2}) {
    EXPECT_EQ(requests.Take(peer, 1), IdsOf({1}));
    requests.OnNotFound(peer, IdOf(1));
  }
  EXPECT_EQ(requests.TakeHopeless(), IdsOf({1}));
  requests.OnPeerNews(2);
  EXPECT_EQ(requests.Take(1, 1), Ids());
  EXPECT_EQ(requests.Take(2, 1), IdsOf({1}));
  requests.OnNotFound(2, IdOf(1));
  EXPECT_EQ(requests.TakeHopeless(), Ids());  // That was told.
  requests.OnPeerConnected(3);
  EXPECT_EQ(requests.Take(3, 1), IdsOf({1}));
  requests.OnFound(IdOf(1));
  requests.OnPeerNews(1);
  EXPECT_EQ(requests.Take(1, 1), Ids());
}

TEST_F(ChunkRequestsTest, WhatAPeerThatLeftDidNotAnswerIsAskedOfAnother) {
  requests.Add(IdsOf({1, 2}));
  EXPECT_EQ(requests.Take(1, 2), IdsOf({1, 2}));
  requests.OnFound(IdOf(1));
  requests.OnPeerGone(1);
  EXPECT_EQ(requests.Take(2, 2), IdsOf({2}));
  requests.OnPeerGone(2);
  EXPECT_EQ(requests.TakeHopeless(), IdsOf({2}));  // Nobody is left.
}

TEST_F(ChunkRequestsTest, WhatASilentPeerDoesNotAnswerIsAskedOfAnotherAndMayStillComeFromIt) {
  requests.Add(IdsOf({1, 2, 3}));
  EXPECT_EQ(requests.Take(1, 2), IdsOf({1, 2}));
  requests.OnPeerSilent(1);
  EXPECT_EQ(requests.Take(1, 10), IdsOf({3}));  // That may be asked of it, but what it owes is not asked twice.
  EXPECT_EQ(requests.Take(2, 10), IdsOf({1, 2}));
  requests.OnFound(IdOf(1));
  requests.OnNotFound(2, IdOf(2));
  EXPECT_EQ(requests.TakeHopeless(), IdsOf({2}));  // Unless the silent one answers after all.
  requests.OnPeerGone(1);
  requests.OnPeerConnected(3);
  EXPECT_EQ(requests.Take(3, 10), IdsOf({2, 3}));
}

TEST_F(ChunkRequestsTest, WantingAChunkAgainAsksEverybodyAgainAndTellsAgain) {
  requests.OnPeerGone(2);
  for (int round = 0; round < 3; ++round) {
    requests.Add(IdsOf({1}));
    EXPECT_EQ(requests.Take(1, 1), IdsOf({1}));
    requests.OnNotFound(1, IdOf(1));
    EXPECT_EQ(requests.TakeHopeless(), IdsOf({1}));
  }
}

TEST_F(ChunkRequestsTest, WithoutPeersNothingIsToBeHad) {
  ChunkRequests alone;
  alone.Add(IdsOf({1}));
  EXPECT_EQ(alone.TakeHopeless(), IdsOf({1}));
}

}  // namespace
}  // namespace copse::replica
