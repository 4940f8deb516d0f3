#include "sparse_bytes.h"

#include <algorithm>
#include <cstring>

namespace copse::base {
namespace {

/// Calls `visit(page, begin within the page, length, done so far)` for each page that [offset, offset + length) meets.
template <typename Visit>
void ForEachPage(std::uint64_t offset, std::uint64_t length, const Visit& visit) {
  for (std::uint64_t done = 0; done < length;) {
    const std::uint64_t begin = (offset + done) % SparseBytes::kPageBytes;
    const std::uint64_t count = std::min(SparseBytes::kPageBytes - begin, length - done);
    visit((offset + done) / SparseBytes::kPageBytes, begin, count, done);
    done += count;
  }
}

}  // namespace

std::uint64_t SparseBytes::GrowthOfWrite(std::uint64_t offset, std::uint64_t length) const {
  std::uint64_t growth = 0;
  ForEachPage(offset, length, [&](std::uint64_t page, std::uint64_t, std::uint64_t, std::uint64_t) {
    if (pages_.find(page) == pages_.end()) growth += kPageBytes;
  });
  return growth;
}

std::size_t SparseBytes::Read(std::uint64_t offset, std::span<char> out) const {
  if (offset >= size_) return 0;
  const std::uint64_t length = std::min<std::uint64_t>(out.size(), size_ - offset);
  ForEachPage(offset, length, [&](std::uint64_t page, std::uint64_t begin, std::uint64_t count, std::uint64_t done) {
    const auto found = pages_.find(page);
    if (found == pages_.end()) {
      std::memset(out.data() + done, 0, count);
    } else {
      std::memcpy(out.data() + done, found->second.data() + begin, count);
    }
  });
  return length;
}

void SparseBytes::Write(std::uint64_t offset, std::string_view bytes) {
  ForEachPage(offset, bytes.size(),
              [&](std::uint64_t page, std::uint64_t begin, std::uint64_t count, std::uint64_t done) {
                std::string& target = pages_[page];
                target.resize(kPageBytes);
                std::memcpy(target.data() + begin, bytes.data() + done, count);
              });
  if (!bytes.empty()) size_ = std::max(size_, offset + bytes.size());
}

void SparseBytes::Resize(std::uint64_t size) {
  if (size < size_) {
    pages_.erase(pages_.lower_bound((size + kPageBytes - 1) / kPageBytes), pages_.end());
    // What a later extension uncovers must read as zeros.
    const auto last = pages_.find(size / kPageBytes);
    if (last != pages_.end()) std::fill(last->second.begin() + size % kPageBytes, last->second.end(), '\0');
  }
  size_ = size;
}

void SparseBytes::Punch(std::uint64_t offset, std::uint64_t length) {
  if (offset >= size_) return;
  ForEachPage(offset, std::min(length, size_ - offset),
              [&](std::uint64_t page, std::uint64_t begin, std::uint64_t count, std::uint64_t) {
                const auto found = pages_.find(page);
                if (found == pages_.end()) return;
                if (count == kPageBytes) {
                  pages_.erase(found);
                } else {
                  std::memset(found->second.data() + begin, 0, count);
                }
              });
}

std::optional<std::uint64_t> SparseBytes::SeekData(std::uint64_t offset) const {
  if (offset >= size_) return std::nullopt;
  const auto found = pages_.lower_bound(offset / kPageBytes);
  if (found == pages_.end()) return std::nullopt;
  const std::uint64_t data = std::max(offset, found->first * kPageBytes);
  return data < size_ ? std::optional<std::uint64_t>(data) : std::nullopt;
}

}  // namespace copse::base
