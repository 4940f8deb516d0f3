// A B+-tree of two levels: the upper one is copied when a block is split, once in kBlockMax / 2 insertions, which stays
// cheap up to many millions of entries.

#include "structural_index.h"

#include <algorithm>
#include <iterator>

#include "check.h"

namespace copse::crdt {

std::size_t StructuralIndex::BlockOf(Timestamp time) const {
  if (blocks_.back()->entries.front().time <= time) return blocks_.size() - 1;
  const auto after = std::upper_bound(
      blocks_.begin(), blocks_.end(), time,
      [](Timestamp bound, const std::unique_ptr<Block>& block) { return bound < block->entries.front().time; });
  return after == blocks_.begin() ? 0 : static_cast<std::size_t>(after - blocks_.begin()) - 1;
}

std::size_t StructuralIndex::EntryOf(const Block& block, Timestamp time) {
  const auto found = std::lower_bound(block.entries.begin(), block.entries.end(), time,
                                      [](const Entry& entry, Timestamp bound) { return entry.time < bound; });
  return static_cast<std::size_t>(found - block.entries.begin());
}

void StructuralIndex::Insert(Timestamp time, MoveIndex move) {
  if (blocks_.empty()) blocks_.push_back(std::make_unique<Block>());
  std::size_t block = size_ == 0 ? 0 : BlockOf(time);
  if (blocks_[block]->entries.size() == kBlockMax) {
    Split(block);
    block = BlockOf(time);
  }
  std::vector<Entry>& entries = blocks_[block]->entries;
  const std::size_t at = EntryOf(*blocks_[block], time);
  CRDT_CHECK(at == entries.size() || entries[at].time != time);  // Two ops never have one time.
  entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(at), Entry{time, move, {}});
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

void StructuralIndex::SetWalk(Timestamp time, std::span<const DirectoryNumber> walk) {
  Block& block = *blocks_[BlockOf(time)];
  Entry& entry = block.entries[EntryOf(block, time)];
  CRDT_CHECK(entry.time == time);
  entry.walk = {};
  if (walk.size() > kWalkMax) {
    entry.walk.Fill();
    block.walks.Fill();
    return;
  }
  for (const DirectoryNumber number : walk) {
    entry.walk.Add(number);
    block.walks.Add(number);
  }
}

template <typename Filter>
bool StructuralIndex::MayHoldOne(const Filter& walk, std::span<const DirectoryNumber> directories) {
  return directories.size() > kDirectoriesMax ||
         std::any_of(directories.begin(), directories.end(),
                     [&walk](DirectoryNumber number) { return walk.MayHold(number); });
}

StructuralIndex::Found StructuralIndex::Next(Timestamp from, Timestamp end,
                                             std::span<const DirectoryNumber> directories) const {
  if (size_ == 0) return {};
  for (std::size_t block = BlockOf(from); block < blocks_.size(); ++block) {
    const std::vector<Entry>& entries = blocks_[block]->entries;
    const std::size_t at = EntryOf(*blocks_[block], from);
    if (at == entries.size()) continue;
    if (entries[at].time >= end) break;
    return {entries[at].move, entries[at].time, MayHoldOne(entries[at].walk, directories)};
  }
  return {};
}

std::size_t StructuralIndex::CountFrom(Timestamp from) const {
  if (size_ == 0) return 0;
  const std::size_t first = BlockOf(from);
  std::size_t count = 0;
  for (std::size_t block = first; block < blocks_.size(); ++block) count += blocks_[block]->entries.size();
  return count - EntryOf(*blocks_[first], from);
}

StructuralIndex::Found StructuralIndex::Find(Timestamp from, Timestamp end,
                                             std::span<const DirectoryNumber> directories) const {
  if (size_ == 0 || directories.empty()) return {};
  for (std::size_t block = BlockOf(from); block < blocks_.size(); ++block) {
    const std::vector<Entry>& entries = blocks_[block]->entries;
    if (entries.front().time >= end) break;
    if (!MayHoldOne(blocks_[block]->walks, directories)) continue;
    for (std::size_t at = EntryOf(*blocks_[block], from); at < entries.size() && entries[at].time < end; ++at) {
      if (MayHoldOne(entries[at].walk, directories)) return {entries[at].move, entries[at].time};
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

}  // namespace copse::crdt
