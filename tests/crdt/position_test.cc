// Keys of ordered siblings: always between, never the same, runs of one participant together, and short.

#include <copse/crdt/position.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

namespace copse::crdt {
namespace {

/// One participant's view of a list: keys in order. Its clock is ahead of all that it has seen.
class List {
 public:
  explicit List(ActorId actor) : clock_(actor) {}

  /// Inserts so that the new key is at `index`.
  std::string Insert(std::size_t index) {
    const std::string before = index == 0 ? "" : keys_[index - 1];
    const std::string after = index == keys_.size() ? "" : keys_[index];
    const auto key = PositionBetween(before, after, clock_.Tick());
    EXPECT_TRUE(key.ok()) << key.status();
    EXPECT_LT(before, *key);
    EXPECT_TRUE(after.empty() || *key < after) << *key << " before " << after;
    keys_.insert(keys_.begin() + static_cast<std::ptrdiff_t>(index), *key);
    return *key;
  }
  void Append() { Insert(keys_.size()); }
  void Merge(const List& other) {
    std::set<std::string> all(keys_.begin(), keys_.end());
    all.insert(other.keys_.begin(), other.keys_.end());
    keys_.assign(all.begin(), all.end());
    clock_.Observe(other.clock_.Peek());
  }
  void Remove(std::size_t index) { keys_.erase(keys_.begin() + static_cast<std::ptrdiff_t>(index)); }
  const std::vector<std::string>& keys() const { return keys_; }
  std::size_t Longest() const {
    return std::max_element(keys_.begin(), keys_.end(),
                            [](const auto& a, const auto& b) { return a.size() < b.size(); })
        ->size();
  }

 private:
  LamportClock clock_;
  std::vector<std::string> keys_;
};

/// Whether those of `run` stand together in `keys`, in this order.
bool StandTogether(const std::vector<std::string>& run, const std::vector<std::string>& keys) {
  const auto first = std::find(keys.begin(), keys.end(), run.front());
  return static_cast<std::size_t>(keys.end() - first) >= run.size() && std::equal(run.begin(), run.end(), first);
}

TEST(PositionTest, KeysStandWhereTheyWerePut) {
  List list(1);
  list.Append();
  list.Append();
  const std::string between = list.Insert(1);
  const std::string first = list.Insert(0);
  EXPECT_EQ(list.keys()[0], first);
  EXPECT_EQ(list.keys()[2], between);
}

TEST(PositionTest, WhatTwoWriteAtOnePlaceDoesNotInterleave) {
  for (const bool backward : {false, true}) {
    List one(1), two(2);
    one.Append();
    one.Append();
    two.Merge(one);
    std::array<std::vector<std::string>, 2> runs;
    for (std::size_t i = 0; i < 20; ++i) {
      runs[0].push_back(one.Insert(backward ? 1 : 1 + i));
      runs[1].push_back(two.Insert(backward ? 1 : 1 + i));
    }
    one.Merge(two);
    for (auto& run : runs) {
      if (backward) std::reverse(run.begin(), run.end());
      EXPECT_TRUE(StandTogether(run, one.keys())) << backward;
    }
    EXPECT_EQ(one.keys().size(), 42u);
  }
}

TEST(PositionTest, AKeyIsNotMadeAgainAfterItWasRemoved) {
  List list(1);
  list.Append();
  list.Append();
  const std::string removed = list.Insert(1);
  list.Remove(1);
  EXPECT_NE(list.Insert(1), removed);
}

TEST(PositionTest, KeysStayShortWhereSeveralAppendPrependOrInsertAtOnePlaceInTurn) {
  constexpr std::size_t kInsertions = 300;
  constexpr std::size_t kLengthMax = 24;
  const auto longest = [&](auto index_of) {
    List one(1), two(2);
    one.Append();
    one.Append();
    for (std::size_t i = 0; i < kInsertions; ++i) {
      two.Merge(one);
      two.Insert(index_of(two.keys().size()));
      one.Merge(two);
      one.Insert(index_of(one.keys().size()));
    }
    return one.Longest();
  };
  EXPECT_LE(longest([](std::size_t size) { return size; }), kLengthMax) << "appending";
  EXPECT_LE(longest([](std::size_t) { return std::size_t{0}; }), kLengthMax) << "prepending";
  EXPECT_LE(longest([](std::size_t) { return std::size_t{1}; }), kLengthMax) << "ever after the first";
  EXPECT_LE(longest([](std::size_t size) { return size - 1; }), kLengthMax) << "ever before the last";
}

TEST(PositionTest, BisectingGrowsByAStepForEachLevel) {
  List list(1);
  list.Append();
  list.Append();
  std::size_t index = 1;
  for (std::size_t i = 0; i < 100; ++i) {
    list.Insert(index);
    if (i % 2 == 0) ++index;
  }
  EXPECT_LE(list.Longest(), 100u * 7);
}

TEST(PositionTest, WhatIsNoKeyIsRefused) {
  List list(1);
  const std::string key = list.Insert(0);
  const std::string later = list.Insert(1);
  const Timestamp now = Timestamp::Of(9, 1);
  EXPECT_TRUE(IsPosition(key));
  EXPECT_FALSE(IsPosition(""));
  for (std::size_t length = 1; length < key.size(); ++length) EXPECT_FALSE(IsPosition(key.substr(0, length)));
  for (const std::string& bad : {std::string("x y"), key + "!", std::string("\0", 1), std::string(1000, 'z')}) {
    EXPECT_FALSE(IsPosition(bad));
    EXPECT_EQ(PositionBetween(bad, "", now).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(PositionBetween("", bad, now).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(PositionBetween(later, key, now).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PositionBetween(key, key, now).status().code(), absl::StatusCode::kInvalidArgument);
}

RC_GTEST_PROP(PositionProperty, WhateverSeveralDoEveryKeyIsBetweenItsNeighboursAndUnique, ()) {
  std::array lists = {List(1), List(2), List(3)};
  std::set<std::string> made;
  for (const auto& [who, what] : *rc::gen::arbitrary<std::vector<std::pair<std::uint8_t, std::uint16_t>>>()) {
    List& list = lists[who % 3];
    const std::size_t size = list.keys().size();
    if (what % 8 == 0) {
      list.Merge(lists[(who + 1) % 3]);
    } else if (what % 8 == 1 && size > 0) {
      list.Remove(what % size);
    } else {
      const std::string key = list.Insert(what % (size + 1));
      RC_ASSERT(made.insert(key).second);
      RC_ASSERT(std::is_sorted(list.keys().begin(), list.keys().end()));
      RC_ASSERT(IsPosition(key));
    }
  }
}

RC_GTEST_PROP(PositionProperty, BetweenAnyTwoKeysWhateverTheirClocksThereIsRoomOrAnError, ()) {
  std::set<std::string> keys;
  for (const auto& [at, counter, actor] :
       *rc::gen::arbitrary<std::vector<std::tuple<std::uint16_t, std::uint8_t, std::uint8_t>>>()) {
    const auto after = std::next(keys.begin(), static_cast<std::ptrdiff_t>(at % (keys.size() + 1)));
    const std::string before = after == keys.begin() ? "" : *std::prev(after);
    const auto key = PositionBetween(before, after == keys.end() ? "" : *after,
                                     Timestamp::Of(1 + counter % 16, static_cast<ActorId>(1 + actor % 3)));
    if (key.ok()) {
      RC_ASSERT(before < *key);
      const bool is_below = after == keys.end() || *key < *after;  // RC_ASSERT evaluates both sides.
      RC_ASSERT(is_below);
      keys.insert(*key);
    } else {
      RC_ASSERT(key.status().code() == absl::StatusCode::kOutOfRange);
    }
  }
}

}  // namespace
}  // namespace copse::crdt
