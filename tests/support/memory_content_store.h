#pragma once

#include <copse/base/content_store.h>
#include <copse/base/hash.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace copse::test {

/// Chunks in memory, unsealed: the id of a chunk is the hash of its bytes. Counts calls, and fails on request.
/// Thread-safe.
class MemoryContentStore final : public base::ContentStore {
 public:
  absl::StatusOr<base::ChunkRef> Put(std::string_view plain) override {
    const std::lock_guard lock(mutex_);
    if (plain.empty() || plain.size() > kChunkBytesMax) return absl::InvalidArgumentError("a chunk of a wrong length");
    if (puts_until_full_ == 0) return absl::ResourceExhaustedError("the disk is full");
    if (puts_until_full_ > 0) --puts_until_full_;
    base::ChunkRef ref;
    ref.id = ref.sealed_hash = ref.plain_hash = base::Sha256(plain);
    ref.plain_length = static_cast<std::uint32_t>(plain.size());
    ++puts_;
    put_bytes_ += plain.size();
    chunks_.try_emplace(ref.id, plain);
    return ref;
  }

  absl::StatusOr<std::string> Get(const base::ChunkRef& chunk) override {
    const std::lock_guard lock(mutex_);
    const auto found = chunks_.find(chunk.id);
    if (found == chunks_.end()) {
      return absl::NotFoundError("chunk " + base::Hex(base::AsBytes(chunk.id)) + " is not here");
    }
    ++gets_;
    max_gets_of_a_chunk_ = std::max(max_gets_of_a_chunk_, ++gets_of_[chunk.id]);
    return found->second;
  }

  /// So many calls of Put succeed from now on; a negative number: all.
  void FailPutsAfter(std::int64_t count) {
    const std::lock_guard lock(mutex_);
    puts_until_full_ = count;
  }
  void Forget(const base::ChunkRef& chunk) {
    const std::lock_guard lock(mutex_);
    chunks_.erase(chunk.id);
  }
  void ResetCounts() {
    const std::lock_guard lock(mutex_);
    puts_ = gets_ = put_bytes_ = max_gets_of_a_chunk_ = 0;
    gets_of_.clear();
  }

  std::uint64_t puts() const { return Locked(puts_); }
  std::uint64_t put_bytes() const { return Locked(put_bytes_); }
  std::uint64_t gets() const { return Locked(gets_); }
  std::uint64_t max_gets_of_a_chunk() const { return Locked(max_gets_of_a_chunk_); }
  std::size_t chunk_count() const {
    const std::lock_guard lock(mutex_);
    return chunks_.size();
  }

 private:
  std::uint64_t Locked(const std::uint64_t& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  mutable std::mutex mutex_;
  std::map<base::Hash, std::string> chunks_;
  std::map<base::Hash, std::uint64_t> gets_of_;
  std::uint64_t puts_ = 0;
  std::uint64_t put_bytes_ = 0;
  std::uint64_t gets_ = 0;
  std::uint64_t max_gets_of_a_chunk_ = 0;
  std::int64_t puts_until_full_ = -1;
};

}  // namespace copse::test
