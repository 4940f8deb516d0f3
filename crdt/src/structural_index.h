#pragma once

#include <copse/crdt/timestamp.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "directory_filter.h"
#include "image.h"
#include "move.h"

namespace copse::crdt {

/// The directories that a walk to the root has passed. Of a longer one than kMax only its length is known.
class DirectoryWalk {
 public:
  // Of more the filters of the index would hold nearly everything.
  static constexpr std::size_t kMax = 192;

  void Clear() { length_ = 0; }
  void Add(DirectoryNumber number) {
    if (length_ < kMax) numbers_[length_] = number;
    ++length_;
  }
  std::size_t length() const { return length_; }
  bool is_known() const { return length_ <= kMax; }
  /// All of them. The walk must be known.
  std::span<const DirectoryNumber> numbers() const { return {numbers_.data(), length_}; }

 private:
  std::array<DirectoryNumber, kMax> numbers_;
  std::size_t length_ = 0;
};

/// The structural moves in order of time, each with the directories that it was judged by: so that after a change of
/// one node those that may be concerned are found without looking at the others.
class StructuralIndex {
 public:
  std::size_t size() const { return size_; }

  /// Adds a move of `child`, not judged by any node yet. Cost: O(log size), amortized.
  void Insert(Timestamp time, MoveIndex move, DirectoryNumber child);

  /// The directories whose places were read to judge the move of `time`, which is in the index; replaces those said
  /// before.
  void SetWalk(Timestamp time, const DirectoryWalk& walk);

  /// Takes in what a walk reads, on the way.
  class NewWalk;

  struct Found {
    MoveIndex move = kNoMove;  ///< kNoMove: there is none.
    Timestamp time;
    bool is_concerned = true;  ///< Its walk may have one of the directories asked for.
  };
  /// More directories than these are not worth looking for: then every move is taken for one that is concerned.
  static constexpr std::size_t kDirectoriesMax = 16;
  /// The first move from `from` on and before `end` whose walk may have a node of `directories`; any, if these are
  /// many. Cost: proportional to the blocks between, times directories.
  Found Find(Timestamp from, Timestamp end, std::span<const DirectoryNumber> directories);
  /// Whether there are more than `limit` from `from` on. Cost: O(log size + limit / 64).
  bool HasMoreThan(std::size_t limit, Timestamp from) const;
  /// Calls `visit` with each move from `from` on and its child, in order of time. Cost: O(log size) and the calls.
  template <typename Visit>
  void ForEachFrom(Timestamp from, Visit visit) const {
    VisitFrom(*this, from, [&visit](const Block&, const Entry& entry) { visit(entry.move, entry.child); });
  }
  /// The same, where each is judged again: `judge` is given a NewWalk, for the directories whose places it reads, too.
  /// `look_ahead` is called with moves that come soon after.
  template <typename LookAhead, typename Judge>
  void JudgeFrom(Timestamp from, LookAhead look_ahead, Judge judge);

  void Save(ImageWriter& image) const;
  absl::Status Load(ImageReader& image);
  /// Calls `visit(time, move, child)` for each, in order.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const auto& block : blocks_) {
      for (const Entry& entry : block->entries) visit(entry.time, entry.move, entry.child);
    }
  }

  /// Drops the moves not later than `time`.
  void DropUntil(Timestamp time);
  /// Gives each move another number.
  template <typename NewIndex>
  void Renumber(NewIndex new_index) {
    for (auto& block : blocks_) {
      for (Entry& entry : block->entries) entry.move = new_index(entry.move);
    }
  }

 private:
  static constexpr std::size_t kBlockMax = 128;
  using WalkFilter = DirectoryFilter<8>;
  using BlockFilter = DirectoryFilter<12>;
  struct Entry {
    Timestamp time;
    MoveIndex move;
    DirectoryNumber child;
    WalkFilter walk;
  };
  struct Block {
    std::vector<Entry> entries;  // Never empty.
    BlockFilter walks;           // Of all entries, now or once.
  };

  struct Position {
    std::size_t block = 0;
    std::size_t entry = 0;
  };

  // The block in which `time` is or would be.
  std::size_t BlockOf(Timestamp time) const;
  static std::size_t EntryOf(const Block& block, Timestamp time);
  template <typename Filter>
  static bool MayHoldOne(const Filter& walk, std::span<const DirectoryNumber> directories);
  template <typename Index, typename Visit>
  static void VisitFrom(Index& index, Timestamp from, Visit visit) {
    if (index.size_ == 0) return;
    for (auto [block, at] = index.PositionOf(from); block < index.blocks_.size(); ++block, at = 0) {
      auto& entries = index.blocks_[block]->entries;
      for (; at < entries.size(); ++at) visit(*index.blocks_[block], entries[at]);
    }
  }
  void Split(std::size_t block);
  // Of the first move from `time` on in the block in which `time` is or would be.
  Position PositionOf(Timestamp time) const;

  std::vector<std::unique_ptr<Block>> blocks_;
  std::size_t size_ = 0;
  Position recent_;  // Where a move was added or found last: most often it or the next is asked for. May be anywhere.
};

class StructuralIndex::NewWalk {
 public:
  void Add(DirectoryNumber number) {
    filter_.Add(number);
    block_.Add(number);
    ++length_;
  }
  std::size_t length() const { return length_; }

 private:
  friend class StructuralIndex;

  explicit NewWalk(BlockFilter& block) : block_(block) {}
  WalkFilter Take() {
    if (length_ > DirectoryWalk::kMax) {
      filter_.Fill();
      block_.Fill();
    }
    return filter_;
  }

  WalkFilter filter_;
  BlockFilter& block_;
  std::size_t length_ = 0;
};

template <typename LookAhead, typename Judge>
void StructuralIndex::JudgeFrom(Timestamp from, LookAhead look_ahead, Judge judge) {
  VisitFrom(*this, from, [&](Block& block, Entry& entry) {
    constexpr std::ptrdiff_t kAhead = 4;
    if (&block.entries.back() - &entry >= kAhead) look_ahead((&entry + kAhead)->move);
    NewWalk walk(block.walks);
    judge(entry.move, entry.child, walk);
    entry.walk = walk.Take();
  });
}

}  // namespace copse::crdt
