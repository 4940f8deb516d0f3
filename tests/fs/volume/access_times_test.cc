#include "volume/access_times.h"

#include <gtest/gtest.h>

namespace copse::fs {
namespace {

NodeId Node(std::uint64_t counter) { return NodeId::Of(1, counter); }

TEST(AccessTimesTest, WhatWasNotedIsKnownAndAReadKeepsWhenItWasSet) {
  AccessTimes times;
  EXPECT_FALSE(times.Of(Node(1)));
  times.NoteSet(Node(1), 77, 1000);
  times.NoteRead(Node(1), 2000);
  ASSERT_TRUE(times.Of(Node(1)));
  EXPECT_EQ(2000, times.Of(Node(1))->time);
  EXPECT_EQ(1000, times.Of(Node(1))->set_at);
  times.NoteRead(Node(2), 3000);
  EXPECT_EQ(std::nullopt, times.Of(Node(2))->set_at);
}

TEST(AccessTimesTest, BeyondTheBoundTheOldestGoes) {
  AccessTimes times(/*nodes_max=*/3);
  for (std::uint64_t i = 1; i <= 10; ++i) times.NoteRead(Node(i), static_cast<base::UnixNanoseconds>(i));
  for (std::uint64_t i = 1; i <= 10; ++i) EXPECT_EQ(i > 7, times.Of(Node(i)).has_value()) << i;
}

}  // namespace
}  // namespace copse::fs
