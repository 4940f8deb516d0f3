// A B+-tree of two levels: the upper one is copied when a block is split, once in kBlockMax / 2 insertions, which stays
// cheap up to many millions of entries.

#include "structural_index.h"

#include <algorithm>
#include <iterator>

#include "check.h"
#include "status_macros.h"

namespace copse::crdt {

// Mostly what is asked for is near the end: steps back from there are doubled until they reach it.
std::size_t StructuralIndex::BlockOf(Timestamp time) const {
  const auto begins_after = [time](const std::unique_ptr<Block>& block) { return time < block->entries.front().time; };
  std::size_t after = blocks_.size();
  std::size_t step = 1;
  while (step < after && begins_after(blocks_[after - step])) {
    after -= step;
    step *= 2;
  }
  const std::size_t at = step < after ? after - step : 0;
  const auto found = std::partition_point(blocks_.begin() + static_cast<std::ptrdiff_t>(at),
                                          blocks_.begin() + static_cast<std::ptrdiff_t>(after),
                                          [&](const std::unique_ptr<Block>& block) { return !begins_after(block); });
  return found == blocks_.begin() ? 0 : static_cast<std::size_t>(found - blocks_.begin()) - 1;
}

StructuralIndex::Position StructuralIndex::PositionOf(Timestamp time) const {
  if (recent_.block < blocks_.size()) {
    const std::vector<Entry>& entries = blocks_[recent_.block]->entries;
    const std::size_t at = recent_.entry;
    if (at < entries.size() && entries[at].time == time) return recent_;
    if (at + 1 < entries.size() && entries[at].time < time && time <= entries[at + 1].time) {
      return {recent_.block, at + 1};
    }
  }
  const std::size_t block = BlockOf(time);
  return {block, EntryOf(*blocks_[block], time)};
}

std::size_t StructuralIndex::EntryOf(const Block& block, Timestamp time) {
  const auto found = std::lower_bound(block.entries.begin(), block.entries.end(), time,
                                      [](const Entry& entry, Timestamp bound) { return entry.time < bound; });
  return static_cast<std::size_t>(found - block.entries.begin());
}

void StructuralIndex::Insert(Timestamp time, MoveIndex move, DirectoryNumber child) {
  if (blocks_.empty()) blocks_.push_back(std::make_unique<Block>());
  std::size_t block = size_ == 0 ? 0 : BlockOf(time);
  if (blocks_[block]->entries.size() == kBlockMax) {
    Split(block);
    block = BlockOf(time);
  }
  std::vector<Entry>& entries = blocks_[block]->entries;
  const std::size_t at = EntryOf(*blocks_[block], time);
  CRDT_CHECK(at == entries.size() || entries[at].time != time);  // Two ops never have one time.
  entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(at), Entry{time, move, child, {}});
  recent_ = {block, at};
  ++size_;
}

void StructuralIndex::Split(std::size_t block) {
  auto upper = std::make_unique<Block>();
  std::vector<Entry>& lower = blocks_[block]->entries;
  // Mostly moves come at the end, and then full blocks are what is wanted.
  const bool at_the_end = block + 1 == blocks_.size();
  const auto cut = lower.end() - (at_the_end ? 1 : kBlockMax / 2);
  upper->entries.reserve(kBlockMax);
  upper->entries.assign(cut, lower.end());
  upper->walks = blocks_[block]->walks;
  lower.erase(cut, lower.end());
  blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(block) + 1, std::move(upper));
}

void StructuralIndex::SetWalk(Timestamp time, const DirectoryWalk& walk) {
  const Position position = PositionOf(time);
  Block& block = *blocks_[position.block];
  Entry& entry = block.entries[position.entry];
  CRDT_CHECK(entry.time == time);
  if (!walk.is_known()) {
    entry.walk.Fill();
    block.walks.Fill();
    return;
  }
  WalkFilter filter;  // Of its own, so that it can stay in registers.
  for (const DirectoryNumber number : walk.numbers()) {
    filter.Add(number);
    block.walks.Add(number);
  }
  entry.walk = filter;
}

template <typename Filter>
bool StructuralIndex::MayHoldOne(const Filter& walk, std::span<const DirectoryNumber> directories) {
  return directories.size() > kDirectoriesMax ||
         std::any_of(directories.begin(), directories.end(),
                     [&walk](DirectoryNumber number) { return walk.MayHold(number); });
}

bool StructuralIndex::HasMoreThan(std::size_t limit, Timestamp from) const {
  if (size_ <= limit) return false;
  const auto [first, at] = PositionOf(from);
  std::size_t count = 0;
  for (std::size_t block = first; block < blocks_.size(); ++block) {
    count += blocks_[block]->entries.size();
    if (count > limit + at) return true;
  }
  return false;
}

StructuralIndex::Found StructuralIndex::Find(Timestamp from, Timestamp end,
                                             std::span<const DirectoryNumber> directories) {
  if (size_ == 0 || directories.empty()) return {};
  for (auto [block, first] = PositionOf(from); block < blocks_.size(); ++block, first = 0) {
    const std::vector<Entry>& entries = blocks_[block]->entries;
    if (entries.front().time >= end) break;
    if (!MayHoldOne(blocks_[block]->walks, directories)) continue;
    for (std::size_t at = first; at < entries.size() && entries[at].time < end; ++at) {
      if (!MayHoldOne(entries[at].walk, directories)) continue;
      recent_ = {block, at};
      return {entries[at].move, entries[at].time};
    }
  }
  return {};
}

void StructuralIndex::DropUntil(Timestamp time) {
  std::vector<std::unique_ptr<Block>> kept;
  size_ = 0;
  for (auto& block : blocks_) {
    std::vector<Entry>& entries = block->entries;
    entries.erase(entries.begin(), std::find_if(entries.begin(), entries.end(),
                                                [time](const Entry& entry) { return entry.time > time; }));
    size_ += entries.size();
    if (!entries.empty()) kept.push_back(std::move(block));
  }
  blocks_ = std::move(kept);
}

void StructuralIndex::Save(ImageWriter& image) const {
  image.Number(blocks_.size());
  for (const auto& block : blocks_) {
    image.Number(block->entries.size());
    image.Array(std::span<const BlockFilter>(&block->walks, 1));
    image.Array(block->entries);
  }
}

absl::Status StructuralIndex::Load(ImageReader& image) {
  *this = StructuralIndex();
  CRDT_ASSIGN_OR_RETURN(std::uint64_t count, image.Number());
  for (Timestamp last; count > 0; --count) {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t size, image.Number());
    if (size == 0 || size > kBlockMax) return image.Error("a block of structural moves");
    CRDT_ASSIGN_OR_RETURN(const auto walks, image.Array<BlockFilter>(1));
    CRDT_ASSIGN_OR_RETURN(const auto entries, image.Array<Entry>(size));
    for (const Entry& entry : entries) {
      if (entry.time <= last) return image.Error("structural moves in order of time");
      last = entry.time;
    }
    blocks_.push_back(std::make_unique<Block>(Block{{entries.begin(), entries.end()}, walks.front()}));
    size_ += entries.size();
  }
  return absl::OkStatus();
}

}  // namespace copse::crdt
