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

  /// Adds a move, not judged by any node yet. Cost: O(log size), amortized.
  void Insert(Timestamp time, MoveIndex move);

  /// The directories whose places were read to judge the move of `time`, which is in the index; replaces those said
  /// before.
  void SetWalk(Timestamp time, const DirectoryWalk& walk);

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
  /// The first move from `from` on and before `end`. Cost: O(log size + directories).
  Found Next(Timestamp from, Timestamp end, std::span<const DirectoryNumber> directories);
  /// How many there are from `from` on. Cost: O(size / 64).
  std::size_t CountFrom(Timestamp from) const;

  void Save(ImageWriter& image) const;
  absl::Status Load(ImageReader& image);
  /// Calls `visit(time, move)` for each, in order.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const auto& block : blocks_) {
      for (const Entry& entry : block->entries) visit(entry.time, entry.move);
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
  struct Entry {
    Timestamp time;
    MoveIndex move;
    std::uint32_t unused = 0;
    DirectoryFilter<8> walk;
  };
  struct Block {
    std::vector<Entry> entries;  // Never empty.
    DirectoryFilter<12> walks;   // Of all entries, now or once.
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
  void Split(std::size_t block);
  // Of the first move from `time` on in the block in which `time` is or would be.
  Position PositionOf(Timestamp time) const;

  std::vector<std::unique_ptr<Block>> blocks_;
  std::size_t size_ = 0;
  Position recent_;  // Where a move was added or found last: most often it or the next is asked for. May be anywhere.
};

}  // namespace copse::crdt
