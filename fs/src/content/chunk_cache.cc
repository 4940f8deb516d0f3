#include "content/chunk_cache.h"

#include "content/about_to_wait.h"

namespace copse::fs {

std::size_t CachedChunk::MemoryBytes() const {
  return sizeof(CachedChunk) + bytes.capacity() + entries.capacity() * sizeof(ManifestEntry) +
         ends.capacity() * sizeof(std::uint64_t);
}

absl::StatusOr<ChunkCache::Value> ChunkCache::GetOrLoad(const Key& key,
                                                        absl::FunctionRef<absl::StatusOr<CachedChunk>()> load) {
  std::unique_lock lock(mutex_);
  if (const auto found = kept_.find(key); found != kept_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return found->second->second;
  }
  if (const auto found = loading_.find(key); found != loading_.end()) {
    const std::shared_ptr<Loading> other = found->second;
    AboutToWait();
    loaded_.wait(lock, [&] { return other->done; });
    return other->result;
  }
  const auto mine = std::make_shared<Loading>();
  loading_.emplace(key, mine);
  lock.unlock();
  absl::StatusOr<CachedChunk> chunk = load();
  absl::StatusOr<Value> result = Value();
  if (chunk.ok()) {
    result = std::make_shared<const CachedChunk>(*std::move(chunk));
  } else {
    result = std::move(chunk).status();
  }
  lock.lock();
  if (result.ok()) Keep(key, *result);
  mine->done = true;
  mine->result = result;
  loading_.erase(key);
  loaded_.notify_all();
  return result;
}

void ChunkCache::Keep(const Key& key, const Value& value) {
  const std::size_t size = value->MemoryBytes();
  if (size > bytes_max_) return;
  bytes_ += size;
  order_.emplace_front(key, value);
  kept_.emplace(key, order_.begin());
  while (bytes_ > bytes_max_) {
    bytes_ -= order_.back().second->MemoryBytes();
    kept_.erase(order_.back().first);
    order_.pop_back();
  }
}

}  // namespace copse::fs
