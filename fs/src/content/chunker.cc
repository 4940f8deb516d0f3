#include "content/chunker.h"

#include <copse/base/content_store.h>
#include <copse/base/hash.h>
#include <copse/crdt/bytes.h>

#include <algorithm>
#include <bit>

namespace copse::fs {
namespace {

constexpr std::uint32_t kKiB = 1024;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr ChunkSizes kSmall{16 * kKiB, 64 * kKiB, 256 * kKiB};
constexpr ChunkSizes kLarge{64 * kKiB, 256 * kKiB, 1024 * kKiB};
constexpr ChunkSizes kHuge{256 * kKiB, 1024 * kKiB, 4096 * kKiB};
static_assert(kHuge.max <= base::ContentStore::kChunkBytesMax);

/// How many bits the masks before and after the average length have more, and fewer, than the average asks for.
constexpr int kNormalisation = 2;

}  // namespace

ChunkSizes ChunkSizesFor(std::uint64_t file_size) {
  if (file_size >= 64 * kGiB) return kHuge;
  if (file_size >= kGiB) return kLarge;
  return kSmall;
}

const Chunker::Gear& Chunker::GearTable() const {
  std::call_once(is_made_, [this] {
    constexpr std::size_t kWordsPerBlock = sizeof(base::Hash) / sizeof(std::uint64_t);
    for (std::size_t block = 0; block * kWordsPerBlock < gear_.size(); ++block) {
      crdt::ByteWriter message;
      message.Raw("copse gear 1");
      message.U32(static_cast<std::uint32_t>(block));
      const base::Hash hash = base::HmacSha256(volume_key_, message.bytes());
      for (std::size_t word = 0; word < kWordsPerBlock; ++word) {
        std::uint64_t value = 0;
        for (std::size_t byte = 0; byte < sizeof(value); ++byte) {
          value |= std::uint64_t{hash[word * sizeof(value) + byte]} << (8 * byte);
        }
        gear_[block * kWordsPerBlock + word] = value;
      }
    }
  });
  return gear_;
}

std::size_t Chunker::Cut(std::string_view data, const ChunkSizes& sizes) const {
  if (data.size() <= sizes.min) return data.size();
  const std::size_t end = std::min<std::size_t>(data.size(), sizes.max);
  const std::size_t normal = std::min<std::size_t>(end, sizes.average);
  const int bits = std::countr_zero(sizes.average);
  // The high bits of the hash depend on the last 64 bytes; the low ones on fewer.
  const int strict_shift = 64 - (bits + kNormalisation);
  const int loose_shift = 64 - (bits - kNormalisation);
  const Gear& gear = GearTable();
  std::uint64_t hash = 0;
  std::size_t i = sizes.min;
  for (; i < normal; ++i) {
    hash = (hash << 1) + gear[static_cast<unsigned char>(data[i])];
    if ((hash >> strict_shift) == 0) return i + 1;
  }
  for (; i < end; ++i) {
    hash = (hash << 1) + gear[static_cast<unsigned char>(data[i])];
    if ((hash >> loose_shift) == 0) return i + 1;
  }
  return end;
}

}  // namespace copse::fs
